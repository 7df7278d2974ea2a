"""From tools and rules to a gate: which policies stand before which tools, checked before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from langchain_core.tools import BaseTool
from langchain_core.tools import tool as as_tool
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolInvocationError
from langgraph.pregel import Pregel

from hitl_middleware.errors import UnknownTool
from hitl_middleware.gate.gate import Gate
from hitl_middleware.gate.guard import policy_of
from hitl_middleware.policy import Policy, from_interrupt_on

Tools = Sequence[BaseTool | Callable[..., Any]]


def policies_of(tools: Tools | None, interrupt_on: Mapping[str, Any]) -> Mapping[str, Policy]:
    """Policies by tool name: as the tools are marked, and as LangChain's ``interrupt_on`` (or a ``Policy``) says by name.

    Raises ``UnknownTool`` for a name that none of the tools bears, where they are given.
    """
    named = {item.name: item for item in (t if isinstance(t, BaseTool) else as_tool(t) for t in tools or ())}
    policies = {name: marked for name, tool in named.items() if (marked := policy_of(tool)) is not None}
    for name, form in interrupt_on.items():
        if tools is not None and name not in named:
            raise UnknownTool(name=name, known=", ".join(sorted(named)) or "none")
        policy = form if isinstance(form, Policy) else from_interrupt_on(form)
        if policy is not None:
            policies[name] = policy
    return policies


def check_tools(graph: Pregel[Any, Any, Any, Any]) -> None:
    """A policy for a tool that the graph does not have protects nothing. Raises ``UnknownTool``."""
    for gate, tools in gates_and_tools(graph):
        for name in sorted(gate.gated - tools):
            raise UnknownTool(name=name, known=", ".join(sorted(tools)) or "none")


def gates_and_tools(graph: Pregel[Any, Any, Any, Any]) -> Iterator[tuple[Gate, frozenset[str]]]:
    """Each gate with the names of the tools behind it. ``create_agent`` composes hooks into closures; they are looked through."""
    for node in graph.nodes.values():
        if isinstance(node.bound, ToolNode):
            tools = frozenset(node.bound.tools_by_name)
            for gate in _gates(getattr(node.bound, "_wrap_tool_call", None), set()):
                yield gate, tools


def only_bad_arguments(error: Exception) -> str:
    """ToolNode's own default: tell the model of arguments that do not fit, raise everything else for the gate to see."""
    if isinstance(error, ToolInvocationError):
        return error.message
    raise error


def _gates(hook: Any, seen: set[int]) -> Iterator[Gate]:
    if hook is None or id(hook) in seen:
        return
    seen.add(id(hook))
    owner = getattr(hook, "__self__", None)
    found = owner if isinstance(owner, Gate) else getattr(owner, "gate", None)
    if isinstance(found, Gate):
        yield found
    for cell in getattr(hook, "__closure__", None) or ():
        inside = cell.cell_contents
        for item in inside if isinstance(inside, list | tuple) else (inside,):
            if callable(item):
                yield from _gates(item, seen)
