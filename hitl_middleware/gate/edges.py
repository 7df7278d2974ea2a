"""Conditional edges: from a model node to a ``ToolNode``, one task per tool call; from a workflow step to where its review leads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from langchain_core.messages import AIMessage
from langgraph.constants import END
from langgraph.types import Send

from hitl_middleware.actions import StepDecision
from hitl_middleware.errors import ConfigurationError


def send_tool_calls(
    node: str, *, messages_key: str = "messages", otherwise: str = END
) -> Callable[[Any], list[Send] | str]:
    """An edge for ``add_conditional_edges``: each tool call of the last AI message becomes a task of ``node``, none goes to ``otherwise``.

    With a task of its own each call has its own interrupt, so a decision on one runs that one and leaves the others waiting. One task
    for all calls stays safe, only slower: it shows one question at a time and re-enters the calls before it.
    """

    def route(state: Any) -> list[Send] | str:
        messages = state[messages_key] if isinstance(state, dict) else getattr(state, messages_key)
        last = messages[-1] if messages else None
        if not isinstance(last, AIMessage) or not last.tool_calls:
            return otherwise
        # ToolNode's own form for a call sent alone (the one create_agent uses): it keeps the state for injected arguments.
        return [
            Send(node, {"__type": "tool_call_with_context", "tool_call": call, "state": state})
            for call in last.tool_calls
        ]

    return route


@dataclass(frozen=True, slots=True)
class Route:
    """Where an edge made by ``route`` leads. ``into``: the key of the state that holds the review."""

    into: str
    targets: Mapping[StepDecision, str]

    def __call__(self, state: Any) -> str:
        review = state.get(self.into) if isinstance(state, Mapping) else getattr(state, self.into, None)
        if not isinstance(review, Mapping) or review.get("decision") not in get_args(StepDecision):
            msg = f"route({self.into!r}): the state holds no review there yet; put the edge behind the step that writes it"
            raise ConfigurationError(msg)
        decision: StepDecision = review["decision"]
        if decision not in self.targets:
            msg = f"route({self.into!r}): it was decided {decision!r}, and no node is named for that"
            raise ConfigurationError(msg)
        return self.targets[decision]


def route(
    into: str, *, approve: str | None = None, reject: str | None = None, feedback: str | None = None
) -> Callable[[Any], str]:
    """An edge for ``add_conditional_edges`` behind a ``human_step``: from the review in the state to the next node, or ``END``.

    A decision that the step takes and that leads nowhere is a ``ConfigurationError`` when the graph is served or attached, as is a route
    without any target here; where the graph is neither, when it happens.
    """
    named: dict[StepDecision, str | None] = {"approve": approve, "reject": reject, "feedback": feedback}
    made = Route(into, {decision: node for decision, node in named.items() if node is not None})
    if not made.targets:
        msg = f'route({into!r}): name a node for at least one decision, e.g. approve="publish"'
        raise ConfigurationError(msg)

    def edge(state: Any) -> str:
        return made(state)

    edge.__name__ = f"route_{into}"
    # LangGraph reads the possible ends from here: it checks that they exist, and draws these edges alone.
    edge.__annotations__ = {"return": Literal[tuple(made.targets.values())]}
    edge.__hitl_route__ = made  # type: ignore[attr-defined]
    return edge


def route_of(path: Any) -> Route | None:
    """What LangGraph made of an edge of ours, as a route again."""
    found = getattr(getattr(path, "func", None), "__hitl_route__", None)
    return found if isinstance(found, Route) else None
