"""``SqlStore``: units of work on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hitl_middleware.ports import Clock
from hitl_middleware.stores.sql.database import Database
from hitl_middleware.stores.sql.unit import SqlUnit
from hitl_middleware.stores.turn import finish
from hitl_middleware.stores.url import parse

BUSY_SECONDS = 30.0
"""How long a unit of work on SQLite waits for another process's transaction."""


class SqlStore:
    """A database by its URL. SQLite's time is ``clock``; PostgreSQL's is its own, unless ``clock_rules`` (for tests, which turn it)."""

    def __init__(
        self, url: str, *, clock: Clock, busy_seconds: float = BUSY_SECONDS, clock_rules: bool = False
    ) -> None:
        self._url = parse(url)
        self._clock = clock
        self._busy_seconds = busy_seconds
        self._clock_rules = clock_rules or self._url.drivername == "sqlite"
        self._database = self._open()

    def _open(self) -> Database:
        if self._url.drivername == "postgresql":
            from hitl_middleware.stores.sql.postgresql import PostgresqlDatabase

            return PostgresqlDatabase(self._url)
        from hitl_middleware.stores.sql.sqlite import SqliteDatabase

        return SqliteDatabase(self._url, busy_seconds=self._busy_seconds)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[SqlUnit]:
        """A unit of work that may write."""
        async with self._database.transaction(writes=True) as connection:
            yield SqlUnit(connection, self._time, writes=True)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[SqlUnit]:
        """A unit of work that only reads: one snapshot, and the database refuses to write in it."""
        async with self._database.transaction(writes=False) as connection:
            yield SqlUnit(connection, self._time, writes=False)

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[SqlUnit]:
        """A unit of work of one query."""
        async with self._database.glance() as connection:
            yield SqlUnit(connection, self._time, writes=False)

    async def prepare(self) -> None:
        """Create or upgrade the schema: SQLite always, PostgreSQL only where it has none of our tables (O-07)."""
        from hitl_middleware.stores import migrations

        url = self._url.render_as_string(hide_password=False)
        await finish(asyncio.to_thread(migrations.prepare, url, busy_seconds=self._busy_seconds))

    async def close(self) -> None:
        """Close every connection."""
        await finish(self._database.close())

    def _time(self) -> dt.datetime | None:
        """What time it is, where that is ours to say; ``None``: the database knows better."""
        return self._clock.now() if self._clock_rules else None
