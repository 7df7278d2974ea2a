"""What stands inside the gate: retries, tools that suspend themselves, tools that call tools."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents.middleware import ToolRetryMiddleware
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.errors import ParentCommand
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, interrupt

from hitl_middleware import requires_approval
from hitl_middleware.errors import Ungated
from hitl_middleware.hitl import Graph

from tests.kit.behind import Hides, Twice
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, on, told


def _retry() -> ToolRetryMiddleware:
    return ToolRetryMiddleware(max_retries=3, initial_delay=0, jitter=False)


def _served(world: World, tools: list[BaseTool], *behind: Any, amount: int = 7) -> Graph:
    graph = world.agent(tools, script(says(call("pay", amount=amount))), behind=behind)
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")
    return graph


def _fail() -> None:
    msg = "no such account"
    raise LookupError(msg)


def test_a_retry_inside_the_gate_performs_once(world: World, effects: Effects) -> None:
    """DESIGN §6: ``[gate, ToolRetryMiddleware]`` – one claim, one effect; the retries find the claim spent."""
    effects.then = _fail
    graph = _served(world, [effects.pay_tool()], _retry())
    world.decide(world.only())
    world.step()

    assert effects.done == [7]
    assert world.act().status == "failed"
    assert "no such account" in str(world.act().error)
    assert told(graph)[0].status == "error"


def test_a_retry_after_a_time_out_performs_once_and_is_unknown(quick: World, effects: Effects) -> None:
    """DESIGN §2.4: the first attempt timed out, so whatever the retry middleware makes of it, the outcome is not known."""

    def time_out() -> None:
        raise TimeoutError

    effects.then = time_out
    _served(quick, [effects.pay_tool()], _retry())
    quick.decide(quick.only())
    quick.step()

    assert effects.done == [7]
    assert quick.act().status == "unknown"
    assert quick.only().kind == "outcome"


def test_an_idempotent_tool_may_be_retried_with_one_key(quick: World, effects: Effects) -> None:
    """DESIGN §2.2: a tool that is declared idempotent may repeat inside its one claim; every attempt has the action's key."""

    def fail_twice() -> None:
        if len(effects.done) < 3:
            _fail()

    effects.then = fail_twice
    _served(quick, [effects.pay_tool(idempotent=True)], _retry())
    quick.decide(quick.only())
    quick.step()

    assert effects.done == [7, 7, 7]
    assert set(effects.keys) == {quick.act().idempotency_key}
    assert (quick.act().status, quick.act().attempts) == ("succeeded", 1)


async def test_a_retry_inside_the_gate_performs_once_async(quick: World, effects: Effects) -> None:
    """DESIGN §6: the same with ``ainvoke`` and a coroutine."""

    @requires_approval
    @tool
    async def pay(amount: int) -> str:
        """Pay somebody."""
        effects.perform(amount)
        raise LookupError

    graph = quick.attach(quick.agent([pay], script(says(call("pay", amount=7))), behind=[_retry()]), "a")
    await graph.ainvoke(asks(), on())
    import asyncio

    await asyncio.to_thread(lambda: quick.decide(quick.only()))
    await asyncio.to_thread(quick.step)

    assert effects.done == [7]
    assert (await asyncio.to_thread(quick.act)).status == "failed"


@pytest.mark.parametrize(("error", "status"), [(TimeoutError(), "unknown"), (LookupError("no"), "failed")])
def test_a_handler_that_hides_an_error_hides_no_outcome(
    quick: World, effects: Effects, error: Exception, status: str
) -> None:
    """DESIGN §2.4: the body's own error decides, not the kind words a handler made of it."""

    def fail() -> None:
        raise error

    effects.then = fail
    graph = _served(quick, [effects.pay_tool()], Hides())
    quick.decide(quick.only())
    quick.step()

    assert effects.done == [7]
    assert quick.act().status == status
    assert all(message.status == "error" for message in told(graph)), "the agent hears what the ledger says"


