"""What comes round by itself in a process that works: the heartbeat, the sweep, the chores and errands of each sweep."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from hitl_middleware.ports import Crew
from hitl_middleware.ports.dispatching import Chore

log = structlog.get_logger("hitl.dispatch")


class Rounds:
    """The rounds of one crew. ``find``: how a sweep finds what is due, and has it looked at."""

    def __init__(self, crew: Crew, find: Callable[[], Awaitable[None]]) -> None:
        self._crew = crew
        self._find = find
        self._away: dict[str, asyncio.Task[None]] = {}
        self._heartbeat: asyncio.Task[None] | None = None
        self._sweeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Beat and sweep now and at their intervals."""
        crew = self._crew
        self._heartbeat = asyncio.create_task(_every(crew.beat_seconds, "heartbeat", crew.heartbeat))
        self._sweeping = asyncio.create_task(_every(crew.sweep_seconds, "sweep", self.sweep))

    async def end_sweeps(self) -> None:
        """No more sweeps; the heartbeat goes on."""
        await _cut(self._sweeping)
        self._sweeping = None

    async def stop(self) -> None:
        """No more of anything; errands that are away are called back."""
        await _cut(self._sweeping, self._heartbeat, *self._away.values())
        self._sweeping = self._heartbeat = None
        self._away = {}

    async def sweep(self) -> None:
        """Find due work and do the chores; one failing part does not stop the others."""
        await _do("find", self._find)
        for name, chore in self._crew.chores.items():
            await _do(name, chore)
        for name, errand in self._crew.errands.items():
            if name not in self._away or self._away[name].done():
                self._away[name] = asyncio.get_running_loop().create_task(_do(name, errand))


async def _do(name: str, chore: Chore) -> None:
    try:
        await chore()
    except Exception:
        log.exception("chore failed", chore=name)


async def _every(seconds: float, name: str, do: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await do()
        except Exception:
            log.exception("periodic work failed", work=name)
        await asyncio.sleep(seconds)


async def _cut(*tasks: asyncio.Task[None] | None) -> None:
    left = [task for task in tasks if task is not None]
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
