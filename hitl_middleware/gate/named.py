"""Whom the rules of a graph name: for whoever wants to know before somebody is asked whether anybody is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from langgraph.pregel import Pregel

from hitl_middleware.gate.build import tool_nodes
from hitl_middleware.gate.guard import policy_of
from hitl_middleware.gate.human_step import HumanStep


@dataclass(frozen=True, slots=True)
class Named:
    """``what``: the tool or the step. ``deciding``: who may decide, now or later; ``needed``: without whom nothing is approved, ever."""

    what: str
    deciding: frozenset[str]
    needed: frozenset[str]


def named(graph: Pregel[Any, Any, Any, Any]) -> Iterator[Named]:
    """One for each tool with a policy and each step, also of subgraphs. What an ``ask`` inside a node names is not known before it asks."""
    for gates, tools in tool_nodes(graph):
        for name, tool in tools.items():
            policy = next(
                (found for gate in gates if (found := gate.policy_for(name, tool)) is not None), None
            )
            if policy is not None:
                later = [(tuple(each.approvers), each.stands_in_for) for each in policy.escalate_to]
                yield _named(name, policy.approvers or (), policy.required_from, later)
    for part in (graph, *(subgraph for _, subgraph in graph.get_subgraphs(recurse=True))):
        for name, node in part.nodes.items() if isinstance(part, Pregel) else ():
            if isinstance(node.bound, HumanStep):
                plan = node.bound.rules.plan
                later = [(each.approvers, each.stands_in_for) for each in plan.escalate_to]
                yield _named(name, plan.approvers or (), plan.required_from, later)


def ungated(graph: Pregel[Any, Any, Any, Any]) -> Sequence[str]:
    """Tools that are marked and stand behind no gate, by name: each call of them would raise ``Ungated``."""
    behind_none = (tools for gates, tools in tool_nodes(graph) if not gates)
    return sorted(
        {name for tools in behind_none for name, tool in tools.items() if policy_of(tool) is not None}
    )


def _named(what: str, approvers: Any, required: Any, later: list[tuple[tuple[str, ...], Any]]) -> Named:
    others = {who for people, _ in later for who in people}
    stood_for = {role for _, roles in later for role in roles}
    return Named(what, frozenset({*approvers, *others}) - {*required}, frozenset(required) - stood_for)
