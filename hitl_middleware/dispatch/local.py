"""One process: keyed serial work on the store's loop, and a sweep that finds what is due in the database.

The sweep makes every lost wake-up, crash and decision by another process of the same database unspecial.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from hitl_middleware.ports import Topic

log = structlog.get_logger("hitl.dispatch")

Reconcile = Callable[[str], Awaitable[None]]
Due = Callable[[Topic], Awaitable[Sequence[str]]]
Chore = Callable[[], Awaitable[object]]

GRACE = 30.0
"""Seconds ``stop`` waits for what is under way before it is cut (its leases run out, another process carries on)."""

MOST_ROUNDS = 50
"""Rounds after which ``step`` takes what is still due for something that turns in circles."""


class LocalDispatcher:
    """``reconcilers``: what to do with a key of each topic. ``chores`` run with every sweep; ``heartbeat`` has a rhythm of its own.

    ``errands`` ask elsewhere and may take long: each sweep sends those on their way that are back from the last one.
    """

    def __init__(
        self,
        reconcilers: Mapping[Topic, Reconcile],
        due: Due,
        *,
        chores: Mapping[str, Chore],
        errands: Mapping[str, Chore] = {},
        heartbeat: Chore,
        sweep_seconds: float = 1.0,
        beat_seconds: float = 10.0,
        parallel: Mapping[Topic, int] | None = None,
    ) -> None:
        self._reconcilers = reconcilers
        self._due = due
        self._chores = chores
        self._errands = errands
        self._away: dict[str, asyncio.Task[None]] = {}
        self._heartbeat = heartbeat
        self._sweep_seconds = sweep_seconds
        self._beat_seconds = beat_seconds
        limits = {"run": 16, "request": 4, "card": 8, "notice": 4, "delivery": 4} | dict(parallel or {})
        self._gates = {topic: asyncio.Semaphore(limit) for topic, limit in limits.items()}
        self._busy: dict[tuple[Topic, str], bool] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._loops: list[asyncio.Task[None]] = []
        self._stopping = False

    def wake(self, topic: Topic, key: str) -> None:
        """Look at ``key`` soon; while it is being looked at, once more afterwards."""
        if self._stopping or not self._loops:
            return  # the next process (or start) finds it by its sweep
        if (topic, key) in self._busy:
            self._busy[(topic, key)] = True
            return
        self._busy[(topic, key)] = False
        task = asyncio.get_running_loop().create_task(self._work(topic, key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def start(self) -> None:
        """Sweep now and at an interval; keep leases and claims alive."""
        self._stopping = False
        self._loops = [
            asyncio.create_task(self._every(self._beat_seconds, "heartbeat", self._heartbeat)),
            asyncio.create_task(self._every(self._sweep_seconds, "sweep", self.sweep)),
        ]

    async def stop(self) -> None:
        """Finish what is under way, take nothing new. The heartbeat goes on until the last lease is given back."""
        self._stopping = True
        if self._loops:
            self._loops[1].cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=GRACE)
        left = (*self._tasks, *self._loops, *self._away.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        self._away = {}
        self._loops = []

    async def sweep(self) -> None:
        """Find due work and do the chores; one failing part does not stop the others."""
        for topic in self._reconcilers:
            try:
                for key in await self._due(topic):
                    self.wake(topic, key)
            except Exception:
                log.exception("sweep failed", topic=topic)
        for name, chore in self._chores.items():
            await self._do(name, chore)
        for name, errand in self._errands.items():
            if name not in self._away or self._away[name].done():
                self._away[name] = asyncio.get_running_loop().create_task(self._do(name, errand))

    async def settle(self) -> None:
        """Sweep and work until nothing is due: for tests and one-shot commands, which want to see the end."""
        while True:
            await self.sweep()
            if not self._tasks:
                return
            while self._tasks:
                await asyncio.wait(set(self._tasks))

    async def step(self) -> None:
        """Do the chores and all that is due, one after the other and here, until nothing is: for a process in which nothing runs by itself.

        Raises ``RuntimeError`` where something is due again and again.
        """
        due: list[tuple[Topic, str]] = []
        for _ in range(MOST_ROUNDS):
            for chore in (*self._chores.values(), *self._errands.values()):
                await chore()
            due = [(topic, key) for topic in self._reconcilers for key in await self._due(topic)]
            if not due:
                return
            for topic, key in due:
                await self._reconcilers[topic](key)
        msg = f"still due after {MOST_ROUNDS} rounds: {due}"
        raise RuntimeError(msg)

    async def _work(self, topic: Topic, key: str) -> None:
        again = True
        try:
            while again:
                self._busy[(topic, key)] = False
                async with self._gates[topic]:
                    await self._reconcilers[topic](key)
                again = self._busy[(topic, key)] and not self._stopping
        except Exception:
            log.exception("work failed", topic=topic, key=key)  # it stays due: the sweep brings it back
        finally:
            self._busy.pop((topic, key), None)

    @staticmethod
    async def _do(name: str, chore: Chore) -> None:
        try:
            await chore()
        except Exception:
            log.exception("chore failed", chore=name)

    async def _every(self, seconds: float, name: str, do: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await do()
            except Exception:
                log.exception("periodic work failed", work=name)
            await asyncio.sleep(seconds)
