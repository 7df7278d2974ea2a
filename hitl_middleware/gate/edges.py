"""The conditional edge from a model node to a ``ToolNode``: one task per tool call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from langchain_core.messages import AIMessage
from langgraph.constants import END
from langgraph.types import Send


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
