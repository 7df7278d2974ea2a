"""Small asyncio tools the stores share: one writer at a time, and work that a cancellation does not tear apart."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TypeVar

T = TypeVar("T")


class Turn:
    """Lets one unit of work write at a time in this process. A task that begins a second one inside its first is told, not hung."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._holder: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        if task is not None and task is self._holder:
            msg = "this task is inside a unit of work already: pass that one on instead of beginning another"
            raise RuntimeError(msg)
        await self._lock.acquire()
        self._holder = task
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder = None
        self._lock.release()


async def finish(work: Awaitable[T]) -> T:
    """Await ``work`` to its end even when this task is cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError as cancelled:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # seen: the cancellation is what the caller hears of
        raise cancelled from None
