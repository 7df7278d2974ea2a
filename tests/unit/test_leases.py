"""What a process holds: spent once, worthless when late, renewed while it lives."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import Any

import pytest

from hitl_middleware.actions import Identity
from hitl_middleware.clock import ManualClock, SystemClock
from hitl_middleware.errors import AlreadyExecuted, ArgumentsChanged, LeaseLost
from hitl_middleware.ids import new_id
from hitl_middleware.leases import Claim, Holdings
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import Action, Lease, Run
from hitl_middleware.stores.memory import MemoryStore

from tests.kit.outage import Unreliable

CLOCK = ManualClock()
ACTION = Action(
    id="a-1",
    identity=Identity("t", "ns", "c"),
    tool="pay",
    args={"amount": 7},
    digest="d",
    proposed_digest="d",
    plan=ReviewPlan(verdict="record"),
    status="approved",
    idempotency_key="a-1",
    created_at=CLOCK.now(),
    updated_at=CLOCK.now(),
)


def _claim(*, idempotent: bool = False, clock: ManualClock | None = None) -> Claim:
    clock = clock or ManualClock()
    return Claim(replace(ACTION, idempotent=idempotent), "c-1", clock.monotonic() + 10, clock.monotonic)


def test_a_claim_is_spent_once() -> None:
    """DESIGN §2.2: the second time says so, and is remembered."""
    claim = _claim()
    claim.spend()
    with pytest.raises(AlreadyExecuted, match="pay was already used once"):
        claim.spend()
    assert claim.refused


def test_a_claim_is_spent_once_among_threads() -> None:
    """DESIGN §2.2: also at the same moment."""
    claim, together, spent = _claim(), threading.Barrier(8), list[int]()

    def spend() -> None:
        together.wait(5)
        try:
            claim.spend()
        except AlreadyExecuted:
            return
        spent.append(1)

    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert spent == [1]


def test_an_idempotent_claim_may_be_spent_again() -> None:
    """DESIGN §2.2: within one claim; not after it was taken back."""
    claim = _claim(idempotent=True)
    claim.spend()
    claim.spend()
    assert not claim.withdraw()


@pytest.mark.parametrize("idempotent", [False, True])
def test_a_withdrawn_claim_is_worth_nothing(*, idempotent: bool) -> None:
    """DESIGN §2.2: taken back before it was spent, whoever still holds it cannot act on it; a spent one is not taken back."""
    claim = _claim(idempotent=idempotent)
    assert claim.withdraw()
    assert claim.withdraw()
    with pytest.raises(LeaseLost):
        claim.spend()
    spent = _claim(idempotent=idempotent)
    spent.spend()
    assert not spent.withdraw()


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (10, True), (10.001, False), (1e6, False)])
def test_a_late_claim_is_worth_nothing(seconds: float, *, good: bool) -> None:
    """DESIGN §2.2: a process that slept past its last renewal does not act."""
    clock = ManualClock()
    claim = _claim(clock=clock)
    clock.advance(seconds)
    if good:
        claim.spend()
    else:
        with pytest.raises(LeaseLost):
            claim.spend()
        assert claim.withdraw()


@pytest.mark.parametrize(
    ("args", "same"),
    [
        ({"amount": 7}, True),
        ({"amount": 7.0}, True),
        ({"amount": 8}, False),
        ({}, False),
        ({"amount": 7, "to": "eve"}, False),
    ],
)
def test_a_claim_is_for_its_arguments(args: dict[str, object], *, same: bool) -> None:
    """DESIGN §2.3: and for no others."""
    if same:
        _claim().check(args)
    else:
        with pytest.raises(ArgumentsChanged):
            _claim().check(args)


@pytest.fixture
def clock() -> ManualClock:
    """Turned by hand."""
    return ManualClock()


@pytest.fixture
def store(clock: ManualClock) -> Unreliable:
    """A store that can be away."""
    return Unreliable(MemoryStore(clock=clock))


async def _held(store: Any, clock: ManualClock) -> tuple[Holdings, Claim, Lease]:
    holdings = Holdings(store, clock, owner="me", seconds=10)
    async with store.begin() as uow:
        run = Run(
            id="r-1",
            thread_id="t",
            graph="a",
            status="running",
            driver="hitl",
            created_at=clock.now(),
            updated_at=clock.now(),
        )
        await uow.add_run(run)
        lease = await uow.acquire_lease("r-1", "me", 10)
        await uow.add_action(ACTION)
        claimed = await uow.claim_action(
            "a-1", digest="d", claim_id="c-1", owner="me", seconds=10, lease=lease
        )
    holdings.hold_lease(lease, "t")
    return holdings, holdings.hold_claim(claimed, "c-1", clock.monotonic()), lease


async def test_heartbeats_keep_what_is_held(store: Unreliable, clock: ManualClock) -> None:
    """DESIGN §2.2: claims and leases live as long as they are renewed, and a claim knows until when."""
    holdings, claim, lease = await _held(store, clock)
    for _ in range(10):
        clock.advance(9)
        await holdings.renew()
    claim.spend()
    assert holdings.holds(lease)
    assert holdings.lease_on("t") == lease
    async with store.read() as uow:
        assert await uow.dead_claims(grace=0) == ()


async def test_a_claim_is_renewed_where_nothing_beats() -> None:
    """O-09: a graph may run in a process that only runs graphs (an Agent Server's). A slow tool keeps its claim there, past an outage."""
    clock, again = SystemClock(), asyncio.Event()
    store = Unreliable(MemoryStore(clock=clock))
    holdings = Holdings(store, clock, owner="me", seconds=0.15)
    async with store.begin() as uow:
        await uow.add_action(ACTION)
        claimed = await uow.claim_action("a-1", digest="d", claim_id="c-1", owner="me", seconds=9, lease=None)
    assert claimed is not None
    claim = holdings.hold_claim(claimed, "c-1", clock.monotonic())
    first = claim.good_until

    async def go_away() -> None:
        store.away = True
        asyncio.get_running_loop().call_later(0.01, setattr, store, "away", False)

    async def stay() -> None:
        holdings.drop_claim("c-1")
        again.set()

    store.meanwhile = [go_away, stay]
    assert holdings._keeper is not None
    async with asyncio.timeout(20):
        await again.wait()
        await holdings._keeper
    assert claim.good_until > first


async def test_a_heartbeat_that_failed_renews_nothing(store: Unreliable, clock: ManualClock) -> None:
    """DESIGN §2.2: a process cut off from the database stops acting by itself."""
    holdings, claim, _ = await _held(store, clock)
    clock.advance(9)
    store.away = True
    with pytest.raises(Exception, match="it is away"):
        await holdings.renew()
    clock.advance(2)
    with pytest.raises(LeaseLost):
        claim.spend()


async def test_time_counts_from_before_the_question(clock: ManualClock) -> None:
    """DESIGN §2.2: a slow answer of the database makes the claim shorter, never longer than the database's own."""
    holdings = Holdings(MemoryStore(clock=clock), clock, owner="me", seconds=10)
    asked_at = clock.monotonic()
    clock.advance(8)
    claim = holdings.hold_claim(ACTION, "c-1", asked_at)
    clock.advance(3)
    with pytest.raises(LeaseLost):
        claim.spend()


async def test_what_was_taken_over_is_dropped(store: Unreliable, clock: ManualClock) -> None:
    """DESIGN §2.2: the next heartbeat finds out; the process stops driving the run."""
    holdings, claim, lease = await _held(store, clock)
    clock.advance(11)
    async with store.begin() as uow:
        assert await uow.acquire_lease("r-1", "you", 10) is not None
    await holdings.renew()
    assert not holdings.holds(lease)
    assert holdings.lease_on("t") is None
    claim_again = claim.good_until
    assert claim_again > clock.monotonic(), "the act itself is still ours: nobody buried it"


async def test_what_is_dropped_is_not_renewed(store: Unreliable, clock: ManualClock) -> None:
    """DESIGN §2.2: claims and leases that were given back end by themselves."""
    holdings, claim, lease = await _held(store, clock)
    holdings.drop_claim(claim.claim_id)
    holdings.drop_lease(lease)
    holdings.drop_lease(Lease(new_id(), "me", 1))
    clock.advance(11)
    await holdings.renew()
    async with store.read() as uow:
        assert [action.id for action in await uow.dead_claims(grace=0)] == ["a-1"]
