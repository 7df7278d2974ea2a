"""A saver that many may use, from any loop and thread."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    CheckpointTuple,
    DeltaChannelHistory,
)

from hitl_middleware.errors import ForkedProcess

T = TypeVar("T")


class Shared(BaseCheckpointSaver[Any]):
    """Stands before one of LangGraph's async savers, whose sync methods go to ``loop`` already: the async ones do here, too.

    ``aput`` and ``aput_writes`` are each database's own: they raise ``LeaseLost`` where the run is another process's by now.
    """

    _living: tuple[int, asyncio.AbstractEventLoop]

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where the connections live. Raises ``ForkedProcess`` where that is in the process that this one is a fork of."""
        process, loop = self._living
        if process != os.getpid():
            raise ForkedProcess
        return loop

    @loop.setter
    def loop(self, loop: asyncio.AbstractEventLoop) -> None:
        """LangGraph's savers set it when they are made."""
        self._living = (os.getpid(), loop)

    async def ready(self) -> None:
        """Called on the loop before every use."""

    async def close(self) -> None:
        """Close the connections, on the loop."""
        raise NotImplementedError

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As LangGraph's."""
        return await self._home(super().aget_tuple, config)

    async def adelete_thread(self, thread_id: str) -> None:
        """As LangGraph's."""
        await self._home(super().adelete_thread, thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """As LangGraph's, where it has one."""
        prune = super().aprune
        await self._home(lambda: prune(thread_ids, strategy=strategy))

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """As LangGraph's."""
        history = super().aget_delta_channel_history
        return await self._home(lambda: history(config=config, channels=channels))

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002 – LangGraph's name
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """As LangGraph's; read in one go."""
        listed = super().alist(config, filter=filter, before=before, limit=limit)

        async def collect() -> list[CheckpointTuple]:
            return [item async for item in listed]

        for item in await self._home(collect):
            yield item

    async def _home(self, do: Callable[..., Awaitable[T]], *args: Any) -> T:
        async def work() -> T:
            await self.ready()
            return await do(*args)

        if asyncio.get_running_loop() is self.loop:
            return await work()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), self.loop))
