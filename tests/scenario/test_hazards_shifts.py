"""Re-runs that ask differently: answers must not slip to another call, and a verdict that was given stays given."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from langgraph.types import Command

from hitl_middleware.actions import ActionRequest
from hitl_middleware.review import is_final

from tests.kit.clocks import until
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, asked, on, told

TWO = says(call("pay", "k1", amount=1), call("pay", "k2", amount=2))
THREE = says(call("pay", "k1", amount=1), call("pay", "k2", amount=2), call("pay", "k3", amount=3))


class Flips:
    """A rule that says one thing the first time it is asked about an amount and the opposite ever after."""

    def __init__(self, *, first: bool) -> None:
        self.first = first
        self.seen: set[int] = set()

    def __call__(self, request: ActionRequest) -> bool:
        amount = request.args["amount"]
        again = amount in self.seen
        self.seen.add(amount)
        return self.first is not again


def _until_done(world: World, decide: dict[int, str]) -> None:
    """Decide whatever is asked as ``decide`` says, question after question, until the run has ended.

    Nobody waiting is not the end: with ``ainvoke`` a call may still be at work on the graph's loop when its task has stopped already.
    """

    def ended() -> bool:
        for request in world.pending():
            assert request.args is not None
            world.decide(request, decide[request.args["amount"]])  # type: ignore[arg-type]
        world.step()
        return all(is_final("run", run.status) for run in world.runs())

    until(ended, "the run ends")


def test_one_task_with_several_calls_asks_for_each(world: World, effects: Effects) -> None:
    """DESIGN §6: gated calls that share a task show one question at a time; each still gets its own answer, and runs once."""
    pay = effects.pay_tool()
    world.serve("a", world.plain([pay], script(THREE), one_task=True))
    world.begin_run("a", asks(), thread_id="t-1")

    assert len(world.pending()) == 1
    _until_done(world, {1: "approve", 2: "reject", 3: "approve"})

    assert sorted(effects.done) == [1, 3]
    assert world.runs()[0].status == "succeeded"
    said = {message.tool_call_id: message for message in told(world.graphs._graphs["a"])}
    assert [said[key].status for key in ("k1", "k2", "k3")] == ["success", "error", "success"]


@pytest.mark.parametrize("answers", [["approve"], ["approve", "approve"], [True, True, True]], ids=str)
def test_an_answer_does_not_slip_to_the_next_call(world: World, effects: Effects, answers: list[Any]) -> None:
    """DESIGN §6 (measured: k2 ran with k1's answer): after k1 is approved, no resume value makes k2 run."""
    pay = effects.pay_tool()
    graph = world.plain([pay], script(TWO), one_task=True)
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")
    first = world.only()
    world.decide(first)
    for value in answers:
        for question in asked(graph):
            graph.invoke(Command(resume={question: value}), on())
    world.step()

    assert first.args is not None
    mine, other = first.args["amount"], 3 - first.args["amount"]
    assert effects.done in ([], [mine]), (
        "one task for all is slower (it may wait for the other's answer), never wrong"
    )
    _until_done(world, {mine: "approve", other: "reject"})
    assert effects.done == [mine]
    assert world.runs()[0].status == "succeeded"


async def test_one_task_with_several_calls_async(quick: World, effects: Effects) -> None:
    """DESIGN §6: the same with ``ainvoke``, where the calls of one task interleave on a loop."""
    pay = effects.pay_tool()
    quick.serve("a", quick.plain([pay], script(THREE), one_task=True))
    await asyncio.to_thread(quick.begin_run, "a", asks())
    await asyncio.to_thread(_until_done, quick, {1: "reject", 2: "approve", 3: "reject"})

    assert effects.done == [2]
    assert quick.runs()[0].status == "succeeded"


def test_a_rule_that_flips_to_no_does_not_run_a_rejected_call(world: World, effects: Effects) -> None:
    """P-04, DESIGN §2.5: asked at first, "nobody needs to be asked" on the re-run: the rejected call does not run."""
    pay = effects.pay_tool(when=Flips(first=True))
    graph = world.agent([pay], script(says(call("pay", amount=1))))
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")
    world.decide(world.only(), "reject", message="too much")
    world.step()

    assert effects.done == []
    assert world.act().status == "denied"
    (message,) = told(graph)
    assert message.status == "error"
    assert '"too much"' in str(message.content)


def test_a_rule_that_flips_to_no_does_not_run_a_waiting_call(world: World, effects: Effects) -> None:
    """P-04: a re-run while the question is open (somebody resumed directly) asks again, whatever the rule says by now."""
    pay = effects.pay_tool(when=Flips(first=True))
    graph = world.agent([pay], script(says(call("pay", amount=1))))
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")

    graph.invoke(Command(resume={asked(graph)[0]: {"type": "approve"}}), on())
    world.step()

    assert effects.done == []
    assert len(world.pending()) == 1


def test_a_rule_that_flips_to_yes_does_not_ask_about_a_recorded_call(world: World, effects: Effects) -> None:
    """P-04: a call that was let pass on the record is not asked about on a re-run, and not performed again."""
    pay = effects.pay_tool(when=Flips(first=False), otherwise="record")
    ask = effects.pay_tool("wire")
    turn = says(call("pay", "k1", amount=1), call("wire", "k2", amount=2))
    world.serve("a", world.plain([pay, ask], script(turn), one_task=True))
    world.begin_run("a", asks(), thread_id="t-1")
    _until_done(world, {2: "approve"})

    assert sorted(effects.done) == [1, 2]
    assert {action.tool: action.decided_by for action in world.actions()} == {
        "pay": "policy",
        "wire": "local:ann",
    }
    assert world.runs()[0].status == "succeeded"


def test_a_rule_that_flips_to_yes_asks_and_shifts_nothing(quick: World, effects: Effects) -> None:
    """DESIGN §6: nobody was asked about k1 at first; when its rule wants a person on the re-run, k2's answer is not taken for it."""
    pay = effects.pay_tool("first", when=Flips(first=False))
    ask = effects.pay_tool("second")
    turn = says(call("first", "k1", amount=1), call("second", "k2", amount=2))
    ran_unasked = threading.Event()
    effects.then = ran_unasked.set
    quick.serve("a", quick.plain([pay, ask], script(turn), one_task=True))
    quick.begin_run("a", asks(), thread_id="t-1")
    # In a thread of its own, for which LangGraph does not wait when the call beside it asks.
    assert ran_unasked.wait(10), "nobody needed to be asked then"
    request = next(r for r in quick.pending() if r.tool == "second")
    quick.decide(request, "reject")
    quick.step()
    _until_done(quick, {1: "reject", 2: "reject"})

    assert effects.done == [1], "and nothing ran on an answer that was given to something else"


def test_a_policy_that_changes_its_mind_keeps_the_plan_it_asked_with(quick: World, effects: Effects) -> None:
    """DESIGN §2.5: the plan is frozen with the request; a later rule neither widens nor narrows who may decide."""
    asked_with = effects.pay_tool(approvers=["slack:U1"])
    graph = quick.agent([asked_with], script(says(call("pay", amount=1))))
    quick.serve("a", graph)
    quick.begin_run("a", asks(), thread_id="t-1")
    later = effects.pay_tool(approvers=["slack:U2"], decisions=["respond"], version="2")
    quick.serve("a", quick.agent([later], script(says(call("pay", amount=1)))))

    quick.decide(quick.only(), "approve", by="slack:U1")
    quick.step()

    assert effects.done == [1]
    assert quick.act().status == "succeeded"
