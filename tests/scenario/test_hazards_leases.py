"""Owners that are slow, late or paused, and databases that are away: leases, fences and claims between two processes."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents.middleware import AgentMiddleware
from langgraph.types import Command

from hitl_middleware import failpoints
from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import DatabaseUnreachable, LeaseLost
from hitl_middleware.records import Lease
from hitl_middleware.stores.memory import MemoryStore

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.outage import Unreliable
from tests.kit.world import LEASE, World, on, told

PAY = says(call("pay", amount=7))


def _decided(world: World, effects: Effects, *behind: Any) -> str:
    """A run whose one call has been approved and is not resumed yet."""
    world.serve("a", world.agent([effects.pay_tool()], script(PAY), behind=behind))
    run = world.begin_run("a", asks(), thread_id="t-1")
    world.decide(world.only())
    return run.id


def _live_on(world: World, leases: int) -> None:
    """Time passes for a process that is alive: heartbeats and sweeps go on."""
    for _ in range(leases * 2):
        world.beat()
        world.wait(LEASE / 2)
        world.step()


@pytest.mark.parametrize("where", ["claim.after", "effect.after", "settle.before"])
def test_a_claim_that_nobody_uses_is_not_kept_alive(
    world: World, effects: Effects, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """DESIGN §2.2: the gate is torn out of the act in a process that lives on; its claim ends, the action becomes unknown."""
    run = _decided(world, effects)
    monkeypatch.setattr(failpoints, "_PLAN", failpoints._parse(f"{where}=raise"))
    monkeypatch.setattr(failpoints, "_HITS", type(failpoints._HITS)())
    with pytest.raises(failpoints.FailpointReached):
        world.advance_run(run)
    _live_on(world, 4)

    assert effects.done == ([] if where == "claim.after" else [7])
    assert world.act().status == "unknown"
    assert world.only().kind == "outcome"


def test_a_database_that_is_away_when_the_act_has_ended(
    make_world: Callable[..., World], effects: Effects, clock: ManualClock
) -> None:
    """E-04, DESIGN §2.2: an outcome that could not be stored becomes unknown though its process lives; nothing is repeated."""
    database = Unreliable(MemoryStore(clock=clock))
    world = make_world(store=database)
    run = _decided(world, effects)
    effects.then = lambda: setattr(database, "away", True)
    with pytest.raises(DatabaseUnreachable, match="it is away"):
        world.advance_run(run)
    database.away = False
    _live_on(world, 4)

    assert effects.done == [7]
    assert world.act().status == "unknown"
    assert world.only().kind == "outcome"


async def test_a_call_that_is_cancelled_while_it_claims(
    make_world: Callable[..., World], effects: Effects, clock: ManualClock
) -> None:
    """DESIGN §2.2: the claim comes when nobody waits for it any more: it is given back, and the act can be done, once."""
    database = Unreliable(MemoryStore(clock=clock))
    world = make_world(store=database)
    graph = world.attach(world.agent([effects.pay_tool()], script(PAY)), "a")
    await graph.ainvoke(asks(), on())
    request = await asyncio.to_thread(world.only)
    await asyncio.to_thread(world.decide, request)
    here = asyncio.get_running_loop()

    async def cancel() -> None:
        resuming.cancel()
        for _ in range(20):  # until it has been told
            await asyncio.sleep(0)

    async def gives_up() -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(cancel(), here))

    database.meanwhile = [None, gives_up]  # the run's lease, the claim
    answer: Command[Any] = Command(resume={request.interrupt_id: {"type": "approve"}})
    resuming = asyncio.create_task(graph.ainvoke(answer, on()))
    with pytest.raises(asyncio.CancelledError):
        await resuming
    assert effects.done == []
    assert (await asyncio.to_thread(world.act)).status == "approved"
    await asyncio.to_thread(world.step)

    assert effects.done == [7]
    assert (await asyncio.to_thread(world.act)).attempts == 2


def test_an_act_whose_loop_is_gone_is_not_kept_alive(quick: World, effects: Effects) -> None:
    """DESIGN §2.2: a loop that was closed in the middle of an act awaits nothing more, not even to say so; nobody calls that executing."""

    def close() -> None:
        raise GeneratorExit

    run = _decided(quick, effects)
    effects.then = close
    quick.advance_run(run)
    assert quick.act().status == "executing"
    _live_on(quick, 4)

    assert effects.done == [7]
    assert quick.act().status == "unknown"


def test_a_late_owner_may_still_say_how_it_ended(world: World, effects: Effects) -> None:
    """DESIGN §3: given up as unknown while it was only slow; its own word settles it."""
    seen: list[str] = []

    def be_slow() -> None:
        world.wait(2 * LEASE + 1)
        world.portal.call(world.ledger.bury)
        seen.append(world.act().status)

    effects.then = be_slow
    _decided(world, effects)
    world.step()

    assert seen == ["unknown"]
    assert effects.done == [7]
    assert (world.act().status, world.act().result_text) == ("succeeded", "paid 7")
    assert world.pending() == []
    assert world.runs()[0].status == "succeeded"


def _pair(make_world: Callable[..., World], url: str, effects: Effects) -> tuple[World, World, str]:
    """Two processes on one database; the first has a decided run, the second could carry it on as well."""
    first, second = make_world(url), make_world(url)
    run = _decided(first, effects)
    second.serve("a", second.agent([effects.pay_tool()], script(PAY)))
    return first, second, run


def test_a_late_owner_answers_the_question_that_was_asked_meanwhile(
    make_world: Callable[..., World], url: str, effects: Effects
) -> None:
    """DESIGN §2.2, §3: another process took the run over and asked what became of the act; the owner's word closes the question."""
    first, second, run = _pair(make_world, url, effects)
    asked: list[str] = []

    def be_slow() -> None:
        first.wait(LEASE + 1)
        second.step()
        first.wait(LEASE)
        second.step()
        asked.extend(request.kind for request in second.pending())

    effects.then = be_slow
    first.advance_run(run)
    second.step()

    assert asked == ["outcome"]
    assert effects.done == [7]
    assert second.act().status == "succeeded"
    assert second.pending() == []
    assert second.runs()[0].status == "succeeded"


