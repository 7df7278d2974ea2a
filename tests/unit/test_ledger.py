"""The one writer of actions: the claim is one, the owner's word counts, and nobody else's by accident."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from hitl_middleware.actions import ActionRequest, Decision, Identity
from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import DoesNotFit, IllegalTransition, LeaseLost, NotFound
from hitl_middleware.ids import new_id
from hitl_middleware.leases import Claim
from hitl_middleware.ledger import MAX_TEXT, Outcome
from hitl_middleware.policy import Policy
from hitl_middleware.records import Action, Lease, Run
from hitl_middleware.stores.memory import MemoryStore
from hitl_middleware.work import unit

from tests.kit.outage import Unreliable
from tests.kit.world import LEASE, World

CALL = ActionRequest(name="pay", args={"amount": 7}, identity=Identity("t-1", "tools:1", "c-1"))
RECORD = Policy(when=lambda _: False, otherwise="record").plan(CALL)
DONE = Outcome(status="succeeded", text="paid")


async def _run(world: World, status: str = "running", thread: str = "t-1") -> Run:
    async with world.store.begin() as uow:
        now = await uow.now()
        run = Run(
            id=new_id(),
            thread_id=thread,
            graph="a",
            status=status,  # type: ignore[arg-type]
            driver="hitl",
            created_at=now,
            updated_at=now,
        )
        assert await uow.add_run(run)
        return run


async def _lease(world: World, run: Run) -> Lease:
    async with world.store.begin() as uow:
        lease = await uow.acquire_lease(run.id, world.owner, LEASE)
        assert lease is not None
        return lease


async def _approved(world: World, run: Run | None = None) -> Action:
    return await world.ledger.record(CALL, RECORD, run_id=run.id if run else None, idempotent=False)


def _in_loop(test: Any) -> Any:
    """Run the test on the store's loop."""
    import functools

    @functools.wraps(test)
    def on_loop(world: World) -> None:
        world.start()
        world.portal.call(test, world)

    return on_loop


@_in_loop
async def test_one_claim_among_many(world: World) -> None:
    """DESIGN §2.2: at the same moment: one is given, the rest get nothing."""
    action = await _approved(world)
    claims = await asyncio.gather(*(world.ledger.claim(action, None) for _ in range(20)))
    (claim,) = [claim for claim in claims if claim is not None]
    assert claim.action.status == "executing"
    assert claim.action.attempts == 1


@_in_loop
async def test_a_claim_is_on_what_was_shown(world: World) -> None:
    """DESIGN §2.3: another digest than the one that stands there claims nothing."""
    action = await _approved(world)
    assert await world.ledger.claim(replace(action, digest="0" * 64), None) is None
    assert await world.ledger.claim(action, None) is not None


@pytest.mark.parametrize("status", ["waiting", "denied", "executing", "unknown", "succeeded", "failed"])
def test_only_what_is_approved_is_claimed(quick: World, status: str) -> None:
    """DESIGN §2.2: in no other status."""

    async def test() -> None:
        action = await _approved(quick)
        async with quick.store.begin() as uow:
            await uow.save_action(replace(action, status=status))  # type: ignore[arg-type]
        assert await quick.ledger.claim(action, None) is None

    quick.start()
    quick.portal.call(test)


@_in_loop
async def test_a_lease_of_another_claims_nothing(world: World) -> None:
    """DESIGN §2.2: an old fence, another run's lease, or none beside a living one."""
    run, other = await _run(world), await _run(world, thread="t-2")
    action = await _approved(world, run)
    lease, foreign = await _lease(world, run), await _lease(world, other)
    for wrong in (Lease(run.id, "", lease.fence - 1), Lease(run.id, "", lease.fence + 1), foreign, None):
        with pytest.raises(LeaseLost, match="Another process drives run"):
            await world.ledger.claim(action, wrong)
    assert await world.ledger.claim(action, lease) is not None


