"""SQLite: one writer and some readers, each a connection of its own.

Every unit that writes begins with ``BEGIN IMMEDIATE``: it has the database to itself from its first statement, so what it read stays true
and no statement in it fails for want of a lock. In one process writers take turns (LangGraph's saver, too) and never spin, and those of a
store that wait for each other share a trip to the disk (``together``); other processes are waited for. Readers neither wait nor are waited
for (write-ahead log).

A statement takes less time than the way to a thread and back, so it is run where it is asked for: on the store's own event loop, where
nothing else would be done meanwhile. What waits for the disk – a commit – is done in a thread, and to its end also when its task is
cancelled; what waits for another process – a beginning – is asked for again and again. So nobody's cancellation leaves a cursor half-way,
which would keep the database locked.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from itertools import chain, repeat
from pathlib import Path
from typing import Any, TypeVar, cast

from sqlalchemy import URL, Engine, Executable, NullPool, create_engine, event
from sqlalchemy import Connection as EngineConnection
from sqlalchemy.exc import DBAPIError, OperationalError

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.stores.sql.database import Connection, Result, Values, fetched
from hitl_middleware.stores.sql.ready import Statements
from hitl_middleware.stores.sql.together import Together
from hitl_middleware.stores.turn import finish, turn_at
from hitl_middleware.stores.url import driven, gone, unreachable

T = TypeVar("T")

_READERS = 4
_PAUSES = (0.001, 0.001, 0.002, 0.005)
"""Seconds before a writer asks again whether another process is done; then ``_PAUSE`` each time."""
_PAUSE = 0.01
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class SqliteConnection:
    """A connection; ``database.Connection`` while a transaction is open. ``disk``: the thread in which it commits, where that may wait."""

    dialect = "sqlite"
    began = None

    def __init__(self, engine: Engine, begin: str, disk: ThreadPoolExecutor | None) -> None:
        self._engine = engine
        self._begin = begin
        self._statements = Statements(engine.dialect)
        self._disk = disk
        self._connection: EngineConnection | None = None

    async def execute(self, statement: Executable, values: Values) -> Result:
        """Run one statement and fetch all it gives."""
        connection = self._open()
        if not isinstance(values, Mapping) or (ready := self._statements.ready(statement, values)) is None:
            return fetched(connection.execute(statement, values))
        try:
            cursor = self._driver.execute(ready.sql, ready.values(values))
            return Result(ready.rows(cursor.fetchall()) if ready.columns else (), cursor.rowcount)
        except sqlite3.Error as error:
            raise self._statements.failed(ready.sql, error, sqlite3.Error) from error

    async def tell(self, statement: Executable, values: Values) -> None:
        """At once: there is no trip to be saved."""
        await self.execute(statement, values)

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """Needed by nobody: SQLite's transaction survives a refused statement."""
        return nullcontext()

    async def lend(self, write: Callable[[Any], Awaitable[T]]) -> T:  # noqa: ARG002 – see the sentence
        """Nobody else's: no job queue of others works on SQLite."""
        msg = "SQLite has no connection to lend to a job queue. Set HITL_DISPATCHER=local, or use PostgreSQL."
        raise ConfigurationError(msg)

    def begin(self) -> None:
        """Open a transaction."""
        if self._connection is None:
            self._connection = self._engine.connect()
            self._driver = cast("sqlite3.Connection", self._connection.connection.driver_connection)
        try:
            self._run(self._begin)
        except BaseException as error:
            if not _busy(error):
                self.close()
            raise

    async def commit(self) -> None:
        """End the transaction."""
        if self._disk is not None:
            await finish(asyncio.get_running_loop().run_in_executor(self._disk, self._commit))

    @contextmanager
    def reading(self) -> Iterator[None]:
        """The rest of a transaction that only reads."""
        try:
            yield
        except BaseException:
            self.rollback()
            raise
        self._commit()

    def rollback(self) -> None:
        """End the transaction as if it had never been."""
        if self._connection is None:
            return
        try:
            if self._driver.in_transaction:
                self._run("ROLLBACK")
        except BaseException:
            self.close()
            raise

    def mark(self) -> None:
        """See ``together.Writer``."""
        self._run("SAVEPOINT here")

    def keep(self) -> None:
        """See ``together.Writer``."""
        self._run("RELEASE here")

    def undo(self) -> None:
        """See ``together.Writer``."""
        self._run("ROLLBACK TO here")
        self._run("RELEASE here")

    def close(self) -> None:
        """Close the connection; the next transaction opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(DBAPIError):
                connection.invalidate()
            connection.close()

    def end(self) -> None:
        """Close it for good, with its thread."""
        self.close()
        if self._disk is not None:
            self._disk.shutdown(wait=False)

    def _commit(self) -> None:
        try:
            self._open()
            self._run("COMMIT")
        except BaseException:
            # A commit that was refused leaves SQLite inside the transaction; a new connection is surely outside.
            self.close()
            raise

    def _run(self, sql: str) -> None:
        try:
            self._driver.execute(sql).close()
        except sqlite3.Error as error:
            raise self._statements.failed(sql, error, sqlite3.Error) from error

    def _open(self) -> EngineConnection:
        # Outside a transaction every statement would be one of its own.
        if self._connection is None or not self._driver.in_transaction:
            msg = "this unit of work has ended"
            raise RuntimeError(msg)
        return self._connection


class _Part:
    """What one unit of work has of the writer: nothing any more when it has ended, though its transaction may go on."""

    dialect = "sqlite"
    began = None

    def __init__(self, writer: SqliteConnection) -> None:
        self._writer = writer
        self.over = False

    async def execute(self, statement: Executable, values: Values) -> Result:
        """See ``SqliteConnection``, as for all of it."""
        if self.over:
            msg = "this unit of work has ended"
            raise RuntimeError(msg)
        return await self._writer.execute(statement, values)

    async def tell(self, statement: Executable, values: Values) -> None:
        await self.execute(statement, values)

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        return self._writer.savepoint()

    async def lend(self, write: Callable[[Any], Awaitable[T]]) -> T:
        return await self._writer.lend(write)


class _Readers:
    """Connections that only read; one for each unit of work."""

    def __init__(self, connections: list[SqliteConnection]) -> None:
        self._free = connections
        self._gate = asyncio.Semaphore(len(connections))
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
                self._back(connection)

    def close(self) -> None:
        """Close what is free; what is in use is closed when it comes back."""
        self._closed = True
        while self._free:
            self._free.pop().end()

    def _back(self, connection: SqliteConnection) -> None:
        self._free.append(connection)
        if self._closed:
            self.close()


class SqliteDatabase:
    """``database.Database`` in a file."""

    def __init__(self, url: URL, *, busy_seconds: float) -> None:
        self._url = url
        self._busy_seconds = busy_seconds
        writing = _engine(url, timeout=0)
        reading = _engine(url, timeout=busy_seconds, pragmas=("PRAGMA query_only = ON",))
        disk = ThreadPoolExecutor(1, thread_name_prefix="hitl-sqlite")
        self._writer = SqliteConnection(writing, "BEGIN IMMEDIATE", disk)
        self._together = Together(
            self._writer, turn_at(Path(url.database or "")), lambda: self._begin(self._writer)
        )
        self._reading = _Readers([SqliteConnection(reading, "BEGIN", None) for _ in range(_READERS)])
        self._closed = False

    @asynccontextmanager
    async def transaction(self, *, writes: bool) -> AsyncIterator[Connection]:
        """The writer in its turn, or the next free reader."""
        try:
            if writes:
                async with self._together.unit():
                    part = _Part(self._writer)
                    try:
                        yield part
                    finally:
                        part.over = True
            else:
                async with self._reading.connection() as connection:
                    await self._begin(connection)
                    with connection.reading():
                        yield connection
        except DBAPIError as error:
            if gone(error, connected=True):
                raise unreachable(self._url, error) from error
            raise
        finally:
            if writes and self._closed and self._together.is_free:
                self._writer.end()

    def glance(self) -> AbstractAsyncContextManager[Connection]:
        """As any reader: a transaction costs nothing here."""
        return self.transaction(writes=False)

    async def close(self) -> None:
        """Close every connection; those in use when they come back."""
        self._closed = True
        if self._together.is_free:
            self._writer.end()
        self._reading.close()

    async def _begin(self, connection: SqliteConnection) -> None:
        if self._closed:
            msg = "the store is closed"
            raise RuntimeError(msg)
        time = asyncio.get_running_loop().time
        give_up_at = time() + self._busy_seconds
        for pause in chain(_PAUSES, repeat(_PAUSE)):
            try:
                connection.begin()
            except OperationalError as error:
                if not _busy(error) or time() >= give_up_at:
                    raise
            else:
                return
            await asyncio.sleep(pause)


def _busy(error: BaseException) -> bool:
    """Whether another process writes."""
    cause = error.orig if isinstance(error, OperationalError) else None
    return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _BUSY


def _engine(url: URL, *, timeout: float, pragmas: tuple[str, ...] = ()) -> Engine:
    """An engine whose transactions begin where we say, and nowhere else: to the driver every statement commits itself."""
    engine = create_engine(
        driven(url, "sync"),
        poolclass=NullPool,
        connect_args={"timeout": timeout, "isolation_level": None, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        # FULL: a commit that was acknowledged survives a power cut (DESIGN rule 6).
        for pragma in ("PRAGMA foreign_keys = ON", "PRAGMA synchronous = FULL", *pragmas):
            connection.execute(pragma).close()

    return engine
