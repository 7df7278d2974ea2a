"""Answers that a graph cannot live with, where its step is not alone: beside others, in an agent that a tool calls or that remembers."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, Send, interrupt
from typing_extensions import TypedDict

from hitl_middleware.hitl import Graph

from tests.kit import foreign
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, asked, on, told

BAD = {"oops": 1}


def _in_a_tool(effects: Effects) -> Graph:
    """An agent whose tool calls another one, which asks; in the same turn it pays, and nobody is asked about that."""

    @tool
    def pay(amount: int) -> str:
        """Pay somebody."""
        effects.done.append(amount)
        return f"paid {amount}"

    @tool
    def ask_clerk(what: str) -> str:
        """Hand work over."""
        clerk = foreign.langchain_agent(effects, 1)
        said: str = clerk.invoke(asks(what))["messages"][-2].text
        return said

    turn = says(call("ask_clerk", "c1", what="pay 1"), call("pay", "c2", amount=9))
    return create_agent(script(turn), [ask_clerk, pay], checkpointer=InMemorySaver())


def _two_deep(effects: Effects) -> Graph:
    """The same once more around it."""
    inner = _in_a_tool(effects).copy({"checkpointer": None})

    @tool
    def ask_office(what: str) -> str:
        """Hand work over."""
        said: str = inner.invoke(asks(what))["messages"][-1].text
        return said

    turn = says(call("ask_office", "o1", what="pay 1"))
    return create_agent(script(turn), [ask_office], checkpointer=InMemorySaver())


@pytest.mark.parametrize("make", [_in_a_tool, _two_deep])
@pytest.mark.parametrize("by_id", [True, False], ids=["by id", "bare"])
def test_an_agent_that_a_tool_calls(quick: World, effects: Effects, make: Any, by_id: bool) -> None:
    """Issue 3: the answer lies with a graph that LangGraph does not know of beforehand; it is found and taken back.

    What was done beside it is not done again.
    """
    graph = quick.attach(make(effects), "a")
    graph.invoke(asks(), on())
    request = quick.only()
    with pytest.raises(KeyError):
        graph.invoke(Command(resume={asked(graph)[0]: BAD} if by_id else BAD), on())
    quick.step()

    assert quick.only().id == request.id
    assert quick.only().notes[-1].startswith("Asked again")
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [9, 1]
    assert [run.status for run in quick.runs()] == ["succeeded"]


def test_on_every_database(world: World, effects: Effects) -> None:
    """Issue 3: the same behind a server, on the savers that ship; who has decided meanwhile is not asked again."""
    world.serve("a", _in_a_tool(effects))
    run = world.begin_run("a", asks())
    world.decide(world.only())
    graph, here = world.graphs._graphs["a"], on(run.thread_id)
    with pytest.raises(KeyError):
        world.runs_portal.call(graph.ainvoke, Command(resume=BAD), here)
    world.step()
    assert effects.done == [9, 1]
    assert world.run_now(run).status == "succeeded"
    assert "run.unwedged" in {event.kind for event in world.trail()}


class Payment(TypedDict):
    """What one step is sent."""

    amount: int


def _beside(effects: Effects) -> Graph:
    """Three steps of one turn, by ``Send``: two ask in LangChain's batched form, one has acted."""

    def ask(state: Payment) -> dict[str, Any]:
        amount = state["amount"]
        value = {
            "action_requests": [{"name": "pay", "args": {"amount": amount}}],
            "review_configs": [{"action_name": "pay", "allowed_decisions": ["approve", "reject"]}],
        }
        (decision,) = interrupt(value)["decisions"]
        if decision["type"] == "approve":
            effects.done.append(amount)
        return {"messages": []}

    def act(state: MessagesState) -> dict[str, Any]:
        effects.done.append("acted")
        return {"messages": []}

    def fan_out(state: MessagesState) -> list[Any]:
        return [Send("ask", {"amount": 1}), Send("ask", {"amount": 2}), "act"]

    builder = StateGraph(MessagesState)
    builder.add_node("ask", ask)
    builder.add_node("act", act)
    builder.add_conditional_edges(START, fan_out, ["ask", "act"])
    return builder.compile(checkpointer=InMemorySaver())


def test_beside_others(quick: World, effects: Effects) -> None:
    """Issue 3: only the step that was answered badly is asked again; the other's question stays, and what was done is not repeated."""
    graph = quick.attach(_beside(effects), "a")
    graph.invoke(asks(), on())
    one, two = sorted(quick.pending(), key=lambda request: (request.args or {})["amount"])
    with pytest.raises(KeyError):
        graph.invoke(Command(resume={one.interrupt_id: BAD}), on())
    quick.step()

    again = {request.id: request.notes for request in quick.pending()}
    assert set(again) == {one.id, two.id}
    assert again[one.id][0].startswith("Asked again")
    assert again[two.id] == ()
    for request in quick.pending():
        quick.decide(request)
    quick.step()
    assert sorted(map(str, effects.done)) == ["1", "2", "acted"]
    assert quick.runs()[-1].status == "succeeded"


def test_an_agent_that_remembers(quick: World, effects: Effects) -> None:
    """Issue 3: an agent in a node that keeps a thread of its own (``checkpointer=True``)."""
    graph = quick.attach(foreign.around(foreign.langchain_agent(effects, 1, saver=True)), "a")
    graph.invoke(asks(), on())
    with pytest.raises(KeyError):
        graph.invoke(Command(resume={asked(graph)[0]: BAD}), on())
    quick.step()
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [1]
    assert [message.text for message in told(graph)] == ["paid 1"]


class Stubborn(InMemorySaver):
    """Keeps the first answer that a step was given."""

    def put_writes(self, config: RunnableConfig, writes: Any, task_id: str, task_path: str = "") -> None:
        """Whatever takes an answer back is not stored."""
        if [*writes] != [("__resume__", [])]:
            super().put_writes(config, writes, task_id, task_path)


def test_a_saver_that_takes_nothing_back(quick: World, effects: Effects) -> None:
    """E-04: then the run has failed, and says why; nothing is asked that could never be answered."""
    graph = quick.attach(foreign.langchain_agent(effects, 1, saver=Stubborn()), "a")
    graph.invoke(asks(), on())
    with pytest.raises(KeyError):
        graph.invoke(Command(resume=BAD), on())
    quick.step()

    (run,) = quick.runs()
    assert run.status == "failed"
    assert "An answer that is none was given (KeyError('decisions')), and it cannot be taken back" in str(
        run.error
    )
    assert quick.pending() == []
    assert effects.done == []
