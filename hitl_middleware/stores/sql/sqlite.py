"""SQLite: one writer and some readers, each a connection in a thread of its own.

Every unit that writes begins with ``BEGIN IMMEDIATE``: it has the database to itself from its first statement, so what it read stays true
and no statement in it fails for want of a lock. In one process writers take turns on an asyncio lock and never spin; other processes are
waited for. Readers neither wait nor are waited for (write-ahead log).

Why threads of our own below SQLAlchemy's plain driver: a statement is one trip to its thread and back, where the asyncio drivers need four;
and it runs to its end even when its task is cancelled. A cursor that was abandoned half-way would keep the database locked.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, Executable, NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from hitl_middleware.stores.sql.database import Result, Values, fetched
from hitl_middleware.stores.turn import Turn, finish
from hitl_middleware.stores.url import driven, gone, unreachable

P = ParamSpec("P")
T = TypeVar("T")

_READERS = 4
_PATIENCE = 1.0
"""Seconds a writer waits inside one BEGIN before it asks again; a cancellation or a shutdown waits no longer than this."""
_PAUSE = 0.01
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SqliteConnection:
    """A connection and its thread; ``database.Connection`` while a transaction is open."""

    dialect = "sqlite"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="hitl-sqlite")
        self._connection: Connection | None = None

    async def execute(self, statement: Executable, values: Values) -> Result:
        """Run one statement and fetch all it gives."""
        return await self._call(self._execute, statement, values)

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """Needed by nobody: SQLite's transaction survives a refused statement."""
        return nullcontext()

    async def begin(self) -> None:
        """Open a transaction; a task cancelled meanwhile leaves none."""
        try:
            await self._call(self._begin)
        except asyncio.CancelledError:
            await self.rollback()
            raise

    async def commit(self) -> None:
        """End the transaction."""
        await self._call(self._commit)

    async def rollback(self) -> None:
        """End the transaction as if it had never been."""
        await self._call(self._rollback)

    async def close(self) -> None:
        """Close the connection and end its thread."""
        await self._call(self._drop)
        self._thread.shutdown(wait=False)

    async def _call(self, function: Callable[P, T], *args: P.args, **_: P.kwargs) -> T:
        """Run ``function`` in the connection's thread, to its end."""
        return await finish(asyncio.get_running_loop().run_in_executor(self._thread, function, *args))

    # in the thread

    def _execute(self, statement: Executable, values: Values) -> Result:
        return fetched(self._open().execute(statement, values))

    def _begin(self) -> None:
        if self._connection is None:
            self._connection = self._engine.connect()
        try:
            self._connection.begin()
        except BaseException:
            self._drop()
            raise

    def _commit(self) -> None:
        try:
            self._open().commit()
        except BaseException:
            # A commit that was refused leaves SQLite inside the transaction; a new connection is surely outside.
            self._drop()
            raise

    def _rollback(self) -> None:
        if self._connection is None:
            return
        try:
            self._connection.rollback()
        except BaseException:
            self._drop()
            raise

    def _open(self) -> Connection:
        # Outside a transaction SQLAlchemy would begin another one by itself, which nobody would end.
        if self._connection is None or not self._connection.in_transaction():
            msg = "this unit of work has ended"
            raise RuntimeError(msg)
        return self._connection

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError):
                connection.invalidate()
            connection.close()


class _Pool:
    """Connections of one kind; ``gate`` lets in as many units of work as there are."""

    def __init__(self, engine: Engine, size: int, gate: Turn | asyncio.Semaphore) -> None:
        self._free = [SqliteConnection(engine) for _ in range(size)]
        self._gate = gate
        self._closed = False

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[SqliteConnection]:
        async with self._gate:
            if self._closed:
                msg = "the store is closed"
                raise RuntimeError(msg)
            connection = self._free.pop()
            try:
                yield connection
            finally:
                await self._back(connection)

    async def close(self) -> None:
        """Close what is free; what is in use is closed when it comes back."""
        self._closed = True
        while self._free:
            await self._free.pop().close()

    async def _back(self, connection: SqliteConnection) -> None:
        self._free.append(connection)
        if self._closed:
            await self.close()


class SqliteDatabase:
    """``database.Database`` in a file."""

    def __init__(self, url: URL, *, busy_seconds: float) -> None:
        self._url = url
        self._busy_seconds = busy_seconds
        writing = _engine(url, "BEGIN IMMEDIATE", timeout=min(_PATIENCE, busy_seconds))
        reading = _engine(url, "BEGIN", timeout=busy_seconds, pragmas=("PRAGMA query_only = ON",))
        self._writing = _Pool(writing, 1, Turn())
        self._reading = _Pool(reading, _READERS, asyncio.Semaphore(_READERS))

    @asynccontextmanager
    async def transaction(self, *, writes: bool) -> AsyncIterator[SqliteConnection]:
        """The writer in its turn, or the next free reader."""
        async with (self._writing if writes else self._reading).connection() as connection:
            try:
                async with self._transaction(connection):
                    yield connection
            except DBAPIError as error:
                if gone(error, connected=True):
                    raise unreachable(self._url, error) from error
                raise

    async def close(self) -> None:
        """Close every connection; those in use when they come back."""
        await self._writing.close()
        await self._reading.close()

    @asynccontextmanager
    async def _transaction(self, connection: SqliteConnection) -> AsyncIterator[None]:
        await self._begin(connection)
        try:
            yield
        except BaseException:
            await connection.rollback()
            raise
        await connection.commit()

    async def _begin(self, connection: SqliteConnection) -> None:
        time = asyncio.get_running_loop().time
        give_up_at = time() + self._busy_seconds
        while True:
            try:
                return await connection.begin()
            except OperationalError as error:
                if not _busy(error) or time() >= give_up_at:
                    raise
            await asyncio.sleep(_PAUSE)


def _busy(error: OperationalError) -> bool:
    return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _BUSY


def _engine(url: URL, begin: str, *, timeout: float, pragmas: tuple[str, ...] = ()) -> Engine:
    """An engine whose transactions begin where we say, and nowhere else: to the driver every statement commits itself."""
    engine = create_engine(
        driven(url, "sync"), poolclass=NullPool, connect_args={"timeout": timeout, "isolation_level": None}
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        # FULL: a commit that was acknowledged survives a power cut (DESIGN rule 6).
        for pragma in ("PRAGMA foreign_keys = ON", "PRAGMA synchronous = FULL", *pragmas):
            connection.execute(pragma).close()

    @event.listens_for(engine, "begin")
    def _began(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
