"""Filing and answering at the desk itself: one question is one request, and what is foreign is never dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from hitl_middleware import dialects
from hitl_middleware.actions import ActionRequest, Identity
from hitl_middleware.errors import AlreadyDecided, DoesNotFit, LeaseLost, NotFound
from hitl_middleware.policy import Policy
from hitl_middleware.records import PendingInterrupt, Snapshot

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World


class State(TypedDict, total=False):
    """What a foreign graph keeps."""

    answers: list[Any]


def _asking(world: World, *questions: Any, schema: Any = None) -> None:
    def node(state: State) -> State:
        return {"answers": [interrupt(question, response_schema=schema) for question in questions]}

    builder = StateGraph(State)
    builder.add_node("ask", node)
    builder.add_edge(START, "ask")
    world.serve("a", builder.compile(checkpointer=InMemorySaver()))
    world.begin_run("a", {}, thread_id="t-1")


def _answers(world: World) -> list[Any]:
    state = world.graphs._graphs["a"].get_state({"configurable": {"thread_id": "t-1"}})
    answers: list[Any] = state.values["answers"]
    return answers


def test_looking_again_files_nothing_again(world: World, effects: Effects) -> None:
    """DESIGN §1: a reconciler: however often ``advance`` looks, one question is one request."""
    turn = says(call("pay", "k1", amount=1), call("pay", "k2", amount=2))
    world.serve("a", world.agent([effects.pay_tool()], script(turn)))
    run = world.begin_run("a", asks())
    before = world.requests()
    for _ in range(3):
        world.advance_run(run.id)

    assert world.requests() == before
    assert len(before) == 2
    assert len({request.code for request in before}) == 2


def test_a_plain_question_is_answered_with_words_or_a_value(world: World) -> None:
    """DESIGN §5: ``interrupt("…")`` of any graph: asked, answered, resumed with that very value; the next one is a new request."""
    _asking(world, "What colour?", {"ask": "size"})
    first = world.only()
    assert (first.kind, first.title, first.plan.allowed_decisions) == (
        "question",
        "What colour?",
        ("respond",),
    )
    world.decide(first, "respond", message="blue")
    world.step()
    second = world.only()
    assert second.args == {"value": {"ask": "size"}}
    world.decide(second, "respond", answer={"w": 3})
    world.step()

    assert _answers(world) == ["blue", {"w": 3}]
    assert [request.status for request in world.requests()] == ["answered", "answered"]
    assert world.runs()[0].status == "succeeded"


@pytest.mark.parametrize("type_", ["approve", "reject", "feedback"])
def test_a_question_takes_only_what_it_asks_for(quick: World, type_: Any) -> None:
    """E-04: a decision that the question does not allow is refused with the field."""
    _asking(quick, "What colour?")
    with pytest.raises(DoesNotFit, match=r"type: .* is not allowed here; allowed: respond"):
        quick.decide(quick.only(), type_, message="words")
    assert quick.only().status == "pending"


SIZES = {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"answer": {"size": "big"}}, "answer.size"),
        ({"answer": 3}, "answer"),
        ({"message": "big"}, "answer"),
        ({"answer": {}}, "answer.size"),
        ({"answer": None}, "answer"),
    ],
)
def test_a_value_that_does_not_fit_its_schema(quick: World, given: dict[str, Any], field: str) -> None:
    """DESIGN §5: ``answer`` is checked against ``response_schema``; the field is named, the question stays open."""
    _asking(quick, "What size?", schema=SIZES)
    with pytest.raises(DoesNotFit) as refusal:
        quick.decide(quick.only(), "respond", **given)
    assert refusal.value.facts["field"] == field

    quick.decide(quick.only(), "respond", answer={"size": 3})
    quick.step()
    assert _answers(quick) == [{"size": 3}]


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"$ref": "#/nowhere"}, {"properties": 3}], ids=str)
def test_a_schema_that_cannot_be_used(quick: World, schema: dict[str, Any]) -> None:
    """O-08, E-04: a graph's broken schema is a sentence to whoever answers, no crash."""
    _asking(quick, "What size?", schema=schema)
    with pytest.raises(DoesNotFit, match="schema, which cannot be used"):
        quick.decide(quick.only(), "respond", answer={"size": 3})
    assert quick.only().status == "pending"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # jsonschema's own word against fetching
