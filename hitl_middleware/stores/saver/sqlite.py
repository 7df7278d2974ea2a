"""LangGraph's SQLite saver, shared."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiosqlite
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy import URL

from hitl_middleware.stores.saver.shared import Shared


class SharedSqliteSaver(Shared, AsyncSqliteSaver):
    """One connection in a thread of its own."""

    async def ready(self) -> None:
        """Connect, and create LangGraph's tables."""
        await self.setup()

    async def close(self) -> None:
        """See ``Shared.close``."""
        await self.conn.close()

    async def fence_of(self, run_id: str) -> int | None:
        """See ``Shared.fence_of``."""
        fence = "SELECT fence FROM hitl_runs WHERE id = ?"
        async with self.lock, self.conn.execute(fence, (run_id,)) as cursor:
            row = await cursor.fetchone()
        return row[0] if row is not None else None


async def open_sqlite_saver(url: URL, *, serde: SerializerProtocol) -> SharedSqliteSaver:
    """The saver on a file, owned by the running loop."""
    path = Path(url.database or "")
    await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    connection = aiosqlite.connect(path, timeout=30)
    # The connection's thread must not keep a finished script alive (SQLAlchemy does the same for its own).
    connection._thread.daemon = True  # noqa: SLF001 – aiosqlite offers no other way
    return SharedSqliteSaver(connection, serde=serde)
