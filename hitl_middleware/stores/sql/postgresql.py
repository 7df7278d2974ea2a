"""PostgreSQL: pooled connections of psycopg's asyncio. Rows are locked where a verb says so; readers see one snapshot.

Writers run in READ COMMITTED: each statement sees what was committed before it, and waits for whoever holds a row it wants to change. As
every unit of work takes its locks in the port's order, they wait for each other, but never in a circle. A unit that was forgotten – its
process stopped, its cable pulled – holds its rows for ``_FORGOTTEN`` and no longer.

A transaction begins in one trip, which also brings the time. No connection is asked before whether it is alive: where one turns out to be
dead the beginning is repeated on another, for nothing has been done yet. Of what nobody asks an answer to (``tell``: most changes, the
audit) nothing is sent until there is something to wait for: it goes with that in one trip, at the latest with the commit. What goes to the
server is finished, also when its task is cancelled meanwhile: a connection given up half-way would be lost to the pool.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeVar, cast

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Executable, Select, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hitl_middleware.stores.sql.database import Result, Values, fetched
from hitl_middleware.stores.sql.ready import Statements
from hitl_middleware.stores.turn import finish
from hitl_middleware.stores.url import driven, gone, unreachable

T = TypeVar("T")

_WRITERS = 10
_READERS = 5
_PATIENCE = "30s"
"""How long a statement waits for a row."""
_FORGOTTEN = "30s"

_BEGIN = "SELECT clock_timestamp(); BEGIN"
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"


class PostgresqlConnection:
    """``database.Connection``. Below SQLAlchemy's pool the driver's own one works (``ready``)."""

    dialect = "postgresql"
    began: dt.datetime | None = None

    def __init__(self, connection: AsyncConnection, statements: Statements) -> None:
        self._connection = connection
        self._driver = _driver_of(connection)
        self._statements = statements
        self._told: list[tuple[str, Any]] = []
        self.over = False

    async def execute(self, statement: Executable, values: Values) -> Result:
        """Run one statement and fetch all it gives."""
        self._check()
        if not isinstance(values, Mapping) or (ready := self._statements.ready(statement, values)) is None:
            await self._send()
            return fetched(await finish(self._connection.execute(statement, values)))
        rows, changed = await self._run(ready.sql, ready.values(values), gives=bool(ready.columns))
        return Result(ready.rows(rows), changed)

    async def tell(self, statement: Executable, values: Values) -> None:
        """Run one statement with whatever comes after it."""
        self._check()
        if isinstance(values, Mapping) and (ready := self._statements.ready(statement, values)) is not None:
            self._told.append((ready.sql, ready.values(values)))
        else:
            await self.execute(statement, values)

    async def begin(self, *, writes: bool) -> None:
        """Open a transaction."""
        rows, _ = await self._first(_BEGIN if writes else _BEGIN_READING, gives=writes)
        self.began = rows[0][0] if rows else None

    async def commit(self) -> None:
        """End the transaction."""
        await self._run("COMMIT")

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """PostgreSQL ends a transaction in which a statement was refused, but not beyond a savepoint."""
        await self._run("SAVEPOINT here")
        try:
            yield
        except BaseException:
            await self._run("ROLLBACK TO SAVEPOINT here")
            raise
        await self._run("RELEASE SAVEPOINT here")

    async def _first(
        self, sql: str, values: Any = None, *, gives: bool
    ) -> tuple[Sequence[tuple[Any, ...]], int]:
        """Run what comes first on a connection of the pool; it changes nothing, so it may be run again."""
        try:
            return await self._run(sql, values, gives=gives)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
        # It slept in the pool while the server was restarted: it connects anew.
        await finish(self._connection.invalidate())
        await finish(self._connection.get_raw_connection())
        self._driver = _driver_of(self._connection)
        return await self._run(sql, values, gives=gives)

    def _check(self) -> None:
        if self.over:  # the pool has the connection back, and perhaps somebody else has it
            msg = "this unit of work has ended"
            raise RuntimeError(msg)

    async def _send(self) -> None:
        """Have done what was told, before something that goes another way."""
        if self._told:
            sql, values = self._told.pop()
            await self._run(sql, values)

    async def _run(
        self, sql: str, values: Any = None, *, gives: bool = False
    ) -> tuple[Sequence[tuple[Any, ...]], int]:
        """What a statement gave, and how many rows it changed; what was told before goes with it."""
        told, self._told = self._told, []

        async def run() -> tuple[Sequence[tuple[Any, ...]], int]:
            if not told:
                cursor = await self._driver.execute(sql, values)
            else:
                async with self._driver.pipeline():
                    for each in told:
                        await self._driver.execute(*each)
                    cursor = await self._driver.execute(sql, values)
            return await cursor.fetchall() if gives else (), cursor.rowcount

        try:
            return await finish(run())
        except psycopg.Error as error:
            raise self._statements.failed(sql, error, psycopg.Error, lost=self._driver.closed) from error

    async def lend(self, write: Callable[[Any], Awaitable[T]]) -> T:
        """Have ``write`` use psycopg's ``AsyncConnection``."""
        await self._send()
        return await finish(write(self._driver))


