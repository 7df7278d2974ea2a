"""How an act ended, through both ways of building an agent: a certain "no" is told, doubt is not."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import httpx
import pytest
import requests
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.tools import tool
from langgraph.types import Command

from hitl_middleware import NotExecuted, OutcomeUnknown, requires_approval
from hitl_middleware.errors import LeaseLost
from hitl_middleware.hitl import Graph

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, on, told

REQUEST = httpx.Request("POST", "http://shop.example/refunds")
REFUSED = httpx.HTTPStatusError("402", request=REQUEST, response=httpx.Response(402, request=REQUEST))
PAY = says(call("pay", amount=7))

IN_DOUBT = [
    TimeoutError("no answer"),
    httpx.ReadTimeout("no answer", request=REQUEST),
    httpx.RemoteProtocolError("cut off", request=REQUEST),
    requests.exceptions.ReadTimeout("no answer"),
    requests.exceptions.ConnectionError("Connection aborted."),
    ConnectionResetError("reset"),
    OutcomeUnknown(),
    LeaseLost(run="of a graph that the tool runs"),
]
CERTAIN = [
    LookupError("no such order"),
    REFUSED,
    requests.exceptions.HTTPError("500"),
    httpx.ConnectError("refused", request=REQUEST),
    ConnectionRefusedError("refused"),
    NotExecuted(),
]


@pytest.fixture(params=["create_agent", "ToolNode"])
def graph(request: pytest.FixtureRequest, quick: World, effects: Effects) -> Graph:
    """An agent with the gate; its one call is approved and not resumed yet."""
    make = quick.agent if request.param == "create_agent" else quick.plain
    graph = make([effects.pay_tool()], script(PAY))
    quick.serve("a", graph)
    quick.begin_run("a", asks(), thread_id="t-1")
    quick.decide(quick.only())
    return graph


def _raising(error: BaseException) -> Any:
    def fail() -> None:
        raise error

    return fail


@pytest.mark.parametrize("error", IN_DOUBT, ids=lambda e: type(e).__name__)
def test_doubt_is_unknown_and_parks_the_run(
    quick: World, effects: Effects, graph: Graph, error: Exception
) -> None:
    """DESIGN §2.4: a time-out or a lost connection reaches the gate as an exception, and the agent is not told a guess."""
    effects.then = _raising(error)
    quick.step()

    action = quick.act()
    assert action.status == "unknown"
    assert type(error).__name__ in str(action.error)
    assert quick.only().kind == "outcome"
    assert quick.runs()[0].status == "suspended"
    assert told(graph) == []
    assert effects.done == [7]


@pytest.mark.parametrize("error", CERTAIN, ids=lambda e: type(e).__name__)
def test_a_certain_no_is_failed_and_told(
    quick: World, effects: Effects, graph: Graph, error: Exception
) -> None:
    """S-09, DESIGN §2.4: the action has the error, the decision stays approved, the agent gets an error message."""
    effects.then = _raising(error)
    quick.step()

    action = quick.act()
    assert action.status == "failed"
    assert type(error).__name__ in str(action.error)
    assert [request.status for request in quick.requests()] == ["approved"]
    assert action.decision is not None
    assert action.decision.type == "approve"
    (message,) = told(graph)
    assert message.status == "error"
    assert type(error).__name__ in str(message.content)
    assert quick.runs()[0].status == "succeeded"


def test_an_error_answer_is_failed(quick: World) -> None:
    """DESIGN §2.4: a tool that answers with an error says no."""
    from langchain_core.tools import ToolException

    @requires_approval
    @tool
    def pay(amount: int) -> str:
        """Pay somebody."""
        msg = f"the account holds less than {amount}"
        raise ToolException(msg)

    pay.handle_tool_error = True
    graph = quick.agent([pay], script(PAY))
    quick.serve("a", graph)
    quick.begin_run("a", asks(), thread_id="t-1")
    quick.decide(quick.only())
    quick.step()

    assert (quick.act().status, quick.act().error) == ("failed", "the account holds less than 7")
    assert told(graph)[0].content == "the account holds less than 7"


def test_an_error_after_the_act_is_no_failure(quick: World, effects: Effects) -> None:
    """DESIGN §2.4: the tool's body ended well and something behind the gate broke on its answer: the agent is not told "failed"."""
    from tests.kit.behind import Breaks

    quick.serve("a", quick.agent([effects.pay_tool()], script(PAY), behind=[Breaks()]))
    quick.begin_run("a", asks())
    quick.decide(quick.only())
    quick.step()

    assert effects.done == [7]
    assert quick.act().status == "unknown"
    assert "It was performed, but its answer was lost" in str(quick.act().error)


