"""PostgreSQL: pooled connections of psycopg's asyncio. Rows are locked where a verb says so; readers see one snapshot.

Writers run in READ COMMITTED: each statement sees what was committed before it, and waits for whoever holds a row it wants to change. As
every unit of work takes its locks in the port's order, they wait for each other, but never in a circle. A unit that was forgotten – its
process stopped, its cable pulled – holds its rows for ``_FORGOTTEN`` and no longer.

A transaction begins in one trip, which also brings the time. No connection is asked before whether it is alive: where one turns out to be
dead the beginning is repeated on another, for nothing has been done yet. What goes to the server is finished, also when its task is
cancelled meanwhile: a connection given up half-way would be lost to the pool.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import URL, Executable, event
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from hitl_middleware.stores.sql.database import Result, Values, fetched
from hitl_middleware.stores.turn import finish
from hitl_middleware.stores.url import driven, gone, unreachable

_WRITERS = 10
_READERS = 5
_PATIENCE = "30s"
"""How long a statement waits for a row."""
_FORGOTTEN = "30s"


_BEGIN = "SELECT clock_timestamp(); BEGIN"
_BEGIN_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_AS_IT_IS = {"no_parameters": True}
"""Statements that are not prepared: several go in one message."""


class PostgresqlConnection:
    """``database.Connection``."""

    dialect = "postgresql"

    def __init__(self, connection: AsyncConnection, began: dt.datetime | None) -> None:
        self._connection = connection
        self.began = began

    async def execute(self, statement: Executable, values: Values) -> Result:
        """Run one statement and fetch all it gives."""
        return fetched(await finish(self._connection.execute(statement, values)))

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """PostgreSQL ends a transaction in which a statement was refused, but not beyond a savepoint."""
        nested = self._connection.begin_nested()
        _ = await finish(nested.start())
        try:
            yield
        except BaseException:
            await finish(nested.rollback())
            raise
        await finish(nested.commit())


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
        self._closed = False

    @asynccontextmanager
    async def transaction(self, *, writes: bool) -> AsyncIterator[PostgresqlConnection]:
        """A connection from the pool, in a transaction."""
        if self._closed:
            msg = "the store is closed"
            raise RuntimeError(msg)
        connected = False
        try:
            async with self._gates[writes], _connection(self._engine) as connection:
                begun = await _begin(connection, writes=writes)  # may have to connect anew
                connected = True
                yield PostgresqlConnection(connection, begun)
                await finish(connection.commit())
        except SQLAlchemyError as error:
            if gone(error, connected=connected):
                raise unreachable(self._url, error) from error
            raise

    async def close(self) -> None:
        """Close every connection; those in use when they come back."""
        self._closed = True
        await self._engine.dispose()


@asynccontextmanager
async def _connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """One of the pool's; whatever was not committed is rolled back when it goes back."""
    connection = AsyncConnection(engine)
    try:
        _ = await finish(connection.start())
        yield connection
    finally:
        if connection.sync_connection is not None:
            await finish(connection.close())


async def _begin(connection: AsyncConnection, *, writes: bool) -> dt.datetime | None:
    statement = _BEGIN if writes else _BEGIN_READING
    try:
        begun = await finish(connection.exec_driver_sql(statement, execution_options=_AS_IT_IS))
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        # Slept in the pool while the server was restarted, as all of them: those are gone now, and this one connects anew.
        await finish(connection.rollback())
        begun = await finish(connection.exec_driver_sql(statement, execution_options=_AS_IT_IS))
    return begun.scalar_one() if writes else None


def _connected(connection: Any, _record: object) -> None:
    """Settings of the session, and not of the start-up packet, which poolers between us and the server may refuse."""
    cursor = connection.cursor()
    cursor.execute(f"SET lock_timeout = '{_PATIENCE}'")
    cursor.execute(f"SET idle_in_transaction_session_timeout = '{_FORGOTTEN}'")
    cursor.close()
    connection.commit()
