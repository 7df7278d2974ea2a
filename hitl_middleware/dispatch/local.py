"""One process: keyed serial work on the store's loop, and a sweep that finds what is due in the database.

The sweep makes every lost wake-up, crash and decision by another process of the same database unspecial.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from hitl_middleware.dispatch.keyed import KeyedWork
from hitl_middleware.dispatch.rounds import Rounds
from hitl_middleware.ports import Crew, Topic, UnitOfWork, Wakeup

log = structlog.get_logger("hitl.dispatch")

MOST_ROUNDS = 50
"""Rounds after which ``step`` takes what is still due for something that turns in circles."""


class LocalDispatcher:
    """``ports.Dispatcher`` without a queue. What other processes of the database change is found by the next sweep."""

    def __init__(self) -> None:
        self._work: KeyedWork | None = None
        self._rounds: Rounds | None = None

    async def enqueue(self, uow: UnitOfWork, wakeups: Sequence[Wakeup]) -> Sequence[Wakeup]:  # noqa: ARG002 – see the sentence
        """Nobody is told: the change itself is what a sweep finds."""
        return wakeups

    def wake(self, wakeups: Sequence[Wakeup]) -> None:
        """Look soon; what has a time of its own is found by the sweep after that."""
        if self._work is None:
            return  # the next process (or start) finds it by its sweep
        for wakeup in wakeups:
            if wakeup.at is None:
                self._work.look(wakeup.topic, wakeup.key)

    async def start(self, crew: Crew) -> None:
        """Sweep now and at an interval; keep leases and claims alive."""
        work = self._work = KeyedWork(crew)
        self._rounds = Rounds(crew, lambda: _find(crew, work))
        self._rounds.start()

    async def stop(self) -> None:
        """Finish what is under way, take nothing new."""
        work, rounds = self._work, self._rounds
        if work is None or rounds is None:
            return
        work.refuse()
        await rounds.end_sweeps()
        await work.finish()
        self._work = self._rounds = None
        await rounds.stop()

    async def settle(self, crew: Crew) -> None:
        """Sweep and work until nothing is due."""
        work = self._work or KeyedWork(crew)
        rounds = self._rounds or Rounds(crew, lambda: _find(crew, work))
        while True:
            await rounds.sweep()
            if work.is_idle:
                return
            await work.idle()

    async def step(self, crew: Crew) -> None:
        """Chores, errands and due work in turn."""
        due: list[Wakeup] = []
        for _ in range(MOST_ROUNDS):
            for chore in (*crew.chores.values(), *crew.errands.values()):
                await chore()
            due = [wakeup for topic in crew.reconcilers for wakeup in await crew.due(topic)]
            if not due:
                return
            for wakeup in due:
                await crew.reconcilers[wakeup.topic](wakeup.key)
        msg = f"still due after {MOST_ROUNDS} rounds: {[(each.topic, each.key) for each in due]}"
        raise RuntimeError(msg)

    async def close(self) -> None:
        """There is nothing to close."""


async def _find(crew: Crew, work: KeyedWork) -> None:
    for topic in crew.reconcilers:
        for wakeup in await _due(crew, topic):
            work.look(wakeup.topic, wakeup.key)


async def _due(crew: Crew, topic: Topic) -> Sequence[Wakeup]:
    try:
        return await crew.due(topic)
    except Exception:
        log.exception("sweep failed", topic=topic)
        return ()
