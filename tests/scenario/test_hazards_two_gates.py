"""Two gates before one tool, one inside the other: people are asked about a call once, and it is performed once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware

from hitl_middleware import Policy
from hitl_middleware.gate import Gate
from hitl_middleware.hitl import Graph
from hitl_middleware.langchain import HumanInTheLoopMiddleware, HumanReviewMiddleware

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, told

NOBODY = Policy(when=lambda _: False)
RECORD = Policy(when=lambda _: False, otherwise="record")


class Outer(HumanReviewMiddleware):
    """Another one: an agent takes no two of one name."""


def _agent(world: World, effects: Effects, *middleware: AgentMiddleware[Any, Any, Any]) -> Graph:
    graph = create_agent(
        script(says(call("pay", amount=7))),
        [effects.pay_tool()],
        middleware=middleware,
        checkpointer=world.checkpointer(),
    )
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")
    return graph


def _gate(world: World, effects: Effects, policy: Policy | None) -> Gate:
    rules: Mapping[str, Any] = {} if policy is None else {"pay": policy}
    gate: Gate = world.approvals([effects.pay_tool()], interrupt_on=rules).gate
    return gate


@pytest.mark.parametrize("drop_in_first", [True, False])
def test_a_call_is_asked_about_once(quick: World, effects: Effects, *, drop_in_first: bool) -> None:
    """S-07, E-03: LangChain's class with the changed import, and the lean middleware that somebody added beside it: one act."""
    theirs = HumanInTheLoopMiddleware[Any, Any, Any]({"pay": True}, interrupt_mode="per_call", hitl=quick)
    ours = quick.approvals([effects.pay_tool()])
    _agent(quick, effects, *((theirs, ours) if drop_in_first else (ours, theirs)))

    quick.decide(quick.only())
    quick.step()

    assert effects.done == [7]
    assert (quick.act().status, quick.act().attempts) == ("succeeded", 1)
    assert quick.runs()[0].status == "succeeded"


@pytest.mark.parametrize("outer", [RECORD, None], ids=["recorded", "asked others"])
def test_the_inner_gate_is_not_talked_round(quick: World, effects: Effects, outer: Policy | None) -> None:
    """DESIGN §2.8: what the outer gate let pass, or had other people decide, is not what the inner one wants: refused, and why."""
    inner = Policy(approvers=["slack:U024BE7LH"])
    gates = [_gate(quick, effects, outer), _gate(quick, effects, inner)]
    graph = _agent(quick, effects, Outer(gates[0]), HumanReviewMiddleware(gates[1]))
    for request in quick.pending():
        quick.decide(request)
    quick.step()

    assert effects.done == []
    assert quick.act().status == "failed"
    assert "two gates with different policies stand before pay" in str(told(graph)[0].content)


def test_an_outer_gate_that_wants_nothing_is_as_none(quick: World, effects: Effects) -> None:
    """DESIGN §2.8: the outer policy asks nobody and writes nothing; the inner one asks."""
    gates = [_gate(quick, effects, NOBODY), _gate(quick, effects, None)]
    _agent(quick, effects, Outer(gates[0]), HumanReviewMiddleware(gates[1]))
    assert effects.done == []
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [7]
