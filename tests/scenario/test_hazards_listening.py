"""Callers of an attached graph who stop listening: what the run asks is asked all the same, and one that is in the middle ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing, closing
from typing import Any, cast

import pytest
from langchain_core.tools import tool
from langgraph.types import Command

from hitl_middleware.hitl import Graph

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, on

LEFT = "Its caller stopped in the middle (GeneratorExit)"


def _listen(graph: Graph, last: str) -> None:
    """Stream a run, and no further than to the chunk that is called so."""
    with closing(cast("Any", graph.stream(asks(), on(), stream_mode="updates"))) as chunks:
        for chunk in chunks:
            if last in chunk:
                return


async def _alisten(graph: Graph, last: str) -> None:
    async with aclosing(cast("Any", graph.astream(asks(), on(), stream_mode="updates"))) as chunks:
        async for chunk in chunks:
            if last in chunk:
                return


def _listen_async(graph: Graph, last: str) -> None:
    asyncio.run(_alisten(graph, last))


@pytest.mark.parametrize("listen", [_listen, _listen_async], ids=["stream", "astream"])
def test_a_stream_that_is_left_at_the_question_is_asked(
    quick: World, effects: Effects, listen: Callable[[Graph, str], None]
) -> None:
    """G-15: whoever streams stops at ``__interrupt__`` as a rule, before LangGraph says that the run has parked; people are asked."""
    graph = quick.attach(quick.agent([effects.pay_tool()], script(says(call("pay", amount=7)))), "a")
    listen(graph, "__interrupt__")
    quick.step()

    request = quick.only()
    assert (quick.runs()[0].status, quick.runs()[0].error) == ("suspended", None)
    quick.decide(request)
    quick.step()
    assert effects.done == [7]
    assert quick.runs()[0].status == "succeeded"


def test_a_stream_that_is_left_at_the_first_of_two_questions(quick: World, effects: Effects) -> None:
    """S-07: the other call had not asked yet; it does when the run goes on, and each is performed once."""
    two = says(call("pay", "k1", amount=1), call("pay", "k2", amount=2))
    graph = quick.attach(quick.agent([effects.pay_tool()], script(two)), "a")
    _listen(graph, "__interrupt__")
    quick.step()
    while waiting := quick.pending():
        quick.decide(waiting[0])
        quick.step()

    assert sorted(effects.done) == [1, 2]
    assert quick.runs()[0].status == "succeeded"


def test_a_stream_that_is_left_in_the_middle_ends_its_run(quick: World, effects: Effects) -> None:
    """E-04: nobody was asked and nobody carries it on: the run says why it has failed, and the thread is free for the next one."""
    graph = quick.attach(quick.agent([effects.pay_tool()], script(says(call("pay", amount=7)))), "a")
    _listen(graph, "model")
    quick.step()
    assert [(run.status, run.error) for run in quick.runs()] == [("failed", LEFT)]

    graph.invoke(None, on())
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [7]
    assert [run.status for run in quick.runs()] == ["failed", "succeeded"]


async def test_a_listener_that_is_cancelled_beside_a_question(quick: World, effects: Effects) -> None:
    """G-15: a web client that hangs up when it has seen the question cancels what still runs beside it; people are asked."""
    asked = asyncio.Event()

    @tool
    async def look() -> str:
        """Take long."""
        await (asyncio.Event().wait() if not asked.is_set() else asyncio.sleep(0))
        return "seen"

    async def listen() -> None:
        async for chunk in graph.astream(asks(), on(), stream_mode="updates"):
            if "__interrupt__" in chunk:
                asked.set()

    tools = [effects.pay_tool(), look]
    graph = quick.attach(quick.agent(tools, script(says(call("pay", amount=7), call("look", "k2")))), "a")
    listening = asyncio.create_task(listen())
    await asyncio.wait_for(asked.wait(), 10)
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    await asyncio.to_thread(quick.step)

    await asyncio.to_thread(quick.decide, await asyncio.to_thread(quick.only))
    await asyncio.to_thread(quick.step)
    assert effects.done == [7]
    assert [run.status for run in await asyncio.to_thread(quick.runs)] == ["succeeded"]


def test_every_turn_of_a_callers_run_is_on_the_record(quick: World, effects: Effects) -> None:
    """O-01, DESIGN §2.10: also that its own process carries a parked run on."""
    graph = quick.attach(quick.agent([effects.pay_tool()], script(says(call("pay", amount=7)))), "a")
    graph.invoke(asks(), on())
    request = quick.only()
    quick.decide(request)
    graph.invoke(Command(resume={request.interrupt_id: {"type": "approve"}}), on())

    told = [(event.kind, event.actor) for event in quick.trail() if event.kind.startswith("run.")]
    turns = ["run.started", "run.stopped", "run.resumed", "run.stopped"]
    assert told == [(kind, "caller") for kind in turns]
