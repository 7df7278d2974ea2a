"""The edge before the tools, what the gate reads of a call, and which gates stand in a graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.graph import END
from langgraph.prebuilt import ToolNode
from langgraph.types import Send

from hitl_middleware import send_tool_calls
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.gate import calls
from hitl_middleware.gate.build import gates_and_tools
from hitl_middleware.records import Lease

from tests.kit.behind import Breaks, Hides
from tests.kit.effects import Effects
from tests.kit.models import call, says, script
from tests.kit.world import World

TWO = says(call("pay", "k1", amount=1), call("pay", "k2", amount=2))


@dataclass
class Kept:
    """A state that is an object."""

    messages: list[AnyMessage] = field(default_factory=list)


@pytest.mark.parametrize(
    "state", [{"messages": [HumanMessage("x"), TWO]}, Kept([TWO])], ids=["dict", "object"]
)
def test_each_call_gets_a_task_of_its_own(state: Any) -> None:
    """DESIGN §6: one ``Send`` per call, with the state for injected arguments."""
    sends = send_tool_calls("tools")(state)
    assert isinstance(sends, list)
    assert [(send.node, send.arg["tool_call"]["id"], send.arg["state"]) for send in sends] == [
        ("tools", "k1", state),
        ("tools", "k2", state),
    ]


@pytest.mark.parametrize("messages", [[], [HumanMessage("x")], [AIMessage("done")], [TWO, HumanMessage("x")]])
def test_nothing_to_call_goes_elsewhere(messages: list[Any]) -> None:
    """DESIGN §5: to the end, or where the graph says."""
    assert send_tool_calls("tools")({"messages": messages}) == END
    assert send_tool_calls("tools", otherwise="talk")({"messages": messages}) == "talk"
    assert send_tool_calls("tools", messages_key="log")({"log": messages, "messages": [TWO]}) == END


def test_a_send_is_what_tool_node_takes(effects: Effects) -> None:
    """DESIGN §6: ToolNode's own form for a call sent alone."""
    send = send_tool_calls("tools")({"messages": [TWO]})[0]
    assert isinstance(send, Send)
    found, kind = ToolNode([effects.look_tool()])._parse_input(send.arg)
    assert ([c["id"] for c in found], kind) == (["k1"], "tool_calls")


def _request(**configurable: Any) -> Any:
    runtime = SimpleNamespace(config={"configurable": configurable})
    return SimpleNamespace(tool_call=call("pay", "k1", amount=1), tool=None, state={}, runtime=runtime)


@pytest.mark.parametrize(
    ("handed", "lease"),
    [
        ({"run": "r", "fence": 3}, Lease("r", "", 3)),
        (None, None),
        ("r:3", None),
        ({"run": "r"}, None),
        ({"run": "r", "fence": "3"}, None),
        ({"run": 7, "fence": 3}, None),
    ],
)
def test_the_lease_that_was_handed_in(handed: Any, lease: Lease | None) -> None:
    """DESIGN §4: ``configurable["hitl_lease"]``; anything of another form is none – and no lease is no right (the store compares)."""
    assert calls.lease_in({"hitl_lease": handed}) == lease


def test_a_call_is_where_it_stands() -> None:
    """DESIGN §2.3: thread, task and call id make its identity; an id of any type is its text."""
    identity = calls.action_request(_request(thread_id=7, checkpoint_ns="one:1|tools:2")).identity
    assert (identity.thread_id, identity.checkpoint_ns, identity.tool_call_id) == ("7", "one:1|tools:2", "k1")


def test_a_call_without_an_id_cannot_be_recognised() -> None:
    """E-04: said by name."""
    request = _request(thread_id="t")
    request.tool_call = {**request.tool_call, "id": None}
    with pytest.raises(ConfigurationError, match="pay needs approval, and for that a tool call id"):
        calls.action_request(request)


def test_gates_are_found_in_agents_and_nodes(quick: World, effects: Effects) -> None:
    """DESIGN §2.8: behind composed hooks too, each with the tools behind it."""
    tools = [effects.pay_tool(), effects.look_tool()]
    model = script()
    agent: Any = create_agent(model, tools, middleware=[Hides(), quick.approvals(tools), Breaks()])
    for graph in (agent, quick.plain(tools, model)):
        ((gate, names),) = gates_and_tools(graph)
        assert (set(gate.gated), set(names)) == ({"pay"}, {"pay", "look"})
    assert list(gates_and_tools(create_agent(model, tools))) == []
