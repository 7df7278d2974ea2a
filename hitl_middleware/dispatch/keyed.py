"""Keyed serial work: one look at a key at a time, and once more for whoever asked while it was being looked at."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping
from contextlib import suppress

import structlog

from hitl_middleware.ports import Crew, Topic

log = structlog.get_logger("hitl.dispatch")

LIMITS: Mapping[Topic, int] = {"run": 16, "request": 4, "card": 8, "notice": 4, "delivery": 4}
"""How many keys of a topic one process looks at at once."""

ROOM: Mapping[Topic, int] = {**LIMITS, "card": 32, "notice": 16, "delivery": 16}
"""How many it takes up of its own accord, where somebody else could: what is over in a moment may wait for its turn, a run may not."""

TOLD: Collection[Topic] = ("card", "notice")
"""What only says what is so."""


class KeyedWork:
    """Looks at keys with a crew's reconcilers, on the loop it is called on."""

    def __init__(self, crew: Crew) -> None:
        self._reconcilers = crew.reconcilers
        self._after_you = crew.after_you
        self._grace = crew.grace_seconds
        self._gates = {topic: asyncio.Semaphore(limit) for topic, limit in LIMITS.items()}
        self._again: dict[tuple[Topic, str], bool] = {}
        self._tasks: dict[tuple[Topic, str], asyncio.Task[None]] = {}
        self._at_once: Counter[Topic] = Counter()
        self._stopping = False
        self.looks = 0
        """How many keys it has begun to look at."""

    def look(self, topic: Topic, key: str) -> asyncio.Task[None] | None:
        """Begin to look at ``key``, or have it looked at once more; the task that does. ``None``: nothing new is taken any more."""
        if not self._takes(topic):
            return None
        at_it = self._tasks.get((topic, key))
        if at_it is not None:
            self._again[(topic, key)] = True
            return at_it
        task = asyncio.get_running_loop().create_task(self._look(topic, key))
        self._tasks[(topic, key)] = task
        self._at_once[topic] += 1
        self.looks += 1
        return task

    def has_room(self, topic: Topic, *, beside: int = 0) -> bool:
        """Whether one more of this topic would be taken, and soon, ``beside`` so many others."""
        return self._takes(topic) and self._at_once[topic] + beside < ROOM[topic]

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being looked at."""
        return not self._tasks

    async def idle(self) -> None:
        """Wait until nothing is being looked at."""
        while self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    def refuse(self) -> None:
        """Take nothing new."""
        self._stopping = True

    async def finish(self) -> None:
        """Take nothing new, and wait for what is under way, and for what people are told of it; then it is cut."""
        self.refuse()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                await self.idle()
        left = tuple(self._tasks.values())
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _takes(self, topic: Topic) -> bool:
        # What tells people of what ends now is no new work: who is alone has nobody who would say it for them.
        return not self._stopping or topic in TOLD

    async def _look(self, topic: Topic, key: str) -> None:
        again = True
        try:
            while again:
                async with self._gates[topic]:
                    if self._after_you is not None:
                        await self._after_you()
                    self._again[(topic, key)] = False
                    await self._reconcilers[topic](key)
                again = self._again[(topic, key)] and not self._stopping
        except Exception:
            log.exception("work failed", topic=topic, key=key)  # it stays due: the sweep brings it back
        finally:
            self._again.pop((topic, key), None)
            del self._tasks[(topic, key)]
            self._at_once[topic] -= 1
