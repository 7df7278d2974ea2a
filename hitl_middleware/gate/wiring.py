"""Workflow steps against the graph they stand in: what would be lost or lead nowhere is said before anything runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langgraph.graph.state import CompiledStateGraph
from langgraph.pregel import Pregel

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.gate.edges import route_of
from hitl_middleware.gate.human_step import HumanStep


def check_steps(graph: Pregel[Any, Any, Any, Any]) -> None:
    """Check every ``human_step`` of a graph and its subgraphs.

    Raises ``ConfigurationError`` where the state has no place for the review or for what is shown (LangGraph would drop it), and where an
    edge made by ``route`` leads nowhere for a decision that the step takes.
    """
    for owner in (graph, *(each for _, each in graph.get_subgraphs(recurse=True))):
        if not isinstance(owner, CompiledStateGraph) or "__root__" in owner.channels:
            continue
        for name, step in _steps(owner):
            _check_state(owner, name, step)
            _check_edges(owner, name, step)


def _check_state(graph: CompiledStateGraph[Any, Any, Any, Any], name: str, step: HumanStep) -> None:
    into = step.rules.into or name
    if into not in graph.channels:
        msg = (
            f"The step {name!r} writes {into!r}, which the state of the graph does not have. Add it as {into}: Review, "
            "or name another key: human_step(…, into=…)"
        )
        raise ConfigurationError(msg)
    for key in step.rules.show:
        if key not in graph.channels:
            msg = f"The step {name!r} shows {key!r}, which the state of the graph does not have"
            raise ConfigurationError(msg)


def _check_edges(graph: CompiledStateGraph[Any, Any, Any, Any], name: str, step: HumanStep) -> None:
    for branch in graph.builder.branches.get(name, {}).values():
        route = route_of(branch.path)
        if route is None or route.into != (step.rules.into or name):
            continue
        for decision in step.rules.decisions:
            if decision not in route.targets:
                msg = (
                    f"The step {name!r} takes {decision!r}, and its edge leads nowhere for that: "
                    f"route({route.into!r}, …, {decision}=<node>), or leave {decision!r} out of the step's decisions"
                )
                raise ConfigurationError(msg)


def _steps(graph: CompiledStateGraph[Any, Any, Any, Any]) -> Iterator[tuple[str, HumanStep]]:
    for name, node in graph.nodes.items():
        if isinstance(node.bound, HumanStep):
            yield name, node.bound
