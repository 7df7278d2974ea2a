"""Workflow steps under what goes wrong: the store says what was decided, and each step is decided once."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, Send
from typing_extensions import TypedDict

from hitl_middleware import Review, ask, human_step, route
from hitl_middleware.errors import AlreadyDecided

from tests.kit.effects import Effects
from tests.kit.flows import Plan, planning, served
from tests.kit.world import World, asked, on

GIVEN = {"topic": "bees"}


# answers that arrive wrongly ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [{"type": "approve"}, {"decision": "approve", "by": "slack:U1"}], ids=["hint", "review"]
)
def test_a_crafted_resume_approves_nothing(world: World, effects: Effects, value: Any) -> None:
    """DESIGN §2.1: what no person decided in the store is not decided; the step asks again, and its request counts as before."""
    graph = served(world, planning(effects))
    before = world.only()
    for _ in range(2):
        graph.invoke(Command(resume={asked(graph)[0]: value}), on())
        graph.invoke(Command(resume=value), on())
    world.step()

    assert effects.done == []
    assert "review" not in graph.get_state(on()).values
    assert [request.id for request in world.requests()] == [before.id], (
        "the open request is bound to the new interrupt"
    )
    world.decide(world.only(), "reject")
    world.step()
    assert effects.done == []
    assert world.runs()[0].status == "succeeded"


def test_the_resume_value_may_say_something_else(world: World, effects: Effects) -> None:
    """DESIGN §2.1: people rejected; a resume that claims approval is overruled by the store."""
    graph = served(world, planning(effects))
    world.decide(world.only(), "reject")
    graph.invoke(Command(resume={asked(graph)[0]: {"type": "approve"}}), on())

    assert effects.done == []
    assert graph.get_state(on()).values["review"]["decision"] == "reject"


def test_late_and_repeated_resumes_give_one_review(world: World, effects: Effects) -> None:
    """S-10: the same answer again, by id and bare, after the run went on: nothing runs twice, the second decision is refused."""
    graph = served(world, planning(effects))
    request, (question,) = world.only(), asked(graph)
    world.decide(request)
    with pytest.raises(AlreadyDecided):
        world.decide(request, "reject")
    world.step()
    for value in ({question: {"type": "approve"}}, {"type": "approve"}):
        graph.invoke(Command(resume=value), on())
    world.step()

    assert effects.done == [1]
    assert len(graph.get_state(on()).values["done"]) == 1


def test_a_run_that_somebody_resumed_past_us_is_not_begun_again(world: World, effects: Effects) -> None:
    """S-10: a decided step is resumed on our saver by somebody else's process, to the end: the run is over, not started anew."""
    graph = served(world, planning(effects))
    world.decide(world.only())
    graph.invoke(Command(resume={asked(graph)[0]: {"type": "approve"}}), on())
    world.step()

    assert effects.done == [1]
    assert [request.status for request in world.requests()] == ["approved"]
    assert world.runs()[0].status == "succeeded"