def test_a_tool_that_asks_the_outside_world_settles_itself(world: World, effects: Effects) -> None:
    """DESIGN §2.2: ``reconcile(key)`` answers for an unknown act; nobody is bothered, the agent is told."""
    keys: list[str] = []

    def look(key: str) -> Any:
        keys.append(key)
        return "done"

    effects.then = _raising(TimeoutError())
    graph = world.agent([effects.pay_tool(reconcile=look)], script(PAY))
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")
    world.decide(world.only())
    world.step()

    assert keys == [world.act().idempotency_key]
    assert (world.act().status, world.act().settled_by) == ("succeeded", "reconcile")
    assert effects.done == [7]
    assert told(graph)[0].status == "success"


@pytest.mark.parametrize("says_", [None, "raise"])
def test_a_tool_that_cannot_say_leaves_it_to_a_person(
    quick: World, effects: Effects, says_: str | None
) -> None:
    """DESIGN §2.2: ``reconcile`` that does not know, or fails, leaves the outcome unknown."""

    def look(key: str) -> None:
        if says_ == "raise":
            raise OSError(key)

    effects.then = _raising(TimeoutError())
    quick.serve("a", quick.agent([effects.pay_tool(reconcile=look)], script(PAY)))
    quick.begin_run("a", asks())
    quick.decide(quick.only())
    quick.step()

    assert quick.act().status == "unknown"
    assert quick.only().kind == "outcome"


async def _cancelled(graph: Any, resume: Command[Any], started: threading.Event, **config: Any) -> None:
    running = asyncio.create_task(graph.ainvoke(resume, {**on(), **config}))
    assert await asyncio.to_thread(started.wait, 10)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_cancellation_is_unknown(quick: World, effects: Effects) -> None:
    """DESIGN §2.4: the caller gave up while the tool was at work: what became of it is not known, and is asked."""
    started = threading.Event()

    @requires_approval
    @tool
    async def pay(amount: int) -> str:
        """Pay somebody."""
        effects.perform(amount)
        started.set()
        await asyncio.Event().wait()
        return "never"

    graph = quick.attach(quick.agent([pay], script(PAY)), "a")
    await graph.ainvoke(asks(), on())
    request = await asyncio.to_thread(quick.only)
    await asyncio.to_thread(quick.decide, request)

    await _cancelled(graph, Command(resume={request.interrupt_id: {"type": "approve"}}), started)
    await asyncio.to_thread(quick.step)

    assert effects.done == [7]
    assert (await asyncio.to_thread(quick.act)).status == "unknown"
    assert (await asyncio.to_thread(quick.only)).kind == "outcome"


async def test_a_cancellation_before_the_body_lets_nothing_run(quick: World, effects: Effects) -> None:
    """DESIGN §2.2: a cancelled call whose thread was still on its way in finds its claim withdrawn; the act can be done later, once."""
    started, go, out = threading.Event(), threading.Event(), threading.Event()

    class Slow(BaseCallbackHandler):
        def on_tool_start(self, *args: Any, **kwargs: Any) -> None:
            started.set()
            go.wait(10)

        def on_tool_error(self, *args: Any, **kwargs: Any) -> None:
            out.set()

        def on_tool_end(self, *args: Any, **kwargs: Any) -> None:
            out.set()

    graph = quick.attach(quick.agent([effects.pay_tool()], script(PAY)), "a")
    await graph.ainvoke(asks(), on())
    request = await asyncio.to_thread(quick.only)
    await asyncio.to_thread(quick.decide, request)
    answer: Command[Any] = Command(resume={request.interrupt_id: {"type": "approve"}})
    await _cancelled(graph, answer, started, callbacks=[Slow()])
    released = (await asyncio.to_thread(quick.act)).status
    go.set()
    assert await asyncio.to_thread(out.wait, 10)
    late = list(effects.done)
    await asyncio.to_thread(quick.step)

    assert (released, late) == ("approved", [])
    assert effects.done == [7]
    assert (await asyncio.to_thread(quick.act)).status == "succeeded"
