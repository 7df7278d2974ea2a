"""LangGraph's own saver on the same database, for graphs that this library runs.

A checkpoint row is code to a permissive serializer (one UPDATE made ``get_state()`` run a shell command): the allow-list is strict and
passed explicitly, so no environment variable can widen it. And a checkpoint is written only by whoever drives the run: a process that
slept through its lease would put a second story beside the one that another process tells by now.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
)
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy import make_url

from hitl_middleware.errors import ConfigurationError, LeaseLost
from hitl_middleware.gate.calls import lease_in

T = TypeVar("T")


def strict_serializer(allowed: Iterable[tuple[str, str]] = ()) -> JsonPlusSerializer:
    """LangGraph's serializer that revives nothing but its own safe types and those named as (module, class)."""
    return JsonPlusSerializer(allowed_msgpack_modules=list(allowed) or None)


class SharedSqliteSaver(AsyncSqliteSaver):
    """``AsyncSqliteSaver`` that may be used from any loop or thread: its async methods go to the loop that owns the connection."""

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As the base class, on the owner's loop."""
        return await self._home(super().aget_tuple, config)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As the base class, on the owner's loop. Raises ``LeaseLost``."""
        await self._home(self._check_lease, config)
        return await self._home(super().aput, config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As the base class, on the owner's loop. Raises ``LeaseLost``."""
        await self._home(self._check_lease, config)
        await self._home(super().aput_writes, config, writes, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        """As the base class, on the owner's loop."""
        await self._home(super().adelete_thread, thread_id)

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 – LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As the base class, on the owner's loop; read in one go."""

        async def collect() -> list[CheckpointTuple]:
            listed = AsyncSqliteSaver.alist(self, config, filter=filter, before=before, limit=limit)
            return [item async for item in listed]

        for item in await self._home(collect):
            yield item

    async def _check_lease(self, config: RunnableConfig) -> None:
        """Raise ``LeaseLost`` where the run is another process's by now; one that nobody drives under a lease is not ours to judge."""
        lease = lease_in(config["configurable"])
        if lease is None:
            return
        await self.setup()
        fence = "SELECT fence FROM hitl_runs WHERE id = ?"
        async with self.lock, self.conn.execute(fence, (lease.run_id,)) as cursor:
            row = await cursor.fetchone()
        if row is not None and row[0] != lease.fence:
            raise LeaseLost(run=lease.run_id)

    async def _home(self, do: Callable[..., Awaitable[T]], *args: Any) -> T:
        if asyncio.get_running_loop() is self.loop:
            return await do(*args)

        async def begin() -> T:
            return await do(*args)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(begin(), self.loop))


async def open_saver(url: str, allowed: Iterable[tuple[str, str]] = ()) -> BaseCheckpointSaver[Any]:
    """The saver for a database, owned by the running loop. It connects at first use.

    Raises ``ConfigurationError`` for a database that has none here.
    """
    if url.startswith("memory:"):
        return InMemorySaver(serde=strict_serializer(allowed))
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite" or not parsed.database:
        msg = f"There is no checkpoint saver for {parsed.get_backend_name()} here; use sqlite:///path"
        raise ConfigurationError(msg)
    await asyncio.to_thread(Path(parsed.database).parent.mkdir, parents=True, exist_ok=True)
    connection = aiosqlite.connect(parsed.database, timeout=30)
    # The connection's thread must not keep a finished script alive (SQLAlchemy does the same for its own).
    connection._thread.daemon = True  # noqa: SLF001 – aiosqlite offers no other way
    return SharedSqliteSaver(connection, serde=strict_serializer(allowed))


async def close_saver(saver: BaseCheckpointSaver[Any]) -> None:
    """Close its connection, on the loop that owns it."""
    if isinstance(saver, AsyncSqliteSaver):
        await saver.conn.close()
