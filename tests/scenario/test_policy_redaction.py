"""Hidden arguments on their way: what runs is the whole call, whoever answers and how."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from hitl_middleware import Policy, requires_approval
from hitl_middleware.redaction import MARK

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, on

OPEN = says(call("open_account", owner="ann", pin=4711))


def _tool(effects: Effects, **rules: Any) -> BaseTool:
    @requires_approval(redact=["pin"], **rules)
    @tool
    def open_account(owner: str, pin: int) -> str:
        """Open an account."""
        effects.perform((owner, pin))
        return "opened"

    return open_account


@pytest.mark.parametrize(
    ("edit", "runs"),
    [({"owner": "bob", "pin": MARK}, ("bob", 4711)), ({"owner": "bob", "pin": 1}, ("bob", 1))],
)
def test_what_the_users_own_code_answers(quick: World, effects: Effects, edit: Any, runs: Any) -> None:
    """P-04, E-03: a client that sends back the arguments it was shown keeps what is hidden, also where its answer is adopted."""
    tools = [_tool(effects)]
    gate = quick.approvals(tools, adopt_direct_resume=True)
    agent: Any = create_agent(script(OPEN), tools, middleware=[gate], checkpointer=InMemorySaver())
    (asked,) = agent.invoke(asks(), on())["__interrupt__"]
    assert asked.value["args"] == {"owner": "ann", "pin": MARK}
    answer = {"type": "edit", "edited_action": {"name": "open_account", "args": edit}}
    agent.invoke(Command(resume={asked.id: answer}), on())
    assert effects.done == [runs]
    assert quick.act().args == {"owner": "bob", "pin": MARK}


def test_a_second_reviewer_hears_of_a_hidden_change(world: World, effects: Effects) -> None:
    """P-04: the edited call is asked about again, and before and after look the same to people: a note says what they cannot see."""
    tools = [_tool(effects, when="args.pin > 0", approvers=["local:ann", "local:bob"])]
    world.serve("a", world.plain(tools, script(OPEN)))
    world.begin_run("a", asks())
    world.decide(world.only(), "edit", edit={"owner": "ann", "pin": 1})
    (request,) = world.requests()
    assert request.notes == ("A reviewer changed what is hidden: pin",)
    assert (request.args, request.edited_from) == ({"owner": "ann", "pin": MARK},) * 2
    world.step()
    assert effects.done == [("ann", 1)]


def test_langchains_form_keeps_the_mark(quick: World, effects: Effects) -> None:
    """P-04: what the tool's author hides stays hidden where the agent's author gates it by name."""
    tools = [_tool(effects)]
    gate = quick.approvals(tools, interrupt_on={"open_account": True}).gate
    assert gate.policy_for("open_account", tools[0]).redact == ("pin",)
    plain = quick.approvals(tools, interrupt_on={"open_account": Policy()}).gate
    assert plain.policy_for("open_account", tools[0]).redact == ()


def test_a_default_may_hide_what_only_some_have(quick: World, effects: Effects) -> None:
    """P-04: a policy for every other tool names arguments by habit (password, token); tools without them are no mistake."""
    tools = [effects.look_tool()]
    agent = create_agent(
        script(says(call("look", what="x"))),
        tools,
        middleware=[quick.approvals(tools, default=Policy(redact=["password", "what"]))],
        checkpointer=quick.checkpointer(),
    )
    quick.attach(agent, "a").invoke(asks(), on())
    assert quick.only().args == {"what": MARK}
