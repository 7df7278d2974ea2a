"""Attached graphs of which LangGraph tells more than once, or not enough: the functional API, and a graph run inside another one's node."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import interrupt

from hitl_middleware.errors import ConfigurationError, ThreadBusy
from hitl_middleware.hitl import Graph
from hitl_middleware.runs.callers import MOST_IN_LINE

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import LEASE, World, on


def _flow(tools: ToolNode, amounts: Sequence[int]) -> Graph:
    """Each amount is paid by a task of its own; the tasks run side by side."""

    @task
    def pay(amount: int) -> str:
        (answer,) = tools.invoke([AIMessage("", tool_calls=[call("pay", f"k{amount}", amount=amount)])])
        return str(answer.content)

    @entrypoint(checkpointer=InMemorySaver())
    def flow(_: Any) -> list[str]:
        return [paid.result() for paid in [pay(amount) for amount in amounts]]

    graph: Graph = flow
    return graph


@pytest.mark.parametrize("amounts", [(1,), (1, 2, 3)])
def test_tasks_of_the_functional_api(quick: World, effects: Effects, amounts: Sequence[int]) -> None:
    """E-03: a task asks, and its entrypoint asks the same once more: it is one question, and the call raises nothing."""
    pay = effects.pay_tool()
    graph = quick.attach(_flow(ToolNode([pay], **quick.tool_gate([pay])), amounts), "flow")
    graph.invoke({}, on())
    for _ in amounts:
        quick.decide(quick.only())
        quick.step()

    assert sorted(effects.done) == list(amounts)
    assert quick.runs()[0].status == "succeeded"
    assert len(quick.requests()) == len(amounts)


def test_two_tasks_that_ask_something_themselves(quick: World) -> None:
    """E-03: the same with a plain ``interrupt()``; one after the other, as the entrypoint waits for them."""

    @task
    def question(what: str) -> Any:
        return interrupt(what)

    @entrypoint(checkpointer=InMemorySaver())
    def flow(_: Any) -> list[Any]:
        return [answer.result() for answer in [question("Red?"), question("Blue?")]]

    graph = quick.attach(flow, "flow")
    graph.invoke({}, on())
    for title in ("Red?", "Blue?"):
        assert quick.only().title == title
        quick.decide(quick.only(), "respond", answer=title)
        quick.step()
    assert [run.status for run in quick.runs()] == ["succeeded"]
    assert graph.get_state(on()).values == ["Red?", "Blue?"]


def _outer(inner: Graph, config: Any) -> Any:
    builder = StateGraph(MessagesState)
    builder.add_node("inner", lambda _: {"messages": inner.invoke(asks(), config)["messages"]})
    builder.add_edge(START, "inner")
    return builder


@pytest.mark.parametrize("attached", [True, False])
def test_a_graph_on_a_thread_of_its_own_inside_another_one(
    quick: World, effects: Effects, *, attached: bool
) -> None:
    """E-04, G-15: nobody could be told what it asks; it is said at once, and names what to do, instead of waiting for ever."""
    inner = quick.attach(quick.agent([effects.pay_tool()], script(says(call("pay", amount=7)))), "refunds")
    outer = _outer(inner, on("t-inner")).compile(checkpointer=InMemorySaver())
    graph = quick.attach(outer, "desk") if attached else outer
    with pytest.raises(ConfigurationError, match=r"refunds asks something .* Attach the outer graph"):
        graph.invoke(asks(), on("t-outer"))
    assert effects.done == []


def test_a_graph_inside_another_one_that_answers_for_it(quick: World) -> None:
    """E-03: only the outer graph is attached; what the inner one asks on its own thread is its caller's own affair."""
    inner = StateGraph(MessagesState)
    inner.add_node("ask", lambda _: {"messages": [str(interrupt("Red?"))]})
    inner.add_edge(START, "ask")
    parked = inner.compile(checkpointer=InMemorySaver())
    graph = quick.attach(_outer(parked, on("t-inner")).compile(checkpointer=InMemorySaver()), "desk")
    graph.invoke(asks(), on("t-outer"))
    assert [run.status for run in quick.runs()] == ["succeeded"]
    assert quick.requests() == []


async def test_a_crowd_on_one_event_loop(quick: World, effects: Effects) -> None:
    """E-04: whoever waits for a thread has one of the loop's own threads, and whoever runs it needs some to end: not all of them wait."""
    graph = quick.attach(quick.agent([effects.look_tool()], script(says(call("look", what="it")))), "a")
    crowd = [graph.ainvoke(asks(), on()) for _ in range(40)]  # more than asyncio has threads
    try:
        async with asyncio.timeout(60):
            told = await asyncio.gather(*crowd, return_exceptions=True)
    finally:
        quick.wait(100 * LEASE)  # nobody is left waiting

    ran = [each for each in told if isinstance(each, dict)]
    assert len(ran) >= 1
    assert all(isinstance(each, dict | ThreadBusy) for each in told)


def test_who_comes_when_enough_are_waiting(quick: World) -> None:
    """E-04: is told so at once; those who wait get their turn."""

    async def crowd() -> tuple[str, int]:
        begin = partial(quick.callers.begin, "a", "t-1", on_loop=True)
        lease = await begin()
        waiting = [asyncio.create_task(begin()) for _ in range(MOST_IN_LINE + 1)]
        (refused,), waiting_still = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for left in range(len(waiting_still)):
            await quick.callers.end(lease, parked=False, error=None)
            (next_,), waiting_still = await asyncio.wait(waiting_still, return_when=asyncio.FIRST_COMPLETED)
            lease = next_.result()
            assert len(waiting_still) == MOST_IN_LINE - 1 - left
        return str(refused.exception()), len(waiting_still)

    quick.start()
    told, left = quick.portal.call(crowd)
    assert "as many callers as can wait do so already" in told
    assert left == 0


def test_two_graphs_that_nobody_named(quick: World, effects: Effects) -> None:
    """DESIGN §2.3: by default all agents are called alike; what was approved of one was performed by the tools of the other."""
    mine, other = effects.pay_tool(), Effects().pay_tool()
    one = quick.agent([mine], script(says(call("pay", amount=7))))
    another = quick.agent([other], script(says(call("pay", amount=8))))
    graph = quick.attach(one)
    assert quick.attach(graph) is graph
    with pytest.raises(ConfigurationError, match="give each a name of its own"):
        quick.attach(another)
    quick.attach(another, "another")
    quick.attach(one)
    graph.invoke(asks(), on())
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [7]