def test_a_person_was_first(make_world: Callable[..., World], url: str, effects: Effects) -> None:
    """DESIGN §3: what a person said of an unknown act stands; the late owner's word is kept in the audit and changes nothing."""
    first, second, run = _pair(make_world, url, effects)

    def be_slow() -> None:
        first.wait(2 * LEASE + 1)
        second.step()
        second.say(second.act(), "failed", message="the bank knows nothing of it")

    effects.then = be_slow
    first.advance_run(run)
    second.step()

    assert effects.done == [7]
    assert (second.act().status, second.act().settled_by) == ("failed", "local:ann")
    assert "action.late" in {event.kind for event in second.trail()}


class Naps(AgentMiddleware[Any, Any, Any]):
    """Between the claim and the tool, the first time: let time pass without a heartbeat."""

    def __init__(self, nap: Callable[[], None]) -> None:
        super().__init__()
        self.nap: Callable[[], None] | None = nap

    async def awrap_tool_call(self, request: Any, handler: Any) -> Any:
        """The hook."""
        nap, self.nap = self.nap, None
        if nap is not None:
            nap()
        return await handler(request)


def test_a_paused_owner_executes_nothing(world: World, effects: Effects) -> None:
    """DESIGN §2.2: a process that slept through its lease between claim and effect finds out before it acts."""
    run = _decided(world, effects, Naps(lambda: world.wait(LEASE + 1)))
    world.advance_run(run)

    assert effects.done == []
    assert world.act().status == "approved", "it was not spent, so it is given back"
    world.step()
    assert effects.done == [7]
    assert (world.act().status, world.act().attempts) == ("succeeded", 2)


