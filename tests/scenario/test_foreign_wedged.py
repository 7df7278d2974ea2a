"""Answers that a graph cannot live with: a batched thread that raises for ever is asked again, with its history; a refused answer too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, interrupt
from pydantic import BaseModel, field_validator

from hitl_middleware.hitl import Graph

from tests.kit import foreign
from tests.kit.effects import Effects
from tests.kit.models import asks
from tests.kit.world import World, asked, on, told

BAD: list[Any] = [
    {"oops": 1},
    "yes",
    {"decisions": [{"type": "approve"}]},
    {"decisions": [{"type": "approve"}, {"type": "shout"}]},
    {"decisions": [{"type": "approve"}, {"type": "edit"}]},
]


def _resumed(graph: Graph, answer: Any) -> str:
    """What a direct resume raises."""
    with pytest.raises((KeyError, TypeError, ValueError)) as error:
        graph.invoke(Command(resume=answer), on())
    return type(error.value).__name__


def test_langgraph_alone_is_wedged(effects: Effects) -> None:
    """DESIGN §6: what is cured below, on LangGraph and LangChain alone: after one bad answer no good one is ever heard."""
    graph = foreign.langchain_agent(effects, 1, 2, saver=InMemorySaver())
    graph.invoke(asks(), on())
    assert _resumed(graph, {"oops": 1}) == "KeyError"
    (stands,) = asked(graph)
    good = {"decisions": [{"type": "approve"}, {"type": "approve"}]}
    for answer in (good, {stands: good}):
        assert _resumed(graph, answer) == "KeyError"
    with pytest.raises(KeyError):
        graph.invoke(None, on())
    assert effects.done == []


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_a_wedged_thread_is_asked_again(quick: World, effects: Effects, bad: Any) -> None:
    """Issue 3: whatever the caller resumed with: the step is taken anew, people are asked again and told why, the history is whole."""
    graph = quick.attach(foreign.langchain_agent(effects, 1, 2, saver=InMemorySaver()), "a")
    graph.invoke(asks(), on())
    before = quick.pending()
    _resumed(graph, bad)
    quick.step()

    again = quick.pending()
    assert [r.id for r in again] == [r.id for r in before]
    assert [r.args for r in again] == [{"amount": 1}, {"amount": 2}]
    for request in again:
        assert request.notes[0].startswith(
            "Asked again: the graph could not live with the answer it was given ("
        )
    for request in again:
        quick.decide(request)
    quick.step()
    assert sorted(effects.done) == [1, 2]
    assert [m.type for m in graph.get_state(on()).values["messages"]] == ["human", "ai", "tool", "tool", "ai"]
    assert quick.runs()[-1].status == "succeeded"
    assert "run.unwedged" in {event.kind for event in quick.trail()}


def test_on_every_database(world: World, effects: Effects) -> None:
    """Issue 3: a graph that is served, resumed past us by somebody who has the saver; and what was decided meanwhile is not lost on it."""
    world.serve("a", foreign.langchain_agent(effects, 1, 2))
    run = world.begin_run("a", asks())
    for request in world.pending():
        world.decide(request)
    graph = world.graphs._graphs["a"]
    here = on(run.thread_id)
    with pytest.raises(KeyError):
        world.runs_portal.call(graph.ainvoke, Command(resume={"oops": 1}), here)
    world.step()

    assert sorted(effects.done) == [1, 2]
    assert world.run_now(run).status == "succeeded"
    assert {request.status for request in world.requests()} == {"approved"}


@pytest.mark.parametrize("by_id", [True, False], ids=["by id", "bare"])
def test_inside_a_graph(quick: World, effects: Effects, by_id: bool) -> None:
    """Issue 3: an agent inside a graph: a bare answer lies with the graph around it too, and is taken from there as well."""
    graph = quick.attach(foreign.around(foreign.langchain_agent(effects, 1)), "a")
    graph.invoke(asks(), on())
    _resumed(graph, {asked(graph)[0]: {"oops": 1}} if by_id else {"oops": 1})
    quick.step()
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [1]
    assert quick.runs()[-1].status == "succeeded"
    assert [message.text for message in told(graph)] == ["paid 1"]


def test_an_answer_of_ours(quick: World, effects: Effects) -> None:
    """DESIGN §6: LangChain's ``when`` changed its mind once, so that what people decided did not fit: they are asked anew and told why."""
    verdicts = iter([True, True, True, False])
    rule: Any = {"allowed_decisions": ["approve", "reject"], "when": lambda _: next(verdicts, True)}
    graph = foreign.langchain_agent(effects, 1, 2, saver=InMemorySaver(), rule=rule)
    quick.serve("a", graph)
    run = quick.begin_run("a", asks())
    for request in quick.pending():
        quick.decide(request)
    quick.step()
    assert effects.done == []
    again = quick.pending()
    assert [request.args for request in again] == [{"amount": 1}, {"amount": 2}]
    assert again[0].notes[0].startswith("Asked again")
    quick.decide(again[0])
    quick.decide(again[1], "reject")
    quick.step()
    assert effects.done == [1]
    assert quick.run_now(run).status == "succeeded"
    assert [r.status for r in quick.requests()] == ["approved", "approved", "approved", "rejected"]


