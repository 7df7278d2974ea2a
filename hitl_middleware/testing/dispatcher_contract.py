"""What every ``Dispatcher`` must do, as tests. Subclass it, give it a ``store`` fixture, and say how its dispatchers are made:

    class TestMyDispatcher(DispatcherContract):
        @pytest.fixture
        async def store(self):
            store = open_store("memory://", clock=SystemClock())
            await store.prepare()
            yield store
            await store.close()

        def dispatcher(self):
            return LocalDispatcher()               # yours; each stands for a process of the store's database

        async def die_at(self, store, wakeup):     # only where processes can share the database
            ...                                    # have another process begin to look at it, and kill that

A dispatcher says "look at this one now" and no more: what is due stays due in the store, so it may carry a wake-up twice, and may lose one
to the next sweep. What it must never do: look at a key twice at once, wake anybody for a change that did not happen, or miss a change that
came while its key was being looked at.

The tests are coroutines: run them with pytest-asyncio in its auto mode. No sweep comes while one runs, unless it says so.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

import pytest

from hitl_middleware.ports import Crew, Dispatcher, Store, Topic, Wakeup

PATIENCE: Final = 30.0
"""Seconds within which everything happens that has to."""
FAR: Final = 1_000.0
"""Seconds between sweeps that are not to come."""
SOON: Final = 0.2
DOER: Final = "it"


class Torn(Exception):
    """The change is not to be."""


class Board:
    """What is due in a database and what its processes did about it. ``gate``: while it is shut, looks take until it opens."""

    def __init__(self, store: Store, make: Callable[[], Dispatcher]) -> None:
        self._store = store
        self._make = make
        self._made: list[Dispatcher] = []
        self._moved = asyncio.Condition()
        self.due: list[Wakeup] = []
        self.begun: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.inside: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.looked_at: dict[str, dt.datetime] = {}
        """When each key was last looked at, by the store's time."""
        self.fails: set[str] = set()
        self.gate = asyncio.Event()
        self.gate.set()

    def process(self) -> Dispatcher:
        """One more process; a front, until it is started."""
        self._made.append(self._make())
        return self._made[-1]

    async def worker(self, **more: Any) -> Dispatcher:
        """One more process, at work. ``more``: of its crew."""
        made = self.process()
        await made.start(self.crew(**more))
        return made

    def crew(self, **more: Any) -> Crew:
        """Whoever works here."""

        async def due(topic: Topic) -> Sequence[Wakeup]:
            now = await self.now()
            return [each for each in self.due if each.topic == topic and (each.at is None or each.at <= now)]

        given: dict[str, Any] = {
            "reconcilers": {"run": self._look, "card": self._look},
            "able": lambda _topic: (DOER,),
            "due": due,
            "heartbeat": _beat,
            "sweep_seconds": FAR,
            "beat_seconds": FAR,
        }
        return Crew(**(given | more))

    async def change(
        self, by: Dispatcher, *keys: str, at: dt.datetime | None = None, torn: bool = False, told: bool = True
    ) -> None:
        """A change that makes these due. ``torn``: it is not to be. Not ``told``: its process dies right after the commit."""
        wakeups = [Wakeup("run", key, DOER, at) for key in keys]
        try:
            async with self._store.begin() as uow:
                await uow.now()
                left = await by.enqueue(uow, wakeups)
                if torn:
                    raise Torn
        except Torn:
            return
        self.due += wakeups
        if told:
            by.wake(left)

    async def now(self) -> dt.datetime:
        """The store's time."""
        async with self._store.read() as uow:
            return await uow.now()

    async def until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until ``holds``, which is asked again whenever something was looked at."""
        try:
            async with asyncio.timeout(PATIENCE), self._moved:
                await self._moved.wait_for(holds)
        except TimeoutError:
            msg = f"not within {PATIENCE:g} s: {what}; begun {dict(self.begun)}, done {dict(self.done)}"
            raise AssertionError(msg) from None

    async def close(self) -> None:
        """Nobody works any more."""
        self.gate.set()
        for made in self._made:
            await made.stop()
            await made.close()

    async def _look(self, key: str) -> None:
        self.inside[key] += 1
        self.most |= self.inside
        # What is true now is what this look is about; what becomes due later is another one's.
        self.due = [each for each in self.due if each.key != key or each.at is not None]
        await self._tell(self.begun, key)
        try:
            await self.gate.wait()
            self.looked_at[key] = await self.now()
            self.due = [each for each in self.due if each.key != key or not _past(each, self.looked_at[key])]
            if key in self.fails:
                self.fails.discard(key)
                raise LookupError(key)
        finally:
            self.inside[key] -= 1
            await self._tell(self.done, key)

    async def _tell(self, count: Counter[str], key: str) -> None:
        async with self._moved:
            count[key] += 1
            self._moved.notify_all()


async def _beat() -> None:
    """Nothing is held here."""


def _past(wakeup: Wakeup, now: dt.datetime) -> bool:
    return wakeup.at is not None and wakeup.at <= now


class DispatcherContract:
    """All of it."""

    def dispatcher(self) -> Dispatcher:
        """A new one, on the database of ``store``."""
        raise NotImplementedError

    async def die_at(self, store: Store, wakeup: Wakeup) -> None:
        """Have another process begin to look at ``wakeup``, which is due, and kill it (SIGKILL) while it does."""
        pytest.skip("processes do not share this database")

    @pytest.fixture
    async def board(self, store: Store) -> AsyncIterator[Board]:
        """Nothing is due, and nobody works."""
        board = Board(store, self.dispatcher)
        yield board
        await board.close()

    # being woken -----------------------------------------------------------------------------------------------------

    async def test_every_wakeup_is_followed_by_a_look(self, board: Board) -> None:
        """DESIGN §1: a look begins after the change that it was woken for, each time."""
        worker = await board.worker()
        for number in range(3):
            await board.change(worker, "k")
            await board.until(lambda before=number: board.done["k"] > before, "the key is looked at")  # type: ignore[misc]
        assert board.due == []

    async def test_several_wakeups_of_one_change(self, board: Board) -> None:
        """DESIGN §1: what one change makes due is looked at, all of it."""
        keys = [f"k{number}" for number in range(30)]
        await board.change(await board.worker(), *keys)
        await board.until(lambda: {*board.done} == {*keys}, "all are looked at")

    async def test_a_change_that_was_torn_wakes_nobody(self, board: Board) -> None:
        """O-09: a wake-up is part of the change, and ends with it."""
        worker = await board.worker()
        await board.change(worker, "torn", torn=True)
        await board.change(worker, "k")
        await board.until(lambda: board.done["k"] > 0, "the other key is looked at")
        await worker.settle(board.crew())
        assert board.begun["torn"] == 0

    async def test_what_is_committed_outlives_who_committed_it(self, board: Board) -> None:
        """DESIGN §1: a front stores and works nothing off; it may die right after its commit, and the next worker looks."""
        front = board.process()
        await board.change(front, "k", told=False)
        await front.close()
        assert board.begun["k"] == 0
        await board.worker()
        await board.until(lambda: board.done["k"] > 0, "the worker looks")

    async def test_a_front_reaches_a_worker_by_its_sweep_at_the_latest(self, board: Board) -> None:
        """O-09: the one who works need not be the one who was told."""
        await board.worker(sweep_seconds=SOON)
        await board.change(board.process(), "k")
        await board.until(lambda: board.done["k"] > 0, "the worker looks")

    # one at a time ---------------------------------------------------------------------------------------------------

    async def test_who_asks_during_a_look_is_looked_at_afterwards(self, board: Board) -> None:
        """DESIGN §1: that look may have read what was before. At the next sweep at the latest; and never does anybody look beside it."""
        worker = await board.worker(sweep_seconds=SOON)
        board.gate.clear()
        await board.change(worker, "k")
        await board.until(lambda: board.begun["k"] == 1, "the first look")
        for _ in range(10):
            await board.change(worker, "k")
        board.gate.set()
        await board.until(lambda: board.done["k"] > 1 and not board.due, "what came meanwhile is looked at")
        await worker.settle(board.crew())
        assert board.most["k"] == 1

    async def test_a_key_waits_for_no_other(self, board: Board) -> None:
        """DESIGN §1: a run that takes long holds nobody up."""
        worker = await board.worker()
        board.gate.clear()
        await board.change(worker, "slow")
        await board.until(lambda: board.begun["slow"] == 1, "the slow one has begun")
        await board.change(worker, "other")
        await board.until(lambda: board.begun["other"] == 1, "the other one begins beside it")

    # time ------------------------------------------------------------------------------------------------------------

    async def test_what_waits_for_its_time_blocks_nothing(self, board: Board) -> None:
        """DESIGN §6: an immediate wake-up of the same key is not held up, and the other one does not come with it."""
        worker, hour = await board.worker(), await board.now() + dt.timedelta(hours=1)
        await board.change(worker, "k", at=hour)
        await board.change(worker, "k")
        await board.until(lambda: board.done["k"] == 1, "the immediate one is looked at")
        await worker.settle(board.crew())
        assert board.done["k"] == 1
        assert [each.at for each in board.due] == [hour]

    async def test_its_time_comes_and_not_too_early(self, board: Board) -> None:
        """P-03: by the database's time, in the sweep after it at the latest."""
        worker, at = await board.worker(sweep_seconds=SOON), await board.now() + dt.timedelta(seconds=0.5)
        await board.change(worker, "k", at=at)
        await board.until(lambda: board.done["k"] > 0, "its time comes")
        assert board.looked_at["k"] >= at

    # failing and ending ----------------------------------------------------------------------------------------------

    async def test_a_look_that_failed_comes_back(self, board: Board) -> None:
        """DESIGN §1: it stays due, and stops nobody else."""
        worker = await board.worker(sweep_seconds=SOON)
        board.fails = {"bad"}
        still = Wakeup("run", "bad", DOER)
        await board.change(worker, "bad", "good")
        await board.until(lambda: board.done["bad"] > 0 and board.done["good"] > 0, "both were looked at")
        board.due.append(still)
        await board.until(lambda: board.done["bad"] > 1, "the failed one comes back")

    async def test_what_a_killed_worker_had_begun_is_looked_at_again(
        self, board: Board, store: Store
    ) -> None:
        """O-09: within its lease and a sweep, without anybody doing anything."""
        await board.change(board.process(), "k", told=False)
        await self.die_at(store, Wakeup("run", "k", DOER))
        await board.worker(sweep_seconds=SOON, beat_seconds=SOON)
        await board.until(lambda: board.done["k"] > 0, "another worker looks")

    async def test_stopping_finishes_what_is_under_way(self, board: Board) -> None:
        """DESIGN §1: what was begun is ended; what comes meanwhile is the next worker's."""
        worker = await board.worker()
        board.gate.clear()
        await board.change(worker, "begun")
        await board.until(lambda: board.begun["begun"] == 1, "the look has begun")
        stopping = asyncio.create_task(worker.stop())
        await asyncio.sleep(0)
        await board.change(worker, "late")
        board.gate.set()
        await stopping
        assert (board.done["begun"], board.begun["late"]) == (1, 0)
        await board.worker()
        await board.until(lambda: board.done["late"] == 1, "the next worker looks")

    # by hand ---------------------------------------------------------------------------------------------------------

    async def test_settling_goes_on_until_nothing_is_due(self, board: Board) -> None:
        """DESIGN §1: for one-shot commands, also beside a worker."""
        front = board.process()
        await board.change(front, "k", "l")
        await front.settle(board.crew())
        assert ({*board.done}, board.due) == ({"k", "l"}, [])

    async def test_stepping_raises_what_a_look_raises(self, board: Board) -> None:
        """DESIGN §1: where nothing runs by itself, nothing fails by itself either."""
        front = board.process()
        board.fails = {"k"}
        await board.change(front, "k")
        with pytest.raises(LookupError):
            await front.step(board.crew())
        await board.change(front, "l")
        await front.step(board.crew())
        assert board.due == []


__all__ = ["Board", "DispatcherContract"]
