"""Workflow steps and questions under what goes wrong: the store says what was decided, each question gets its own answer, once."""

from __future__ import annotations

import operator
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import pytest
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, RetryPolicy, Send, interrupt
from typing_extensions import TypedDict

from hitl_middleware import Review, aask, ask, human_step, route
from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import AlreadyDecided

from tests.kit.dying import KILLED, in_process
from tests.kit.dying_steps import BETWEEN, asking_world, step_and_die_asking
from tests.kit.effects import Effects
from tests.kit.flows import Plan, asking, planning
from tests.kit.world import LEASE, World, asked, on

GIVEN = {"topic": "bees"}


def served(world: World, builder: Any, given: Any = GIVEN) -> Any:
    """A run of this graph, driven by us until it waits; the graph as it is served."""
    world.serve("g", builder.compile())
    world.begin_run("g", given, thread_id="t-1")
    return world.graphs._graphs["g"]


# answers that arrive wrongly ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [{"type": "approve"}, "approve", True, {"decision": "approve", "by": "slack:U1"}], ids=str
)
def test_a_crafted_resume_approves_nothing(world: World, effects: Effects, value: Any) -> None:
    """DESIGN §2.1: what no person decided in the store is not decided; the step asks again, and its request counts as before."""
    graph = served(world, planning(effects))
    before = world.only()
    for _ in range(3):
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


# several questions in one node --------------------------------------------------------------------------------------------


def _until_done(world: World, answers: dict[str, str]) -> list[str]:
    """Answer whatever is asked; the titles in the order in which they were."""
    order = []
    for _ in range(10):
        for request in world.pending():
            order.append(request.title)
            world.decide(request, "respond", message=answers[request.title])
        world.step()
        if not world.pending():
            break
    return order


def _three(state: Plan) -> Plan:
    return {"done": [ask("One?"), ask("Two?"), ask("Three?")]}


async def _three_async(state: Plan) -> Plan:
    return {"done": [await aask("One?"), await aask("Two?"), await aask("Three?")]}


ANSWERS = {"One?": "1", "Two?": "2", "Three?": "3"}


@pytest.mark.parametrize("node", [_three, _three_async])
def test_questions_of_one_node_come_in_order(world: World, node: Callable[[Any], Any]) -> None:
    """DESIGN §6: the node is run again for each answer; every question keeps its own, and each is asked once."""
    graph = served(world, asking(node))
    assert _until_done(world, ANSWERS) == ["One?", "Two?", "Three?"]
    assert graph.get_state(on()).values["done"] == ["1", "2", "3"]
    assert [request.status for request in world.requests()] == ["answered"] * 3
    assert [request.kind for request in world.requests()] == ["question"] * 3


def test_answers_do_not_slip_when_resumes_arrive_wrongly(world: World) -> None:
    """DESIGN §6 (measured for calls: k2 ran with k1's answer): stray values between the questions shift nothing."""
    graph = served(world, asking(_three))
    for title in ("One?", "Two?", "Three?"):
        graph.invoke(Command(resume="stray"), on())
        world.step()
        request = world.only()
        assert request.title == title
        world.decide(request, "respond", message=ANSWERS[title])
        if title != "Three?":
            graph.invoke(Command(resume={asked(graph)[0]: "stray"}), on())
        world.step()

    assert graph.get_state(on()).values["done"] == ["1", "2", "3"]
    assert len(world.requests()) == 3


def test_plain_interrupts_in_between_keep_their_own_answers(quick: World) -> None:
    """E-03: a node may mix ``ask`` with LangGraph's own ``interrupt()``."""

    def node(state: Plan) -> Plan:
        return {"done": [ask("One?"), interrupt("Two?"), ask("Three?")]}

    graph = served(quick, asking(node))
    _until_done(quick, ANSWERS)
    assert graph.get_state(on()).values["done"] == ["1", "2", "3"]


