"""A database that is away when a run parks: the caller is told, nothing is lost, and the sweep files it later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from hitl_middleware import RequestNotFiled
from hitl_middleware.actions import ActionRequest, Decision
from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import DatabaseUnreachable
from hitl_middleware.records import Lease
from hitl_middleware.stores.memory import MemoryStore

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.outage import Unreliable
from tests.kit.world import ANN, LEASE, World, on


@pytest.fixture
def database(clock: ManualClock) -> Unreliable:
    """A database that can be away."""
    return Unreliable(MemoryStore(clock=clock))


@pytest.fixture
def shaky(make_world: Callable[..., World], database: Unreliable) -> World:
    """A world on it."""
    return make_world(store=database)


class CutsWhenAsked:
    """A rule that asks – and the database goes away just then, before the question can be stored."""

    def __init__(self, database: Unreliable) -> None:
        self._database = database
        self.cuts = True

    def __call__(self, request: ActionRequest) -> bool:
        self._database.away = self.cuts
        return True


def _attached(world: World, effects: Effects, rule: Any) -> Any:
    turn = says(call("pay", amount=7))
    # Without a limit of rejections the rule is the last that happens before the run parks: nothing is looked up after it.
    tool = effects.pay_tool(when=rule, max_rejections=None)
    return world.attach(world.agent([tool], script(turn)), "a")


def _back(world: World, database: Unreliable) -> None:
    database.away = False
    world.beat()
    world.wait(LEASE + 1)
    world.step()


def test_the_caller_is_told_and_the_sweep_files(shaky: World, database: Unreliable, effects: Effects) -> None:
    """E-04, G-15: ``RequestNotFiled(thread_id)``; when the database is back the request is there, once, and counts."""
    graph = _attached(shaky, effects, CutsWhenAsked(database))
    with pytest.raises(RequestNotFiled, match=r"'t-1' is parked.*it is away") as told:
        graph.invoke(asks(), on())
    assert told.value.thread_id == "t-1"
    database.away = False
    assert shaky.requests() == [], "nothing half-written"

    _back(shaky, database)
    shaky.decide(shaky.only())
    shaky.step()

    assert effects.done == [7]
    assert shaky.runs()[0].status == "succeeded"


async def test_the_caller_is_told_async(shaky: World, database: Unreliable, effects: Effects) -> None:
    """E-04: the same with ``ainvoke``."""
    graph = _attached(shaky, effects, CutsWhenAsked(database))
    with pytest.raises(RequestNotFiled) as told:
        await graph.ainvoke(asks(), on("t-9"))
    assert told.value.thread_id == "t-9"
    await asyncio.to_thread(_back, shaky, database)
    assert (await asyncio.to_thread(shaky.only)).thread_id == "t-9"


def test_it_is_filed_in_a_later_round_too(shaky: World, database: Unreliable) -> None:
    """G-15: every sweep so far had seen all there was to see; the second question is not forgotten for that."""

    def node(state: MessagesState) -> dict[str, Any]:
        said = interrupt("One?")
        database.away = True
        return {"messages": [said, interrupt("Two?")]}

    builder = StateGraph(MessagesState)
    builder.add_node("ask", node)
    builder.add_edge(START, "ask")
    graph = shaky.attach(builder.compile(checkpointer=InMemorySaver()), "a")
    graph.invoke(asks(), on())
    shaky.step()
    shaky.portal.call(_look_at_everything, shaky)
    with pytest.raises(RequestNotFiled):
        graph.invoke(Command(resume={shaky.only().interrupt_id: "yes"}), on())

    _back(shaky, database)

    assert shaky.only().title == "Two?"


async def _look_at_everything(world: World) -> None:
    """As if every sweep so far had seen all there was to see."""
    async with world.store.begin() as uow:
        for run in (await uow.list_runs()).items:
            await uow.leave_run(Lease(run.id, "", run.fence), run.status, seen=run.wanted, error=run.error)


def test_a_direct_answer_before_filing_does_nothing(
    shaky: World, database: Unreliable, effects: Effects
) -> None:
    """DESIGN §2.1: an answer to a question that nobody filed is an answer to nothing."""
    rule = CutsWhenAsked(database)
    graph = _attached(shaky, effects, rule)
    with pytest.raises(RequestNotFiled):
        graph.invoke(asks(), on())
    database.away = rule.cuts = False
    shaky.beat()
    shaky.wait(LEASE + 1)
    graph.invoke(Command(resume={"type": "approve"}), on())

    assert effects.done == []
    shaky.decide(shaky.only(), "reject")
    shaky.step()
    assert effects.done == []
    assert shaky.runs()[0].status == "succeeded"


def test_nothing_begins_without_the_database(shaky: World, database: Unreliable, effects: Effects) -> None:
    """E-04: a caller whose thread's lease cannot be taken is told before anything runs."""
    graph = _attached(shaky, effects, lambda _: False)
    shaky.start()
    database.away = True
    with pytest.raises(DatabaseUnreachable, match="it is away"):
        graph.invoke(asks(), on())
    assert effects.done == []