class Glance(PostgresqlConnection):
    """One for queries, each of which is a transaction of its own."""

    async def execute(self, statement: Executable, values: Values) -> Result:
        """Run one query."""
        self._check()
        if not isinstance(statement, Select) or not isinstance(values, Mapping):
            msg = "a glance only reads; use begin()"
            raise RuntimeError(msg)  # noqa: TRY004 – it is not the statement that is wrong
        ready = self._statements.ready(statement, values)
        if ready is None:
            return fetched(await finish(self._connection.execute(statement, values)))
        rows, changed = await self._first(ready.sql, ready.values(values), gives=True)
        return Result(ready.rows(rows), changed)

    async def tell(self, statement: Executable, values: Values) -> None:
        """It has nothing to tell."""
        await self.execute(statement, values)


class PostgresqlDatabase:
    """``database.Database`` on a server: at most ``_WRITERS + _READERS`` connections."""

    def __init__(self, url: URL) -> None:
        self._url = url
        # Who waits, waits here, where a cancellation ends it: the pool is never empty. Readers have theirs, so that a unit of work may read
        # beside itself.
        self._gates = {True: asyncio.Semaphore(_WRITERS), False: asyncio.Semaphore(_READERS)}
        self._engine = create_async_engine(
            driven(url, "async"),
            isolation_level="AUTOCOMMIT",  # to the driver: where a transaction begins we say ourselves
            pool_size=_WRITERS + _READERS,
            max_overflow=0,
        )
        event.listen(self._engine.sync_engine, "connect", _connected)
        self._statements = Statements(self._engine.dialect)
        self._free: list[AsyncConnection] = []
        self._closed = False

    @asynccontextmanager
    async def transaction(self, *, writes: bool) -> AsyncIterator[PostgresqlConnection]:
        """A connection from the pool, in a transaction."""
        connected = False
        with self._told(lambda: connected):
            async with self._gates[writes], self._connection() as pooled:
                connection = PostgresqlConnection(pooled, self._statements)
                try:
                    await connection.begin(writes=writes)  # may have to connect anew
                    connected = True
                    yield connection
                    await connection.commit()
                finally:
                    connection.over = True

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[Glance]:
        """A reader's connection, without a transaction."""
        with self._told(lambda: False):
            async with self._gates[False], self._connection() as pooled:
                connection = Glance(pooled, self._statements)
                try:
                    yield connection
                finally:
                    connection.over = True

    async def close(self) -> None:
        """Close every connection; those in use when they come back."""
        self._closed = True
        while self._free:
            await self._free.pop().close()
        await self._engine.dispose()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        """One that is free, or a new one. What was not committed is rolled back where it came from, SQLAlchemy's pool."""
        connection = self._free.pop() if self._free else await _opened(self._engine)
        try:
            yield connection
        finally:
            # To hand it back to that pool and to take it out again costs as much as a statement.
            if not self._closed and _is_idle(connection):
                self._free.append(connection)
            else:
                await finish(connection.close())

    @contextmanager
    def _told(self, connected: Callable[[], bool]) -> Iterator[None]:
        """Whatever means that the database is out of reach, as a sentence that says so."""
        if self._closed:
            msg = "the store is closed"
            raise RuntimeError(msg)
        try:
            yield
        except SQLAlchemyError as error:
            if gone(error, connected=connected()):
                raise unreachable(self._url, error) from error
            raise


async def _opened(engine: AsyncEngine) -> AsyncConnection:
    connection = AsyncConnection(engine)
    try:
        _ = await finish(connection.start())
    except BaseException:
        if connection.sync_connection is not None:
            await finish(connection.close())
        raise
    return connection


def _driver_of(connection: AsyncConnection) -> psycopg.AsyncConnection[tuple[Any, ...]]:
    """The driver's own one, of a connection that is open."""
    assert connection.sync_connection is not None  # noqa: S101 – it was opened
    found = connection.sync_connection.connection.driver_connection
    return cast("psycopg.AsyncConnection[tuple[Any, ...]]", found)


def _is_idle(connection: AsyncConnection) -> bool:
    """Whether nothing of anybody's is left on it."""
    if connection.closed or connection.invalidated or connection.in_transaction():
        return False
    return _driver_of(connection).info.transaction_status is TransactionStatus.IDLE


def _connected(connection: Any, _record: object) -> None:
    """Settings of the session, and not of the start-up packet, which poolers between us and the server may refuse."""
    cursor = connection.cursor()
    cursor.execute(f"SET lock_timeout = '{_PATIENCE}'")
    cursor.execute(f"SET idle_in_transaction_session_timeout = '{_FORGOTTEN}'")
    cursor.close()
    connection.commit()
