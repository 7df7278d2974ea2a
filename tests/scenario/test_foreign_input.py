"""New input that supersedes a run standing at somebody else's question, and what is left on the thread for the next one (S-16)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from hitl_middleware.hitl import Graph
from hitl_middleware.runs import leftovers

from tests.kit import foreign
from tests.kit.effects import Effects
from tests.kit.models import asks, call, check_history, says, script
from tests.kit.world import World, on


def _history(world: World) -> list[Any]:
    graph = world.graphs._graphs["a"]
    messages: list[Any] = world.runs_portal.call(graph.aget_state, on()).values["messages"]
    check_history(messages)
    return [message.type for message in messages]


def _superseded(world: World, graph: Graph, given: Any) -> None:
    world.serve("a", graph)
    world.begin_run("a", given, thread_id="t-1")
    assert world.pending() != []
    world.begin_run("a", given, thread_id="t-1", on_new_input="supersede", note="customer wrote again")


def test_a_batched_turn(world: World, effects: Effects) -> None:
    """S-16: the questions are taken back, the run is cancelled, the next one begins on a history without open calls; nothing is done."""
    world.serve("a", foreign.langchain_agent(effects, 1, 2))
    first = world.begin_run("a", asks("first"), thread_id="t-1")
    one, _ = world.pending()
    world.decide(one)
    second = world.begin_run(
        "a", asks("second"), thread_id="t-1", on_new_input="supersede", note="customer wrote again"
    )

    ended = world.run_now(first)
    assert (ended.status, ended.error) == ("cancelled", "customer wrote again")
    assert world.run_now(second).status == "succeeded"
    assert [request.status for request in world.requests()] == ["approved", "superseded"]
    assert _history(world) == ["human", "ai", "tool", "tool", "human", "ai"]
    assert effects.done == []
    assert "run.cancelled" in {event.kind for event in world.trail()}


FORMS: dict[str, tuple[Callable[[Effects], Graph], Any]] = {
    "per call": (lambda done: foreign.langchain_agent(done, 1, 2, interrupt_mode="per_call"), asks()),
    "inside": (lambda done: foreign.around(foreign.langchain_agent(done, 1)), asks()),
    "agent inbox": (lambda _: foreign.node(lambda: interrupt(foreign.human_interrupt(7))), {"got": None}),
    "plain": (lambda _: foreign.node(lambda: interrupt("Which colour?")), {"got": None}),
    "functional": (lambda _: foreign.functional(), {"what": "the door"}),
    "breakpoint": (
        lambda done: create_agent(
            script(says(call("pay", amount=1))), [_pay(done)], interrupt_before=["tools"]
        ),
        asks(),
    ),
}


def _pay(done: Effects) -> Any:
    @tool
    def pay(amount: int) -> str:
        """Pay somebody."""
        done.perform(amount)
        return f"paid {amount}"

    return pay


@pytest.mark.parametrize("form", FORMS)
def test_every_form(quick: World, effects: Effects, form: str) -> None:
    """S-16: the same for whatever others ask, a breakpoint included; the next run comes to its own question or to its end."""
    make, given = FORMS[form]
    _superseded(quick, make(effects), given)
    first, second = quick.runs()
    assert first.status == "cancelled"
    assert second.status in {"succeeded", "suspended"}
    assert {r.status for r in quick.requests() if r.run_id == first.id} == {"superseded"}
    assert {r.status for r in quick.requests() if r.run_id == second.id} <= {"pending"}
    assert effects.done == []


def test_an_agent_that_remembers(quick: World, effects: Effects) -> None:
    """S-16: an agent in a node that keeps a thread of its own (``checkpointer=True``): there no call is left open either."""
    agent = foreign.langchain_agent(effects, 1, saver=True)
    _superseded(quick, foreign.around(agent), asks())
    first, second = quick.runs()
    assert (first.status, second.status, effects.done) == ("cancelled", "succeeded", [])
    inside: Any = {"configurable": {"thread_id": "t-1", "checkpoint_ns": "agent"}}
    messages = quick.graphs._graphs["a"].get_state(inside).values["messages"]
    check_history(messages)
    assert [message.type for message in messages] == ["human", "ai", "tool", "human", "ai"]


class Both(TypedDict, total=False):
    """What two steps of one turn have done."""

    done: Annotated[list[str], operator.add]


def test_what_a_sibling_had_done_is_kept(quick: World) -> None:
    """DESIGN §6: LangGraph drops a finished step together with one that waits beside it; what it did has happened, so it is kept."""
    builder = StateGraph(Both)
    builder.add_node("act", lambda _: {"done": ["acted"]})
    builder.add_node("ask", lambda _: {"done": [interrupt("Which colour?")]})
    builder.add_edge(START, "act")
    builder.add_edge(START, "ask")
    _superseded(quick, builder.compile(checkpointer=InMemorySaver()), {"done": ["begun"]})

    quick.decide(quick.only(), "respond", message="blue")
    quick.step()
    values = quick.graphs._graphs["a"].get_state(on()).values
    assert values["done"] == ["begun", "acted", "begun", "acted", "blue"]


def test_a_run_that_failed_leaves_no_open_call(quick: World, effects: Effects) -> None:
    """S-16: a tool raised and its run failed: the next run on the thread tells the model so, in words that claim nothing."""

    def fail() -> None:
        msg = "no connection"
        raise RuntimeError(msg)

    effects.then = fail
    quick.serve("a", create_agent(script(says(call("pay", amount=1))), [_pay(effects)]))
    first = quick.begin_run("a", asks("first"), thread_id="t-1")
    assert quick.run_now(first).status == "failed"
    second = quick.begin_run("a", asks("second"), thread_id="t-1")

    assert quick.run_now(second).status == "succeeded"
    assert _history(quick) == ["human", "ai", "tool", "human", "ai"]
    told = quick.graphs._graphs["a"].get_state(on()).values["messages"][2]
    assert told.text == "There is no outcome of pay: the run that called it ended before one was known."
    assert told.status == "error"
    assert effects.done == [1]


@pytest.mark.parametrize("times", [1, 2])
def test_putting_in_order_may_be_repeated(effects: Effects, times: int) -> None:
    """DESIGN §1: whoever dies between this and the input does it again; a thread in order is left as it is."""
    graph = foreign.langchain_agent(effects, 1, 2, saver=InMemorySaver())
    graph.invoke(asks(), on())
    for _ in range(times):
        leftovers.settle(graph, on())
    state = graph.get_state(on())
    assert (state.tasks, [m.type for m in state.values["messages"]]) == ((), ["human", "ai", "tool", "tool"])
    graph.invoke(asks("again"), on())
    assert [m.type for m in graph.get_state(on()).values["messages"]][-2:] == ["human", "ai"]


class Plain(TypedDict, total=False):
    """A history without a reducer: whoever writes it writes all of it."""

    history: list[Any]


def test_a_history_that_is_replaced(effects: Effects) -> None:
    """S-16: also where the state has no reducer, what was said before stays."""
    builder = StateGraph(Plain)
    builder.add_node("think", lambda _: {"history": [AIMessage("", tool_calls=[call("pay", amount=1)])]})
    builder.add_node("pay", lambda _: {"history": [interrupt("Really?")]})
    builder.add_edge(START, "think")
    builder.add_edge("think", "pay")
    graph = builder.compile(checkpointer=InMemorySaver())
    graph.invoke({"history": []}, on())
    leftovers.settle(graph, on())
    assert [m.type for m in graph.get_state(on()).values["history"]] == ["ai", "tool"]
