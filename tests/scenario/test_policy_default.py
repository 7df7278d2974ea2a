"""Tools that nobody named, and names that no tool bears."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langgraph.graph import START, MessagesState, StateGraph

from hitl_middleware import Policy
from hitl_middleware.errors import ConfigurationError, UnknownTool

from tests.kit.behind import Brings
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, on, told

LOOK = says(call("look", what="x"))


def _agent(
    world: World, effects: Effects, *, named: bool = True, behind: Any = (), turn: Any = LOOK, **rules: Any
) -> Any:
    tools = [effects.look_tool(), effects.pay_tool()]
    gate = world.approvals(tools if named else [], **rules)
    return world.attach(
        create_agent(script(turn), tools, middleware=[gate, *behind], checkpointer=world.checkpointer()),
        "desk",
    )


@pytest.mark.parametrize("named", [True, False], ids=["known to the gate", "appears later"])
def test_a_tool_that_nobody_named_is_asked_about(world: World, effects: Effects, named: bool) -> None:
    """P-04: ``default="ask"``, also for a tool of which the gate never heard; the card says why."""
    agent = _agent(world, effects, named=named, default="ask")
    agent.invoke(asks(), on())
    request = world.only("tool_call")
    assert (request.tool, effects.done) == ("look", [])
    assert request.plan.reason == "no policy names look, and what none names is asked about here"
    world.decide(request)
    world.step()
    assert effects.done == ["look x"]
    assert [message.content for message in told(agent)] == ["saw x"]


def test_the_plain_gate_asks_too(quick: World, effects: Effects) -> None:
    """P-04: the same word for ``ToolNode``, and a policy instead of it says more."""
    keywords = quick.tool_gate([effects.look_tool()], default=Policy(approvers=["slack:U1"]))
    gate = keywords["wrap_tool_call"].__self__
    policy = gate.policy_for("look", effects.look_tool())
    assert policy.approvers == ("slack:U1",)
    assert gate.gated == frozenset()


@pytest.mark.parametrize(
    "rules",
    [
        {"interrupt_on": {"look": False}, "default": "ask"},
        {"interrupt_on": {"look": Policy(when="false")}, "default": "ask"},
        {"default": "none"},
        {},
    ],
    ids=["said to pass", "a policy of its own", "none", "by default"],
)
def test_who_is_said_to_pass_passes(quick: World, effects: Effects, rules: dict[str, Any]) -> None:
    """P-04: by LangChain's ``False`` or a policy of its own; without the word nobody is asked, and nothing is written."""
    agent = _agent(quick, effects, **rules)
    agent.invoke(asks(), on())
    assert (effects.done, quick.requests(), quick.actions()) == (["look x"], [], [])


def test_a_mark_stands_against_a_false(quick: World, effects: Effects) -> None:
    """DESIGN §2.8: what the tool's author marked is asked about, whatever the agent's author says of it by name."""
    agent = _agent(quick, effects, interrupt_on={"pay": False}, turn=says(call("pay", amount=7)))
    agent.invoke(asks(), on())
    assert (quick.only().tool, effects.done) == ("pay", [])


def test_what_nobody_named_on_the_record(world: World, effects: Effects) -> None:
    """S-03: ``default="record"``: nobody is asked, and it is an action approved by the policy."""
    _agent(world, effects, default="record").invoke(asks(), on())
    act = world.act()
    assert (act.tool, act.status, act.decided_by, effects.done) == ("look", "succeeded", "policy", ["look x"])


@pytest.mark.parametrize("behind", [False, True], ids=["made up", "brought by middleware"])
def test_a_name_that_no_tool_bears_is_told_to_the_model(quick: World, effects: Effects, behind: bool) -> None:
    """S-13: a model that makes up a name is told and goes on; nor does what middleware would bring run unseen."""
    ghost = effects.look_tool().model_copy(update={"name": "ghost"})
    agent = _agent(
        quick,
        effects,
        default="ask",
        behind=[Brings(ghost)] if behind else (),
        turn=says(call("ghost", what="x")),
    )
    agent.invoke(asks(), on())
    (message,) = told(agent)
    assert (message.status, effects.done, quick.requests()) == ("error", [], [])
    assert str(message.content).startswith("ghost was not called: there is no such tool here. Tools: ")


def test_a_default_that_is_no_verdict(quick: World) -> None:
    """E-04: said at start-up, with what there is to choose from."""
    with pytest.raises(
        ConfigurationError, match="default: 'asks'; choose from none, record, ask, or give a Policy"
    ):
        quick.approvals([], default="asks")  # type: ignore[arg-type]  # that is what is tested


def test_names_are_checked_in_subgraphs(quick: World, effects: Effects) -> None:
    """DESIGN §2.8: a gate inside a subgraph whose policy names no tool protects nothing; nor one that hides what is not there."""
    for rule, error in ((True, UnknownTool), (Policy(redact=["nope"]), ConfigurationError)):
        name = "pya" if rule is True else "look"
        inner = create_agent(script(LOOK), [effects.look_tool()], middleware=[quick.approvals({name: rule})])
        builder = StateGraph(MessagesState)
        builder.add_node("inner", inner)
        builder.add_edge(START, "inner")
        with pytest.raises(error, match=r"'pya'|'nope'"):
            quick.attach(builder.compile(checkpointer=quick.checkpointer()), "outer")
