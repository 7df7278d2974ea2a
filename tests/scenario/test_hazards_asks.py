"""Questions of ``ask`` under what goes wrong: each gets its own answer, once, whatever arrives, fails or dies in between."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt

from hitl_middleware import aask, ask
from hitl_middleware.clock import ManualClock

from tests.kit.dying import KILLED, in_process
from tests.kit.dying_steps import BETWEEN, asking_world, step_and_die_asking
from tests.kit.flows import Plan, asking, served
from tests.kit.world import LEASE, World, asked, on

GIVEN = {"topic": "bees"}

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


@pytest.mark.parametrize("where", ["resume.before", BETWEEN, "open.before"])
def test_a_process_that_dies_between_two_questions(
    url: str, clock: ManualClock, tmp_path: Path, where: str
) -> None:
    """DESIGN §6: killed after the first answer was stored, wherever: the first is not asked again, the second gets its own answer."""
    book = tmp_path / "book"
    world = asking_world(url, clock.now(), str(book))
    try:
        world.begin_run("two", GIVEN, thread_id="t-1")
        world.decide(world.only(), "respond", message="Ann")
        assert in_process(step_and_die_asking, url, world.time.now(), str(book), where) == KILLED
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


# runs that move on


def test_new_input_that_supersedes_ends_an_ask(quick: World) -> None:
    """S-16: nobody will answer: the node is told so, and its run ends; the new input gets its own question."""
    served(quick, asking(_three))
    quick.begin_run("g", {"topic": "wasps"}, thread_id="t-1", on_new_input="supersede", note="wrote again")

    old, new = quick.runs()
    assert (old.status, new.status) == ("failed", "suspended")
    assert old.error == "QuestionWithdrawn: Nobody will answer 'One?' any more: wrote again"
    assert quick.only().run_id == new.id