def test_the_same_words_twice_are_two_questions(world: World) -> None:
    """DESIGN §6: in a loop, and in tools that the node calls (each runs in a context of its own), equal questions do not collide."""

    @tool
    def confirm(what: str) -> str:
        """Ask."""
        return ask("Sure?")

    def node(state: Plan) -> Plan:
        return {"done": [confirm.invoke({"what": each}) for each in "ab"]}

    graph = served(world, asking(node))
    first = world.only()
    world.decide(first, "respond", message="yes")
    world.step()
    second = world.only()
    assert second.id != first.id
    assert (first.ordinal, second.ordinal) == (0, 1)
    world.decide(second, "respond", message="no")
    world.step()
    assert graph.get_state(on()).values["done"] == ["yes", "no"]


def test_a_question_that_is_put_differently_is_asked_anew(world: World) -> None:
    """DESIGN §2.3: the answer to other words is not taken for it; the old question is taken back."""
    asks = iter(["Pay 5?", "Pay 500?", "Pay 500?", "Pay 500?"])

    def node(state: Plan) -> Plan:
        return {"done": [ask(next(asks))]}

    graph = served(world, asking(node))
    world.decide(world.only(), "respond", message="yes")
    world.step()
    second = world.only()
    assert second.title == "Pay 500?"
    assert "done" not in graph.get_state(on()).values or graph.get_state(on()).values["done"] == []
    world.decide(second, "respond", message="no")
    world.step()
    assert graph.get_state(on()).values["done"] == ["no"]


def test_a_node_that_is_retried_asks_the_same(quick: World) -> None:
    """DESIGN §6: LangGraph's retry of a node counts its questions from the beginning, as the re-run does."""
    failures = iter([True, False, False, False])

    def node(state: Plan) -> Plan:
        first = ask("One?")
        if next(failures):
            msg = "a hiccup"
            raise ConnectionError(msg)
        return {"done": [first, ask("Two?")]}

    builder = StateGraph(Plan)
    builder.add_node("node", node, retry_policy=RetryPolicy(max_attempts=3, initial_interval=0, jitter=False))
    builder.add_edge(START, "node")
    graph = served(quick, builder)
    assert _until_done(quick, ANSWERS) == ["One?", "Two?"]
    assert graph.get_state(on()).values["done"] == ["1", "2"]


# crashes ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["resume.before", BETWEEN, "resume.after", "open.before", "open.after"])
def test_a_process_that_dies_between_two_questions(
    sqlite_url: str, clock: ManualClock, tmp_path: Path, where: str
) -> None:
    """DESIGN §6: killed after the first answer was stored, wherever: the first is not asked again, the second gets its own answer."""
    book = tmp_path / "book"
    world = asking_world(sqlite_url, clock.now(), str(book))
    try:
        world.begin_run("two", GIVEN, thread_id="t-1")
        world.decide(world.only(), "respond", message="Ann")
        assert in_process(step_and_die_asking, sqlite_url, world.time.now(), str(book), where) == KILLED
        world.wait(LEASE + 1)
        world.step()

        second = world.only()
        assert second.title == "Colour?"
        world.decide(second, "respond", message="green")
        world.step()
        assert book.read_text() == "Ann green\n"
        assert len(world.requests()) == 2
        assert world.runs()[0].status == "succeeded"
    finally:
        world.stop()


def test_a_decision_whose_resume_was_lost_is_not_asked_again(
    make_world: Callable[..., World], sqlite_url: str, effects: Effects
) -> None:
    """G-15: decided through one process, carried on by another that knows of it from the store alone."""
    here, there = make_world(sqlite_url), make_world(sqlite_url)
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


def test_new_input_that_supersedes_ends_an_ask(quick: World) -> None:
    """S-16: nobody will answer: the node is told so, and its run ends; the new input gets its own question."""
    served(quick, asking(_three))
    quick.begin_run("g", {"topic": "wasps"}, thread_id="t-1", on_new_input="supersede", note="wrote again")

    old, new = quick.runs()
    assert (old.status, new.status) == ("failed", "suspended")
    assert old.error == "QuestionWithdrawn: Nobody will answer 'One?' any more: wrote again"
    assert quick.only().run_id == new.id


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
