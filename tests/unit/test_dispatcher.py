"""Keyed serial work and the sweep: lost wake-ups, failures and stops are never special."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hitl_middleware.dispatch.local import LocalDispatcher
from hitl_middleware.ports import Crew, Topic, Wakeup


class Desk:
    """Due work and what was done about it, with hooks to fail and to wait."""

    def __init__(self) -> None:
        self.due: dict[str, list[str]] = {"run": [], "card": []}
        self.done: list[str] = []
        self.inside: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.fails: set[str] = set()
        self.gate: asyncio.Event | None = None
        self.began = asyncio.Event()

    async def work(self, key: str) -> None:
        """One reconciliation."""
        self.inside[key] += 1
        self.inside["*"] += 1
        self.most |= self.inside
        self.began.set()
        try:
            if self.gate is not None:
                await self.gate.wait()
            await asyncio.sleep(0)
            if key in self.fails:
                self.fails.discard(key)
                raise RuntimeError(key)
            self.done.append(key)
            for keys in self.due.values():
                if key in keys:
                    keys.remove(key)
        finally:
            self.inside[key] -= 1
            self.inside["*"] -= 1

    async def ask(self, topic: Topic) -> list[Wakeup]:
        """What is due."""
        if topic in self.fails:
            self.fails.discard(topic)
            raise OSError(topic)
        return [Wakeup(topic, key, "doer") for key in self.due[topic]]

    def crew(self, **more: Any) -> Crew:
        """Whoever works here; sweeps and beats come once at the start and then not before the test is over."""
        reconcilers: dict[Topic, Any] = {"run": self.work, "card": self.work}
        far = {"sweep_seconds": 1000, "beat_seconds": 1000}
        given = {"reconcilers": reconcilers, "heartbeat": _never, **far, **more}
        return Crew(able=lambda _topic: ("doer",), due=self.ask, **given)


async def _never() -> None:
    return None


@pytest.fixture
async def desk() -> Desk:
    """Nothing is due."""
    return Desk()


@pytest.fixture
async def dispatcher(desk: Desk) -> AsyncIterator[LocalDispatcher]:
    """Started; its sweeps and beats come once at the start and then not before the test is over."""
    made = LocalDispatcher()
    await made.start(desk.crew())
    await _settled(made)
    yield made
    if desk.gate is not None:
        desk.gate.set()
    await made.stop()


async def _settled(dispatcher: Any) -> None:
    for _ in range(10):
        await asyncio.sleep(0)
    if dispatcher._work is not None:
        await dispatcher._work.idle()


def _now(topic: Topic, key: str) -> Wakeup:
    return Wakeup(topic, key, "doer")


async def _sweep(dispatcher: LocalDispatcher) -> None:
    assert dispatcher._rounds is not None
    await dispatcher._rounds.sweep()


async def test_one_key_is_worked_on_serially(desk: Desk, dispatcher: LocalDispatcher) -> None:
    """DESIGN §1: woken a hundred times while at work: once more afterwards, never twice at once."""
    desk.gate = asyncio.Event()
    dispatcher.wake([_now("run", "r")])
    await desk.began.wait()
    for _ in range(100):
        dispatcher.wake([_now("run", "r")])
    desk.gate.set()
    await _settled(dispatcher)

    assert desk.done == ["r", "r"]
    assert desk.most["r"] == 1


async def test_keys_do_not_wait_for_each_other(desk: Desk, dispatcher: LocalDispatcher) -> None:
    """DESIGN §1: many at a time, and no more than the topic's limit."""
    desk.gate = asyncio.Event()
    for number in range(40):
        dispatcher.wake([_now("card", f"c{number}")])
    for _ in range(20):
        await asyncio.sleep(0)
    at_once = desk.inside["*"]
    desk.gate.set()
    await _settled(dispatcher)

    assert at_once == 8
    assert len(desk.done) == 40


async def test_a_failure_is_brought_back_by_the_sweep(desk: Desk, dispatcher: LocalDispatcher) -> None:
    """DESIGN §1: one failing key stops no other, and stays due."""
    desk.due["run"] = ["bad", "good"]
    desk.fails = {"bad"}
    await _sweep(dispatcher)
    await _settled(dispatcher)
    assert desk.done == ["good"]
    await _sweep(dispatcher)
    await _settled(dispatcher)
    assert desk.done == ["good", "bad"]


async def test_one_failing_topic_does_not_stop_the_others(desk: Desk, dispatcher: LocalDispatcher) -> None:
    """DESIGN §1: the database may be away for a moment."""
    desk.due["card"] = ["c"]
    desk.fails = {"run"}
    await _sweep(dispatcher)
    await _settled(dispatcher)
    assert desk.done == ["c"]


async def test_failing_chores_and_beats_go_on(desk: Desk) -> None:
    """DESIGN §1: the heartbeat and the sweep outlive a database that is away."""
    beats, chores, enough = Counter[str](), Counter[str](), asyncio.Event()

    async def beat() -> None:
        beats["n"] += 1
        if beats["n"] > 2 and chores["n"] > 2:
            enough.set()
        raise OSError

    async def chore() -> None:
        chores["n"] += 1
        raise OSError

    made = LocalDispatcher()
    await made.start(desk.crew(chores={"bury": chore}, heartbeat=beat, sweep_seconds=0, beat_seconds=0))
    await asyncio.wait_for(enough.wait(), 5)
    await made.stop()


async def test_before_and_after_it_takes_nothing(desk: Desk) -> None:
    """DESIGN §1: a wake-up that comes too early or too late is the next sweep's."""
    made = LocalDispatcher()
    made.wake([_now("run", "early")])
    await made.start(desk.crew())
    await made.stop()
    made.wake([_now("run", "late")])
    await _settled(made)
    assert desk.done == []


async def test_stopping_finishes_what_is_under_way(desk: Desk, dispatcher: LocalDispatcher) -> None:
    """DESIGN §1: what was begun is ended; what comes meanwhile is not begun."""
    desk.gate = asyncio.Event()
    dispatcher.wake([_now("run", "r")])
    await desk.began.wait()
    stopping = asyncio.create_task(dispatcher.stop())
    await asyncio.sleep(0)
    dispatcher.wake([_now("run", "other")])
    desk.gate.set()
    await stopping

    assert desk.done == ["r"]


async def test_settle_goes_on_until_nothing_is_due(desk: Desk) -> None:
    """DESIGN §1: for one-shot commands: what one piece of work makes due is done as well."""
    desk.due["run"] = ["r1"]
    original = desk.work

    async def chain(key: str) -> None:
        await original(key)
        if key == "r1":
            desk.due["card"].append("c1")

    await LocalDispatcher().settle(desk.crew(reconcilers={"run": chain, "card": chain}))
    assert desk.done == ["r1", "c1"]


async def test_an_errand_is_sent_once_at_a_time(desk: Desk) -> None:
    """G-12: what asks elsewhere keeps no sweep waiting, is not sent twice at once, is cut by a stop, and comes again after a failure."""
    sent, back, cut = Counter[str](), asyncio.Event(), Counter[str]()

    async def errand() -> None:
        sent["n"] += 1
        if sent["n"] == 1:
            raise OSError
        try:
            await back.wait()
        except asyncio.CancelledError:
            cut["n"] += 1
            raise

    made = LocalDispatcher()
    await made.start(desk.crew(errands={"read": errand}))
    await _settled(made)
    for _ in range(3):
        desk.due["run"] = ["r"]
        await _sweep(made)
        await _settled(made)
    assert sent["n"] == 2
    assert desk.done == ["r"] * 3
    await made.stop()
    assert cut["n"] == 1
