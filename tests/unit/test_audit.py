"""The chain of events: sealed in order from anywhere, and every way of tampering shows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from hitl_middleware import audit
from hitl_middleware.clock import ManualClock
from hitl_middleware.ids import new_id
from hitl_middleware.ports import Store
from hitl_middleware.records import AuditEvent, ChainHead
from hitl_middleware.stores import open_store

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.outage import Unreliable
from tests.kit.world import World

CLOCK = ManualClock()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """An empty store."""
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/hitl.db"
    opened = open_store(url, clock=CLOCK)
    await opened.prepare()
    yield opened
    await opened.close()


def _event(number: int) -> AuditEvent:
    return AuditEvent(id=new_id(), at=CLOCK.now(), kind="test", actor=f"a{number}", data={"n": number})


async def _append(store: Store, count: int) -> None:
    async with store.begin() as uow:
        for number in range(count):
            await uow.append(_event(number))


async def _all(store: Store) -> list[AuditEvent]:
    async with store.read() as uow:
        return list(await uow.list_audit(limit=10_000))


async def test_sealing_chains_in_order(store: Store) -> None:
    """O-01: every event has a number and a hash over the one before."""
    await _append(store, 3)
    assert (await audit.verify(store)) == audit.Verification(0, 3, None)
    assert await audit.seal(store) == 3
    assert await audit.seal(store) == 0
    events = await _all(store)
    assert [event.seq for event in events] == [1, 2, 3]
    assert [event.data["n"] for event in events] == [0, 1, 2]
    assert events[2].hash == audit.link(events[1].hash or "", events[2])
    assert (await audit.verify(store)) == audit.Verification(3, 0, None)


async def test_sealing_from_many_places_at_once(store: Store) -> None:
    """DESIGN §2.10: sealers and writers at the same moment: one chain, every event in it once."""
    await _append(store, 5)
    work = [audit.seal(store) if n % 2 else _append(store, 5) for n in range(12)]
    await asyncio.gather(audit.seal(store), *work)
    while await audit.seal(store):
        pass
    assert (await audit.verify(store)) == audit.Verification(35, 0, None)
    events = await _all(store)
    assert len({event.id for event in events}) == 35


async def test_a_sealer_that_was_slow_goes_on_from_the_newest_end() -> None:
    """DESIGN §2.10: between its look and its turn another one sealed, and more was written: the chain holds."""
    store = Unreliable(open_store("memory://", clock=CLOCK))
    await _append(store, 2)

    async def others() -> None:
        await audit.seal(store)
        await _append(store, 3)

    store.meanwhile = [others]
    await audit.seal(store)
    assert (await audit.verify(store)) == audit.Verification(5, 0, None)


async def test_two_processes_seal_one_chain(tmp_path: Path) -> None:
    """DESIGN §2.10: each with its own connection to one file."""
    url = f"sqlite:///{tmp_path}/hitl.db"
    stores = [open_store(url, clock=CLOCK) for _ in range(2)]
    await stores[0].prepare()
    await asyncio.gather(
        *(_append(stores[n % 2], 4) for n in range(6)), *(audit.seal(stores[n % 2]) for n in range(6))
    )
    for store in stores:
        while await audit.seal(store):
            pass
    assert (await audit.verify(stores[1])) == audit.Verification(24, 0, None)
    for store in stores:
        await store.close()


TAMPERING: list[tuple[str, str]] = [
    ("UPDATE {t} SET actor = 'eve' WHERE seq = 2", "event 2 .* was changed"),
    ("UPDATE {t} SET data = '{{}}' WHERE seq = 3", "event 3 .* was changed"),
    ("UPDATE {t} SET kind = 'request.approved' WHERE seq = 1", "event 1 .* was changed"),
    ("UPDATE {t} SET at = at + 1 WHERE seq = 4", "event 4 .* was changed"),
    ("UPDATE {t} SET hash = 'ab' WHERE seq = 2", "event 2 .* was changed"),
    ("DELETE FROM {t} WHERE seq = 1", "event 1 is missing"),
    ("DELETE FROM {t} WHERE seq = 3", "event 3 is missing"),
    ("DELETE FROM {t} WHERE seq = 5", "the chain ends at event 4, but 5 were sealed"),
    ("DELETE FROM {t}", "the chain ends at event 0, but 5 were sealed"),
    (
        "UPDATE {t} SET seq = 9 WHERE seq = 2; UPDATE {t} SET seq = 2 WHERE seq = 3; UPDATE {t} SET seq = 3 WHERE seq = 9",
        "changed",
    ),
    ("UPDATE {t} SET seq = NULL, hash = NULL WHERE seq = 5", "the chain ends at event 4"),
]


@pytest.mark.parametrize(("statements", "problem"), TAMPERING)
async def test_tampering_is_found(tmp_path: Path, statements: str, problem: str) -> None:
    """O-01: changed, removed, moved, cut off – each is named."""
    store = open_store(f"sqlite:///{tmp_path}/hitl.db", clock=CLOCK)
    await store.prepare()
    await _append(store, 5)
    await audit.seal(store)
    connection = sqlite3.connect(tmp_path / "hitl.db")
    connection.executescript(statements.format(t="hitl_audit"))
    connection.close()

    found = await audit.verify(store)
    await store.close()

    import re

    assert found.problem is not None
    assert re.search(problem, found.problem)


async def test_an_event_slipped_in_is_found(store: Store) -> None:
    """O-01: an event that was added inside the chain breaks it, one added with a number of its own shows as too many."""
    await _append(store, 3)
    await audit.seal(store)
    head = await _head(store)
    forged = replace(_event(99), seq=4, hash="0" * 64)
    async with store.begin() as uow:
        await uow.append(forged)
    found = await audit.verify(store)
    assert found.problem is not None
    assert await _head(store) == head


async def _head(store: Store) -> ChainHead:
    async with store.read() as uow:
        return await uow.chain_head()


def test_every_change_has_its_event(world: World, effects: Effects) -> None:
    """DESIGN §2.10, O-01: who, what and from where, for each step of a request, an action and a run."""
    turn = says(call("pay", "k1", amount=1), call("pay", "k2", amount=2))
    world.serve("a", world.agent([effects.pay_tool()], script(turn)))
    run = world.begin_run("a", asks(), requester="slack:U9", started_by="api")
    one, two = world.pending()
    world.decide(one)
    world.step()
    world.decide(two, "reject", by="local:bob")
    world.step()
    trail = world.trail()

    assert [(event.kind, event.actor) for event in trail if event.action_id == one.action_id] == [
        ("action.proposed", "policy"),
        ("request.opened", "gate"),
        ("submission.received", "local:ann"),
        ("request.approved", "local:ann"),
        ("action.claimed", world.owner),
        ("action.succeeded", world.owner),
    ]
    assert [(event.kind, event.actor) for event in trail if event.action_id == two.action_id][-2:] == [
        ("submission.received", "local:bob"),
        ("request.rejected", "local:bob"),
    ]
    assert {event.run_id for event in trail} == {run.id}
    assert {event.thread_id for event in trail} == {run.thread_id}
    assert [event.kind for event in trail if event.kind.startswith("run.")][-1] == "run.succeeded"
    decided = next(event for event in trail if event.kind == "request.approved")
    assert (decided.via, decided.data["digest"]) == ("test", one.digest)
    assert world.portal.call(audit.verify, world.store).problem is None


def test_no_event_carries_a_body_or_a_secret(quick: World, effects: Effects) -> None:
    """O-01: facts only: neither arguments nor words of people or models are copied into the audit."""
    quick.serve("a", quick.agent([effects.pay_tool()], script(says(call("pay", amount=424_242)))))
    quick.begin_run("a", asks("my password is hunter2"))
    quick.decide(quick.only(), "reject", message="tell nobody")
    quick.step()
    text = str([(event.kind, event.actor, event.data) for event in quick.trail()])
    assert not [word for word in ("424242", "hunter2", "tell nobody") if word in text]


async def test_it_is_verified_piece_by_piece(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """O-01: it may end early and says how far it came; from there it goes on, and what is changed behind is found all the same."""
    monkeypatch.setattr(audit, "BATCH", 2)
    await _append(store, 7)
    while await audit.seal(store):
        pass
    turns = iter([True, True, False])
    found = await audit.verify(store, go_on=lambda: next(turns))
    assert found == audit.Verification(4, 0, None, complete=False)
    assert await audit.verify(store, after=4) == audit.Verification(7, 0, None)
    assert await audit.verify(store, after=7) == audit.Verification(7, 0, None)
    assert (await audit.verify(store, after=8)).problem == "event 8 is missing"
    assert await audit.verify(store, go_on=lambda: False) == audit.Verification(0, 0, None, complete=False)
