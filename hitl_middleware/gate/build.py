"""From tools and rules to a gate: which policies stand before which tools, checked before anything runs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from langchain_core.messages import ToolCall
from langchain_core.tools import BaseTool
from langchain_core.tools import tool as as_tool
from langgraph.prebuilt import ToolNode
from langgraph.prebuilt.tool_node import ToolCallRequest, ToolInvocationError
from langgraph.pregel import Pregel

from hitl_middleware.actions import ActionRequest
from hitl_middleware.errors import ConfigurationError, UnknownTool
from hitl_middleware.gate import calls
from hitl_middleware.gate.gate import Gate
from hitl_middleware.gate.guard import policy_of
from hitl_middleware.policy import Policy, from_interrupt_on

Tools = Sequence[BaseTool | Callable[..., Any] | dict[str, Any]]
"""As ``create_agent`` takes them. A dictionary is a tool that the model's provider runs: it never comes by a gate."""


def _nobody(_: ActionRequest) -> bool:
    return False


Default = Literal["none", "record", "ask"] | Policy
"""What happens to calls of tools that nobody named: a verdict, or a policy for all of them."""

_DEFAULTS: Mapping[str, Policy | None] = {
    "none": None,
    "record": Policy(when=_nobody, otherwise="record"),
    "ask": Policy(),
}


InterruptOn = Mapping[str, Any] | None
"""LangChain's form: tool name → ``True``, ``False``, a mapping; or a ``Policy``."""

Rules = tuple[Mapping[str, Policy | None], Policy | None]


def rules_of(tools: Tools | Mapping[str, Any], interrupt_on: InterruptOn, default: Default) -> Rules:
    """What a gate is made of: the policies by name, and that of all other tools. ``tools`` may be ``interrupt_on`` alone."""
    if isinstance(tools, Mapping):
        return policies_of(None, tools), default_policy(default)
    return policies_of(tools, interrupt_on or {}), default_policy(default)


def policies_of(tools: Tools | None, interrupt_on: Mapping[str, Any]) -> Mapping[str, Policy | None]:
    """Policies by tool name: as the tools are marked, and as LangChain's ``interrupt_on`` (or a ``Policy``) says by name.

    ``None``: said to pass (``interrupt_on={name: False}``), also where the default asks. A tool's own mark stands against that.
    Raises ``UnknownTool`` for a name that none of the tools bears, where they are given, and ``ConfigurationError`` for a policy that
    hides an argument the tool does not have.
    """
    here = [each for each in tools or () if not isinstance(each, Mapping)]
    named = {item.name: item for item in (t if isinstance(t, BaseTool) else as_tool(t) for t in here)}
    policies: dict[str, Policy | None] = {
        name: marked for name, tool in named.items() if (marked := policy_of(tool)) is not None
    }
    for name, form in interrupt_on.items():
        if tools is not None and name not in named:
            raise UnknownTool(name=name, known=", ".join(sorted(named)) or "none")
        policy, marked = form if isinstance(form, Policy) else _from_langchain(form), policies.get(name)
        if policy is not None and marked is not None and not isinstance(form, Policy):
            policy = replace(policy, redact=marked.redact)  # LangChain's form has no word for it
        policies[name] = policy or marked
    for name, tool in named.items():
        _check_hidden(policies.get(name), tool)
    return policies


def _from_langchain(form: Any) -> Policy | None:
    """As ``from_interrupt_on``; its ``when`` is given what LangChain gives it. (What it knows of the runtime is not known here.)"""
    policy = from_interrupt_on(form)
    when: Any = policy.when if policy is not None else None
    if policy is None or not callable(when):
        return policy

    @functools.wraps(when)
    def asks(call: ActionRequest) -> bool:
        made = ToolCall(name=call.name, args=dict(call.args), id=call.identity.tool_call_id, type="tool_call")
        runtime: Any = None
        return bool(when(ToolCallRequest(tool_call=made, tool=None, state=call.state, runtime=runtime)))

    return replace(policy, when=asks)


def default_policy(default: Default) -> Policy | None:
    """The policy of every tool that has none. Raises ``ConfigurationError`` for a word that is no verdict."""
    if isinstance(default, Policy):
        return default
    if default in _DEFAULTS:
        return _DEFAULTS[default]
    msg = f"default: {default!r}; choose from none, record, ask, or give a Policy"
    raise ConfigurationError(msg)


def check_tools(graph: Pregel[Any, Any, Any, Any]) -> None:
    """Compare every gate with the tools behind it.

    A policy for a tool that the graph does not have protects nothing (``UnknownTool``); nor does one that hides an argument which the
    tool does not have (``ConfigurationError``).
    """
    for gate, tools in gates_and_tools(graph):
        for name in sorted(gate.gated - set(tools)):
            raise UnknownTool(name=name, known=", ".join(sorted(tools)) or "none")
        for name, tool in tools.items():
            policy = gate.policy_for(name, tool)
            if (
                policy is not gate.default
            ):  # that one speaks of many tools, which need not all have what it hides
                _check_hidden(policy, tool)


def gates_and_tools(
    graph: Pregel[Any, Any, Any, Any],
) -> Iterator[tuple[Gate, Mapping[str, BaseTool]]]:
    """Each gate, also of subgraphs, with the tools behind it."""
    for gates, tools in tool_nodes(graph):
        for gate in gates:
            yield gate, tools


def tool_nodes(graph: Pregel[Any, Any, Any, Any]) -> Iterator[tuple[Sequence[Gate], Mapping[str, BaseTool]]]:
    """The tools of each ``ToolNode``, also of subgraphs, and the gates before them.

    ``create_agent`` composes hooks into closures; they are looked through.
    """
    for part in (graph, *(subgraph for _, subgraph in graph.get_subgraphs(recurse=True))):
        for node in part.nodes.values() if isinstance(part, Pregel) else ():
            if isinstance(node.bound, ToolNode):
                hook = getattr(node.bound, "_wrap_tool_call", None)
                yield tuple(_gates(hook, set())), node.bound.tools_by_name


def _check_hidden(policy: Policy | None, tool: BaseTool) -> None:
    """A name that is misspelt would show what was to be hidden."""
    if policy is None or not policy.redact:
        return
    schema = calls.args_schema(tool) or {}
    known = schema.get("properties")
    if known is None or schema.get("additionalProperties"):
        return  # it takes whatever it is given
    for name in policy.redact:
        if name not in known:
            msg = (
                f"redact: {name!r} is no argument of {tool.name}; its arguments: {', '.join(known) or 'none'}"
            )
            raise ConfigurationError(msg)


def node_options(gate: Gate) -> dict[str, Any]:
    """What a ``ToolNode`` is made with to stand behind the gate."""
    return {
        "wrap_tool_call": gate.wrap_tool_call,
        "awrap_tool_call": gate.awrap_tool_call,
        "handle_tool_errors": only_bad_arguments,
    }


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