def test_an_owner_that_is_alive_may_take_its_time(world: World, effects: Effects) -> None:
    """DESIGN §2.2: with its heartbeats a claim lives as long as the act takes; nobody gives it up."""

    def take_time() -> None:
        _live_on(world, 5)

    effects.first = take_time
    _decided(world, effects)
    world.step()

    assert effects.done == [7]
    assert (world.act().status, world.act().attempts) == ("succeeded", 1)


def test_an_owner_that_was_taken_over_cannot_claim(
    make_world: Callable[..., World], url: str, effects: Effects
) -> None:
    """DESIGN §2.2: the fence: a lease that somebody else took meanwhile claims nothing, although the action is still approved."""
    first, second, run = _pair(make_world, url, effects)
    action = first.act()
    lost = Lease(run, first.owner, first.run_now(first.runs()[0]).fence)

    async def take_over() -> None:
        async with second.store.begin() as uow:
            assert await uow.acquire_lease(run, second.owner, LEASE) is not None

    second.portal.call(take_over)
    with pytest.raises(LeaseLost):
        first.portal.call(first.ledger.claim, action, lost)
    with pytest.raises(LeaseLost):
        first.portal.call(first.ledger.claim, action, None)

    assert first.act().status == "approved"
    first.wait(LEASE + 1)
    second.step()
    assert effects.done == [7]


def test_a_run_that_is_driven_is_not_entered_beside_its_owner(
    make_world: Callable[..., World], url: str, effects: Effects
) -> None:
    """DESIGN §6: a live and a crashed run look the same from the checkpoint; only the lease tells them apart."""
    first, second, run = _pair(make_world, url, effects)
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        inside.set()
        leave.wait(20)

    effects.first = stay
    driving = threading.Thread(target=first.advance_run, args=(run,))
    driving.start()
    assert inside.wait(20)
    for _ in range(6):
        first.beat()
        first.wait(LEASE / 2)
        second.step()
        second.advance_run(run)
    during = second.act().status
    leave.set()
    driving.join(20)
    second.step()

    assert during == "executing"
    assert effects.done == [7]
    assert second.act().attempts == 1
    assert [message.content for message in told(second.graphs._graphs["a"])] == ["paid 7"]


def test_the_gates_own_refusals_are_not_told_the_agent(
    make_world: Callable[..., World], effects: Effects, clock: ManualClock
) -> None:
    """DESIGN §6: ``tool_gate`` brings its own error handling: a claim that could not be taken is no tool error, and is taken later."""
    database = Unreliable(MemoryStore(clock=clock))
    world = make_world(store=database)
    graph = world.plain([effects.pay_tool()], script(PAY))
    world.serve("a", graph)
    run = world.begin_run("a", asks(), thread_id="t-1")
    world.decide(world.only())
    database.goes_at = "claim_action"
    with pytest.raises(DatabaseUnreachable):
        world.advance_run(run.id)
    database.goes_at, database.away = None, False
    assert told(graph) == []
    world.wait(LEASE + 1)
    world.step()

    assert effects.done == [7]
    assert [message.content for message in told(graph)] == ["paid 7"]


@pytest.mark.parametrize(("at", "status"), [(2, "suspended"), (3, "running")])
def test_what_a_process_knew_before_it_slept_is_not_written(
    make_world: Callable[..., World], effects: Effects, clock: ManualClock, at: int, status: str
) -> None:
    """DESIGN §4: it looked, slept through its lease, and another process took the run over: nothing of what it saw is stored."""
    database = Unreliable(MemoryStore(clock=clock))
    world = make_world(store=database)
    run = _decided(world, effects)

    async def take_over() -> None:
        clock.advance(LEASE + 1)
        async with database.begin() as uow:
            assert await uow.acquire_lease(run, "another process", LEASE) is not None

    database.meanwhile = [*[None] * (at - 1), take_over]
    world.advance_run(run)

    assert effects.done == []
    assert world.act().status == "approved"
    assert world.runs()[0].status == status, "only its owner may say that it runs"
    world.wait(LEASE + 1)
    world.step()
    assert effects.done == [7]