def test_concurrent_advances_resume_once(world: World, effects: Effects) -> None:
    """S-10, DESIGN §6: ten wake-ups of one decided run: its lease lets one of them resume."""
    served(world, planning(effects))
    run = world.runs()[0]
    world.decide(world.only())
    together = [threading.Thread(target=world.advance_run, args=(run.id,)) for _ in range(10)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    world.step()
    assert effects.done == [1]


def test_an_answer_of_the_round_before_does_not_count_again(world: World, effects: Effects) -> None:
    """DESIGN §6: a feedback's hint that arrives twice does not answer the next round."""
    graph = served(world, planning(effects))
    (question,) = asked(graph)
    world.decide(world.only(), "feedback", message="shorter")
    world.step()
    for value in ({question: {"type": "approve"}}, {"type": "approve"}):
        graph.invoke(Command(resume=value), on())
    world.step()

    assert effects.done == []
    assert world.only().round == 2


# several at once ----------------------------------------------------------------------------------------------------------


class Item(TypedDict, total=False):
    name: str
    review: Review
    reviews: Annotated[list[Any], operator.add]


class Taken(TypedDict, total=False):
    reviews: Annotated[list[Any], operator.add]


def _fan_out() -> StateGraph[Any, Any, Any, Any]:
    """Two items, each reviewed in a task of its own, in a subgraph whose feedback loops for that item alone."""
    one = StateGraph(Item, output_schema=Taken)
    one.add_node("check", human_step(lambda item: f"Take {item['name']}?", show=["name"], into="review"))
    one.add_node("keep", lambda item: {"reviews": [(item["name"], item["review"]["decision"])]})
    one.add_edge(START, "check")
    one.add_conditional_edges("check", route("review", approve="keep", reject="keep", feedback="check"))
    one.add_edge("keep", END)
    both = StateGraph(Taken)
    both.add_node("item", one.compile())
    both.add_conditional_edges(
        START, lambda _: [Send("item", {"name": name}) for name in ("a", "b")], ["item"]
    )
    return both


def test_parallel_steps_in_subgraphs_have_requests_of_their_own(world: World) -> None:
    """S-07 for steps: two items at once; deciding one leaves the other waiting, rounds of one are not rounds of the other."""
    graph = served(world, _fan_out(), {})
    first, second = world.pending()
    assert {first.title, second.title} == {"Take a?", "Take b?"}
    assert first.checkpoint_ns != second.checkpoint_ns

    world.decide(first, "feedback", message="look again")
    world.step()
    again = next(request for request in world.pending() if request.id != second.id)
    assert (again.title, again.round, second.round) == (first.title, 2, 1)
    world.decide(second, "reject")
    world.step()
    assert world.only().id == again.id
    world.decide(again)
    world.step()

    assert world.runs()[0].status == "succeeded"
    taken = dict(graph.get_state(on()).values["reviews"])
    assert taken == {first.args["name"]: "approve", second.args["name"]: "reject"}  # type: ignore[index]


def test_two_parallel_steps_of_one_graph(quick: World) -> None:
    """S-07 for steps: two branches with a step each: one request each, one answer each."""

    class Both(TypedDict, total=False):
        law: Review
        money: Review

    builder = StateGraph(Both)
    for name in ("law", "money"):
        builder.add_node(name, human_step(f"Is the {name} right?"))
        builder.add_edge(START, name)
        builder.add_edge(name, END)
    # A node and the key it writes may have one name, as the default of ``into`` has it.
    graph = served(quick, builder, {"law": None})
    by_step = {request.step: request for request in quick.pending()}
    quick.decide(by_step["money"], "reject")
    quick.step()
    quick.decide(by_step["law"])
    quick.step()
    values = graph.get_state(on()).values
    assert {name: values[name]["decision"] for name in by_step} == {"law": "approve", "money": "reject"}


def test_a_decision_whose_resume_was_lost_is_not_asked_again(
    make_world: Callable[..., World], url: str, effects: Effects
) -> None:
    """G-15: decided through one process, carried on by another that knows of it from the store alone."""
    here, there = make_world(url), make_world(url)
    served(here, planning(effects))
    here.decide(here.only(), "feedback", message="shorter")
    there.serve("g", planning(effects).compile())
    there.step()
    assert there.only().round == 2
    there.decide(there.only())
    there.step()
    assert effects.done == [2]


# runs that move on --------------------------------------------------------------------------------------------------------


def test_new_input_that_supersedes_rejects_the_step(world: World, effects: Effects) -> None:
    """S-16: the open step is taken back; the old run ends by its reject way, by ``hitl``, and the new input is reviewed."""
    graph = served(world, planning(effects))
    old = world.only()
    world.begin_run("g", {"topic": "wasps"}, thread_id="t-1", on_new_input="supersede", note="wrote again")

    assert [request.status for request in world.requests()] == ["superseded", "pending"]
    assert effects.done == []
    assert [run.status for run in world.runs()] == ["succeeded", "suspended"]
    review = graph.get_state(on()).values["review"]
    assert (review["decision"], review["by"], review["message"]) == ("reject", "hitl", "wrote again")
    with pytest.raises(AlreadyDecided, match="superseded"):
        world.decide(old)
    assert world.only().round == 1


def test_a_caller_that_goes_on_without_the_answer(quick: World, effects: Effects) -> None:
    """S-16: the user's own process gives new input to a parked thread: LangGraph drops the interrupt, the request is superseded."""
    graph = quick.attach(planning(effects).compile(checkpointer=InMemorySaver()), "g")
    graph.invoke(GIVEN, on())
    old = quick.only()
    graph.invoke({"topic": "wasps"}, on())
    quick.step()

    assert [request.status for request in quick.requests()] == ["superseded", "pending"]
    with pytest.raises(AlreadyDecided):
        quick.decide(old)
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [1]


def test_a_step_whose_run_failed_is_asked_again_when_it_is_taken_up(quick: World, effects: Effects) -> None:
    """G-15: a parallel branch ends the run while the step waits; who takes the thread up again is asked anew, not told "rejected"."""
    broken = [True]

    def other(state: Plan) -> Plan:
        said = ask("Go?")
        if broken:
            msg = "out of order"
            raise ValueError(msg)
        return {"done": [said]}

    builder = planning(effects)
    builder.add_node("other", other)
    builder.add_edge("draft", "other")
    graph = quick.attach(builder.compile(checkpointer=InMemorySaver()), "g")
    graph.invoke(GIVEN, on())
    old = quick.only("step")
    quick.decide(quick.only("question"), "respond", message="go")
    quick.step()
    assert [run.status for run in quick.runs()] == ["failed"]
    assert quick.pending() == []

    broken.clear()
    graph.invoke(None, on())
    quick.step()
    again = quick.only("step")
    assert (again.place, again.id != old.id) == (old.place, True)
    quick.decide(again)
    quick.step()
    assert effects.done == [1]
    assert quick.runs()[-1].status == "succeeded"