def test_no_claim_without_the_database(shaky: World, database: Unreliable, effects: Effects) -> None:
    """DESIGN §2.6: what cannot be written down is not done; it is done when the database is back."""
    shaky.serve("a", shaky.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    shaky.begin_run("a", asks())
    shaky.decide(shaky.only())
    database.goes_at = "claim_action"
    with pytest.raises(DatabaseUnreachable):
        shaky.advance_run(shaky.runs()[0].id)
    assert effects.done == []
    database.goes_at = None
    _back(shaky, database)

    assert effects.done == [7]
    assert shaky.runs()[0].status == "succeeded"


@pytest.mark.parametrize("verb", ["add_submission", "append", "save_action", "save_request", "want_run"])
def test_a_decision_is_stored_whole_or_not_at_all(
    shaky: World, database: Unreliable, effects: Effects, verb: str
) -> None:
    """DESIGN §2.6, E-04: wherever in it the database goes away, the answer does not count, and can be given again."""
    shaky.serve("a", shaky.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    shaky.begin_run("a", asks())
    request, trail = shaky.only(), len(shaky.trail())
    database.goes_at = verb
    with pytest.raises(DatabaseUnreachable):
        shaky.decide(request)
    database.goes_at, database.away = None, False

    assert shaky.only() == request
    assert shaky.act().status == "waiting"
    assert len(shaky.trail()) == trail
    shaky.decide(request)
    shaky.step()
    assert effects.done == [7]


@pytest.mark.parametrize("verb", ["add_action", "add_request", "append"])
def test_a_question_is_filed_whole_or_not_at_all(
    shaky: World, database: Unreliable, effects: Effects, verb: str
) -> None:
    """G-15, E-04: the request, its action and their events are one transaction; the next sweep files all of it."""
    shaky.serve("a", shaky.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    run = shaky.portal.call(shaky.start_run, "a", asks())
    database.goes_at = verb
    with pytest.raises(DatabaseUnreachable):
        shaky.advance_run(run.id)
    database.goes_at, database.away = None, False
    assert (shaky.requests(), shaky.actions()) == ([], [])

    _back(shaky, database)
    assert len(shaky.pending()) == len(shaky.actions()) == 1


@pytest.mark.parametrize("needed", [1, 2])
def test_an_answer_that_is_brought_twice_at_once(
    shaky: World, database: Unreliable, effects: Effects, needed: int
) -> None:
    """G-12, S-10: a webhook and the poll read one comment at the same moment: it counts once, and neither is told that it came too late."""
    pay = effects.pay_tool(required_approvals=needed)
    shaky.serve("a", shaky.agent([pay], script(says(call("pay", amount=7)))))
    shaky.begin_run("a", asks())
    request, source = shaky.only(), "github:comment:1"
    given = partial(
        shaky.submit, request.id, Decision(type="approve"), identity=ANN, via="github", source=source
    )
    database.meanwhile = [given]
    second = shaky.portal.call(given)
    shaky.step()

    enough = needed == 1
    assert (second.status, second.decided_by) == (("approved", ANN) if enough else ("pending", None))
    assert effects.done == ([7] if enough else [])
    assert [event.kind for event in shaky.trail()].count("submission.received") == 1