@_in_loop
async def test_a_run_inherits_what_was_approved_in_one_that_ended(world: World) -> None:
    """DESIGN §2.2: the thread's next run performs it, under its own lease; not while the old one lives."""
    old = await _run(world)
    action = await _approved(world, old)
    async with world.store.begin() as uow:
        assert await uow.set_run(old.id, "failed")
    heir = await _run(world)
    lease = await _lease(world, heir)
    claim = await world.ledger.claim(action, lease)
    assert claim is not None
    assert claim.action.run_id == heir.id


@_in_loop
async def test_a_run_inherits_only_from_its_own_thread_and_from_the_dead(world: World) -> None:
    """DESIGN §2.2: a lease of another thread's run, or of the thread's own while the run in which it was approved lives, claims nothing."""
    heir = await _run(world)
    async with world.store.begin() as uow:
        assert await uow.set_run(heir.id, "failed")
    foreign, old = await _run(world, thread="t-2"), await _run(world)
    action = await _approved(world, old)
    late = await _lease(world, heir)
    with pytest.raises(LeaseLost):
        await world.ledger.claim(action, late)
    async with world.store.begin() as uow:
        assert await uow.set_run(old.id, "failed")
    with pytest.raises(LeaseLost):
        await world.ledger.claim(action, await _lease(world, foreign))
    assert await world.ledger.claim(action, late) is not None


@_in_loop
async def test_recording_twice_is_one_action(world: World) -> None:
    """DESIGN §2.2: a re-run finds what was entered."""
    first = await _approved(world)
    second = await _approved(world)
    assert first == second


@_in_loop
async def test_release_gives_back_only_what_is_held(world: World) -> None:
    """DESIGN §2.2: a late release takes nothing from the next owner."""
    action = await _approved(world)
    first = await world.ledger.claim(action, None)
    assert first is not None
    await world.ledger.release(first)
    second = await world.ledger.claim(action, None)
    assert second is not None
    await world.ledger.release(first)
    current = await world.views.action(action.id)
    assert (current.status, current.claim_id) == ("executing", second.claim_id)


@_in_loop
async def test_a_settled_act_is_settled(world: World) -> None:
    """DESIGN §3: the owner says it once; what it says later, or another claim says, is only kept in the audit."""
    action = await _approved(world)
    claim = await world.ledger.claim(action, None)
    assert claim is not None
    await world.ledger.settle(claim, DONE)
    stranger = Claim(claim.action, new_id(), 10, world.clock.monotonic)
    for who in (claim, stranger):
        settled = await world.ledger.settle(who, Outcome(status="failed", error="late"))
        assert settled.status == "succeeded"
    assert [e.kind for e in await world.views.audit()] == []  # not sealed yet
    await world._crew.chores["seal"]()
    assert [e.kind for e in await world.views.audit()][-2:] == ["action.late", "action.late"]


@_in_loop
async def test_a_stranger_settles_nothing(world: World) -> None:
    """DESIGN §2.2: only the holder of the claim."""
    action = await _approved(world)
    claim = await world.ledger.claim(action, None)
    assert claim is not None
    settled = await world.ledger.settle(Claim(claim.action, new_id(), 10, world.clock.monotonic), DONE)
    assert settled.status == "executing"


@_in_loop
async def test_dead_claims_are_buried_after_two_leases(world: World) -> None:
    """DESIGN §2.2: by database time: run out, plus one lease of grace."""
    action = await _approved(world)
    claim = await world.ledger.claim(action, None)
    assert claim is not None
    world.holdings.drop_claim(claim.claim_id)
    world.wait(2 * LEASE)
    assert await world.ledger.bury() == 0
    world.wait(0.001)
    assert await world.ledger.bury() == 1
    assert await world.ledger.bury() == 0
    buried = await world.views.action(action.id)
    assert (buried.status, buried.settled_by) == ("unknown", "sweep")
    assert (await world.ledger.settle(claim, DONE)).status == "succeeded", "the late owner may still say so"