def test_a_second_call_behind_the_gate_is_refused_and_no_failure(quick: World, effects: Effects) -> None:
    """DESIGN §2.2, §2.4: it was performed, the repetition was not; that is neither a failure nor a reason to do it again."""
    _served(quick, [effects.pay_tool()], Twice())
    quick.decide(quick.only())
    quick.step()

    assert effects.done == [7]
    assert quick.act().status == "unknown"


def test_a_tool_that_suspends_itself_has_no_outcome(world: World, effects: Effects) -> None:
    """DESIGN §2.2: a gated tool that itself asks gives its claim back, and runs once when it has been answered."""
    answers: list[Any] = []
    effects.first = lambda: answers.append(interrupt("Really?"))
    graph = _served(world, [effects.pay_tool()])
    world.decide(world.only())
    world.step()

    assert effects.done == []
    assert world.act().status == "approved"
    assert world.act().claim_id is None
    question = world.only("question")
    assert question.title == "Really?"

    world.decide(question, "respond", message="yes")
    world.step()

    assert (effects.done, answers) == ([7], ["yes"])
    assert world.act().status == "succeeded"
    assert [event.kind for event in world.trail() if event.kind.startswith("action.")] == [
        "action.proposed", "action.claimed", "action.released", "action.claimed", "action.succeeded",
    ]  # fmt: skip
    assert told(graph)[0].content == "paid 7"


def test_a_tool_that_hands_over_is_done(quick: World, effects: Effects) -> None:
    """DESIGN §2.2: a tool whose inner agent sends the run to a node of the parent graph has ended; that is an outcome, not a suspension."""

    def hand_over() -> None:
        answer = ToolMessage("handed over", tool_call_id="call-1")
        raise ParentCommand(Command(graph=Command.PARENT, goto="other", update={"messages": [answer]}))

    effects.then = hand_over
    inner = quick.plain([effects.pay_tool()], script(says(call("pay", amount=7))), checkpointer=None)
    builder = StateGraph(MessagesState)
    builder.add_node("agent", inner)
    builder.add_node("other", lambda _: {"messages": [AIMessage("reached")]})
    builder.add_edge(START, "agent")
    quick.serve("a", builder.compile(checkpointer=quick.checkpointer()))
    quick.begin_run("a", asks(), thread_id="t-1")
    quick.decide(quick.only())
    quick.step()

    assert effects.done == [7]
    assert (quick.act().status, quick.act().result_text) == ("succeeded", "handed over")
    messages = quick.graphs._graphs["a"].get_state(on()).values["messages"]
    assert [message.content for message in messages][1:] == ["handed over", "reached"]


def test_a_tool_that_suspends_itself_is_not_taken_for_dead(world: World, effects: Effects) -> None:
    """DESIGN §2.2: hours later its released claim is still no outcome."""
    effects.first = lambda: interrupt("Really?") and None
    _served(world, [effects.pay_tool()])
    world.decide(world.only())
    world.step()
    world.wait(100_000)
    world.step()

    assert world.act().status == "approved"


@pytest.mark.parametrize("when", [None, lambda _: False], ids=["approved", "waved"])
def test_a_tool_called_by_another_needs_a_pass_of_its_own(quick: World, effects: Effects, when: Any) -> None:
    """DESIGN §2.8: a right to run one tool, or a verdict that nobody need be asked about it, opens no other."""
    wire = effects.pay_tool("wire")

    @requires_approval(when=when)
    @tool("pay")
    def pay(amount: int) -> str:
        """Pay by wire."""
        with pytest.raises(Ungated, match="wire needs approval"):
            wire.invoke({"amount": amount})
        func: Any = wire
        with pytest.raises(Ungated):
            func.func(amount)
        return "tried"

    graph = quick.agent([pay], script(says(call("pay", amount=7))))
    quick.serve("a", graph)
    quick.begin_run("a", asks(), thread_id="t-1")
    for request in quick.pending():
        quick.decide(request)
    quick.step()

    assert effects.done == []
    assert told(graph)[0].content == "tried"
