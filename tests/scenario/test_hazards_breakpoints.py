"""Static breakpoints: a run that stands at one asks, and is never walked through."""

from __future__ import annotations

from typing import Any

import pytest

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, on

LOOK = says(call("look", what="it"))
WHERE = [{"interrupt_before": ["tools"]}, {"interrupt_after": ["model"]}]
EVERYWHERE = [{"interrupt_before": "*"}, {"interrupt_after": "*"}]


def _parked(world: World, effects: Effects, where: dict[str, Any], *, attached: bool = False) -> None:
    graph = world.plain([effects.look_tool()], script(LOOK), **where)
    if attached:
        world.attach(graph, "a").invoke(asks(), on())
    else:
        world.serve("a", graph)
        world.begin_run("a", asks(), thread_id="t-1")


@pytest.mark.parametrize("attached", [False, True], ids=["ours", "attached"])
@pytest.mark.parametrize("where", WHERE, ids=lambda w: next(iter(w)))
def test_a_breakpoint_becomes_a_request(
    quick: World, effects: Effects, where: dict[str, Any], *, attached: bool
) -> None:
    """DESIGN §1: it holds until somebody decides, however often the sweep looks; it is one request, not one per look."""
    _parked(quick, effects, where, attached=attached)
    for _ in range(3):
        quick.wait(100)
        quick.step()
        quick.advance_run(quick.runs()[0].id)

    assert effects.done == []
    (request,) = quick.requests()
    assert (request.kind, request.status) == ("breakpoint", "pending")
    assert request.plan.allowed_decisions == ("approve", "reject")
    assert quick.runs()[0].status == "suspended"


@pytest.mark.parametrize("attached", [False, True], ids=["ours", "attached"])
@pytest.mark.parametrize("where", WHERE, ids=lambda w: next(iter(w)))
def test_approve_continues_once(
    quick: World, effects: Effects, where: dict[str, Any], *, attached: bool
) -> None:
    """DESIGN §3: approving a breakpoint lets the run go on; the next time round it asks again."""
    _parked(quick, effects, where, attached=attached)
    quick.decide(quick.only())
    quick.step()
    seen = list(effects.done)
    while quick.pending():
        quick.decide(quick.only("breakpoint"))
        quick.step()

    assert seen == ["look it"]
    assert effects.done == ["look it"]
    assert quick.runs()[0].status == "succeeded"


@pytest.mark.parametrize("where", EVERYWHERE, ids=lambda w: next(iter(w)))
def test_each_breakpoint_asks_for_itself(quick: World, effects: Effects, where: dict[str, Any]) -> None:
    """DESIGN §6: one approval passes one breakpoint; none is walked through on the way."""
    _parked(quick, effects, where)
    passed = 0
    while quick.pending():
        quick.decide(quick.only("breakpoint"))
        quick.step()
        passed += 1

    assert effects.done == ["look it"]
    assert passed >= 3 - ("interrupt_after" in where)
    assert quick.runs()[0].status == "succeeded"


def test_reject_cancels(world: World, effects: Effects) -> None:
    """DESIGN §3: rejecting a breakpoint cancels the run, with the words that were given."""
    _parked(world, effects, WHERE[0])
    world.decide(world.only(), "reject", message="not today")
    world.step()
    world.wait(100)
    world.step()

    assert effects.done == []
    assert (world.runs()[0].status, world.runs()[0].error) == ("cancelled", "not today")


def test_a_breakpoint_before_a_gated_tool(quick: World, effects: Effects) -> None:
    """DESIGN §3: passing the breakpoint approves no tool call; that is asked for itself."""
    quick.serve(
        "a",
        quick.plain([effects.pay_tool()], script(says(call("pay", amount=7))), interrupt_before=["tools"]),
    )
    quick.begin_run("a", asks())
    quick.decide(quick.only("breakpoint"))
    quick.step()
    assert effects.done == []
    quick.decide(quick.only("tool_call"))
    quick.step()

    assert effects.done == [7]
    assert quick.runs()[0].status == "succeeded"
