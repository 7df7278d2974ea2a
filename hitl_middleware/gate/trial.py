"""Rules tried on a call: what would happen to it, without asking, running or writing anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import ToolCall
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.pregel import Pregel

from hitl_middleware.actions import ActionRequest
from hitl_middleware.errors import ConfigurationError, DoesNotFit
from hitl_middleware.gate import calls
from hitl_middleware.gate.build import tool_nodes
from hitl_middleware.gate.guard import policy_of
from hitl_middleware.policy import Explanation, Policy


@dataclass(frozen=True, slots=True)
class Trial:
    """What one graph would do with a call. ``policy`` and ``found`` are ``None`` where no policy speaks of the tool: it runs."""

    graph: str
    policy: Policy | None
    found: Explanation | None


def trials(name: str, graph: Pregel[Any, Any, Any, Any], call: ActionRequest) -> Iterator[Trial]:
    """One for each place in the graph where such a tool stands; none where there is none.

    Raises ``DoesNotFit`` for arguments that the gate would send back to the agent, and ``ConfigurationError`` for a marked tool before
    which no gate stands.
    """
    for gates, tools in tool_nodes(graph):
        tool = tools.get(call.name)
        if tool is None:
            continue
        if not gates and policy_of(tool) is not None:
            msg = (
                f"{call.name} is marked, but no gate stands before it in graph {name!r}: calling it raises Ungated. "
                "Add the gate: hitl.approvals(tools) or hitl.tool_gate(tools)"
            )
            raise ConfigurationError(msg)
        if why := calls.misfit(tool, call.args):
            field, _, rest = why.partition(": ")
            raise DoesNotFit(
                field=f"args.{field}", why=f"{rest}. The agent would be told so, and nobody asked"
            )
        asked = ToolCall(
            name=call.name, args=dict(call.args), id=call.identity.tool_call_id, type="tool_call"
        )
        request = ToolCallRequest(tool_call=asked, tool=tool, state=call.state, runtime=None)  # type: ignore[arg-type]  # none runs
        speaks = next((gate for gate in gates if gate.policy_for(call.name, tool) is not None), None)
        if speaks is None:
            yield Trial(name, None, None)
        else:
            yield Trial(name, speaks.policy_for(call.name, tool), speaks.explained(request, call))