@_in_loop
async def test_only_what_is_unknown_is_settled_by_a_person(world: World) -> None:
    """DESIGN §3: in no other status; then done, failed or retry."""
    action = await _approved(world)

    async def say(what: Any, attempt: int | None = None) -> Action:
        async with unit(world.store, world.dispatcher) as work:
            return await world.ledger.settle_unknown(
                work, action.id, what, by="local:ann", via="test", outcome=DONE, attempt=attempt
            )

    with pytest.raises(DoesNotFit, match="the action is approved"):
        await say("done")
    claim = await world.ledger.claim(action, None)
    assert claim is not None
    with pytest.raises(DoesNotFit, match="the action is executing"):
        await say("retry")
    await world.ledger.settle(claim, Outcome(status="unknown"))
    again = await say("retry")
    assert (again.status, again.claim_id, again.settled_by) == ("approved", None, "local:ann")
    second = await world.ledger.claim(again, None)
    assert second is not None
    await world.ledger.settle(second, Outcome(status="unknown"))
    with pytest.raises(DoesNotFit, match="it was tried again since this was asked"):
        await say("done", attempt=1)
    assert (await say("done", attempt=2)).status == "succeeded"


@_in_loop
async def test_only_what_is_approved_is_asked_about_again(world: World) -> None:
    """DESIGN §2.3: two processes that find an edit in want of others ask once; what is under way already is not asked about."""
    action = await _approved(world)
    again = await world.ledger.ask_again(action, Policy().plan(CALL))
    assert again.status == "waiting"
    assert await world.ledger.ask_again(action, Policy(risk="money").plan(CALL)) == again
    other = await world.ledger.record(
        replace(CALL, identity=Identity("t-1", "tools:2", "c-1")), RECORD, run_id=None, idempotent=False
    )
    claim = await world.ledger.claim(other, None)
    assert claim is not None
    assert (await world.ledger.ask_again(other, Policy().plan(CALL))).status == "executing"


@_in_loop
async def test_what_is_missing_is_named(world: World) -> None:
    """E-04: an action that is not there."""
    async with unit(world.store, world.dispatcher) as work:
        with pytest.raises(NotFound, match="no action 'nope'"):
            await world.ledger.settle_unknown(work, "nope", "done", by="x", via="test", outcome=DONE)


@_in_loop
async def test_a_decision_on_what_is_decided_is_a_bug(world: World) -> None:
    """DESIGN §3: the tables stop it, and the unit of work rolls back."""
    action = await _approved(world)
    with pytest.raises(IllegalTransition):
        async with unit(world.store, world.dispatcher) as work:
            await world.ledger.decide(work, action, Decision(type="reject"), "x")
    assert (await world.views.action(action.id)).status == "approved"


@_in_loop
async def test_long_words_are_cut_for_people(world: World) -> None:
    """O-08: a preview has its cap."""
    action = await _approved(world)
    claim = await world.ledger.claim(action, None)
    assert claim is not None
    settled = await world.ledger.settle(claim, Outcome(status="succeeded", text="x" * (MAX_TEXT + 5)))
    assert len(settled.result_text or "") == MAX_TEXT


@pytest.mark.parametrize("comes_back", ["settles", "renews", "releases"])
def test_an_owner_that_comes_back_in_time_is_not_buried(
    make_world: Any, clock: ManualClock, comes_back: str
) -> None:
    """DESIGN §2.2: between the sweep's look and its turn the owner said a word, or gave a sign of life: that counts."""
    database = Unreliable(MemoryStore(clock=clock))
    world: World = make_world(store=database)
    world.start()

    async def test() -> str:
        action = await _approved(world)
        claim = await world.ledger.claim(action, None)
        assert claim is not None
        world.wait(2 * LEASE + 1)

        async def come_back() -> None:
            if comes_back == "settles":
                await world.ledger.settle(claim, DONE)
            elif comes_back == "renews":
                await world.holdings.renew()
            else:
                await world.ledger.release(claim)

        database.meanwhile = [come_back]
        assert await world.ledger.bury() == 0
        return (await world.views.action(action.id)).status

    expected = {"settles": "succeeded", "renews": "executing", "releases": "approved"}
    assert world.portal.call(test) == expected[comes_back]