def test_twice(quick: World, effects: Effects) -> None:
    """Issue 3: the cure works as often as it is needed."""
    graph = quick.attach(foreign.langchain_agent(effects, 1, saver=InMemorySaver()), "a")
    graph.invoke(asks(), on())
    for _ in range(2):
        _resumed(graph, {"oops": 1})
        quick.step()
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [1]


def test_what_fails_for_reasons_of_its_own(quick: World) -> None:
    """DESIGN §2.4: a node that was answered well and then fails has failed: it is not asked again, and what waits is taken back."""

    def ask() -> None:
        interrupt("Which colour?")
        msg = "the node's own trouble"
        raise ValueError(msg)

    graph = quick.attach(foreign.node(ask), "a")
    graph.invoke({"got": None}, on())
    assert _resumed(graph, "blue") == "ValueError"
    quick.step()
    assert [r.status for r in quick.requests()] == ["superseded"]
    assert quick.runs()[0].status == "failed"
    assert "the node's own trouble" in (quick.runs()[0].error or "")


def test_an_error_of_old_closes_no_new_question(quick: World) -> None:
    """DESIGN §6: the error stays with the step when its caller runs it again and it comes to its next question: that one is asked."""
    trouble = [ValueError("once")]

    def ask() -> list[Any]:
        first = interrupt("Which colour?")
        if trouble:
            raise trouble.pop()
        return [first, interrupt("Which size?")]

    graph = quick.attach(foreign.node(ask), "a")
    graph.invoke({"got": None}, on())
    assert _resumed(graph, {asked(graph)[0]: "blue"}) == "ValueError"
    graph.invoke(None, on())
    quick.step()
    request = quick.only()
    assert request.title == "Which size?"
    quick.decide(request, "respond", message="big")
    quick.step()
    assert graph.get_state(on()).values == {"got": ["blue", "big"]}


class Even(BaseModel):
    """Wants more than a JSON Schema can say."""

    number: int

    @field_validator("number")
    @classmethod
    def _even(cls, value: int) -> int:
        if value % 2:
            msg = "it must be even"
            raise ValueError(msg)
        return value


def test_an_answer_that_the_graph_refuses(world: World, make_world: Callable[..., World]) -> None:
    """DESIGN §6: LangGraph says that it is none (``is_invalid_resume``) and stays open: people are asked again and told why."""
    world.serve("a", foreign.node(lambda: interrupt("Which number?", response_schema=Even).number))
    run = world.begin_run("a", {"got": None})
    first = world.only()
    world.decide(first, "respond", answer={"number": 3})
    world.step()

    again = world.only()
    assert again.id != first.id
    assert "it must be even" in again.notes[0]
    assert world.run_now(run).status == "suspended"
    world.decide(again, "respond", answer={"number": 4})
    world.step()
    assert world.run_now(run).status == "succeeded"
    assert [r.status for r in world.requests()] == ["answered", "answered"]
