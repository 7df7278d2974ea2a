"""PostgreSQL: pooled connections of psycopg's asyncio. Rows are locked where a verb says so; readers see one snapshot."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from sqlalchemy import URL, Executable
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from hitl_middleware.stores.sql.database import Result, Values, fetched
from hitl_middleware.stores.url import driven, gone, unreachable

_CONNECTIONS = 10


class PostgresqlConnection:
    """``database.Connection``."""

    dialect = "postgresql"

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def execute(self, statement: Executable, values: Values) -> Result:
        """Run one statement and fetch all it gives."""
        return fetched(await self._connection.execute(statement, values))

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """PostgreSQL ends a transaction in which a statement was refused, but not beyond a savepoint."""
        return self._connection.begin_nested()


class PostgresqlDatabase:
    """``database.Database`` on a server."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._writing = create_async_engine(
            driven(url, "async"), pool_pre_ping=True, pool_size=_CONNECTIONS, max_overflow=_CONNECTIONS
        )
        self._reading = self._writing.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )

    @asynccontextmanager
    async def transaction(self, *, writes: bool) -> AsyncIterator[PostgresqlConnection]:
        """A connection from the pool, in a transaction."""
        connected = False
        try:
            async with (self._writing if writes else self._reading).begin() as connection:
                connected = True
                yield PostgresqlConnection(connection)
        except SQLAlchemyError as error:
            if gone(error, connected=connected):
                raise unreachable(self._url, error) from error
            raise

    async def close(self) -> None:
        """Close every connection."""
        await self._writing.dispose()