def test_a_schema_elsewhere_is_not_fetched(quick: World, tmp_path: Path) -> None:
    """O-08: checking an answer reads no file and calls no server, whatever a schema refers to."""
    elsewhere = tmp_path / "schema.json"
    elsewhere.write_text('{"type": "object"}')
    _asking(quick, "What size?", schema={"$ref": elsewhere.as_uri()})
    with pytest.raises(DoesNotFit, match="schema, which cannot be used"):
        quick.decide(quick.only(), "respond", answer={"size": 3})


def test_a_foreign_value_with_a_hitl_key_is_only_shown(quick: World, effects: Effects) -> None:
    """DESIGN §2.9: what a graph passes on from a model stays data: it files no tool call and speaks for no action."""
    _asking(quick, {"hitl": {"version": 1, "kind": "tool_call"}, "name": "pay", "args": {"amount": 1}})
    request = quick.only()
    assert (request.kind, request.tool, request.action_id) == ("question", None, None)


def test_two_threads_with_equal_calls_are_two_actions(world: World, effects: Effects) -> None:
    """DESIGN §2.3: deciding one thread's call says nothing of the other's."""
    world.serve("a", world.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    world.begin_run("a", asks(), thread_id="t-1")
    world.begin_run("a", asks(), thread_id="t-2")
    mine = next(request for request in world.pending() if request.thread_id == "t-1")
    world.decide(mine)
    world.step()

    assert effects.done == [7]
    assert world.only().thread_id == "t-2"


def test_what_is_gone_is_superseded(world: World, effects: Effects) -> None:
    """DESIGN §3: a pending request whose question is gone: the run moved on without this answer; the card says so."""
    world.serve("a", world.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    run = world.begin_run("a", asks())
    before = world.only()
    world.portal.call(world.desk.open, run.id, Snapshot(started=True, finished=False))

    (gone,) = world.requests()
    assert (gone.status, gone.version) == ("superseded", before.version + 1)
    assert gone.notes == ("The run moved on without this answer",)
    assert world.act().status == "denied"
    with pytest.raises(AlreadyDecided):
        world.decide(before)


def _asked(world: World, *amounts: int) -> dict[int, PendingInterrupt]:
    """The gate's questions for calls that share a task: LangGraph gives whichever is shown the same id."""
    found = {}
    for amount in amounts:
        place = Identity("t-1", "tools:1", f"k{amount}")
        request = ActionRequest(name="pay", args={"amount": amount}, identity=place)
        plan = Policy().plan(request)
        value = dialects.ask_call(request, plan, title="pay", schema=None)
        found[amount] = PendingInterrupt(id="same", value=value)
    return found


def test_questions_that_share_a_task_and_an_id(world: World) -> None:
    """DESIGN §6: calls of one task show one question at a time, under an id that comes again: each is filed, none is taken back."""
    world.start()
    world.serve("a", world.agent([Effects().pay_tool()], script()))
    run = world.portal.call(world.start_run, "a", {}, thread_id="t-1")
    one = _asked(world, 1, 2)
    for amount in (1, 2, 1):
        shown = Snapshot(started=True, finished=False, interrupts=(one[amount],))
        world.portal.call(world.desk.open, run.id, shown)

    assert sorted((r.args or {})["amount"] for r in world.pending()) == [1, 2]
    assert len(world.requests()) == 2
    world.portal.call(world.desk.open, run.id, Snapshot(started=True, finished=True))
    assert world.pending() == []


def test_a_look_that_is_out_of_date_files_nothing(quick: World) -> None:
    """DESIGN §4: the lease under which it was taken belongs to another process by now."""
    quick.start()
    quick.serve("a", quick.agent([Effects().pay_tool()], script()))
    run = quick.portal.call(quick.start_run, "a", {}, thread_id="t-1")
    shown = Snapshot(started=True, finished=False, interrupts=tuple(_asked(quick, 1).values()))

    async def look_late() -> None:
        await quick.desk.open(run.id, shown, fence=run.fence - 1)

    with pytest.raises(LeaseLost):
        quick.portal.call(look_late)
    assert quick.requests() == []


def test_opening_for_no_run(quick: World) -> None:
    """E-04: said by name."""
    quick.start()
    with pytest.raises(NotFound, match="no run 'nope'"):
        quick.portal.call(quick.desk.open, "nope", Snapshot(started=True, finished=True))
