"""A desk with one act, whose effect is a line on disk: nothing of the network stands between the gate and what really happened.

Copied beside each test's database and served from there. ``PAID_IN`` names the effects' file; ``PAY_WITHIN`` is how many seconds people
have, after which the payment is off; ``PAY_FOR`` how many a payment takes. Pounds block not a thread but the graph's loop.
"""

from __future__ import annotations

import json
import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode

from hitl_middleware import Hitl, current_action, requires_approval, send_tool_calls


class Till(MessagesState):
    """What is to be paid, turn by turn."""

    turns: list[list[int]]


WITHIN = os.environ.get("PAY_WITHIN")
POUNDS = 100
"""Amounts from here on are paid in pounds."""

approved = requires_approval(
    expires_in=timedelta(seconds=float(WITHIN)) if WITHIN else None, on_expiry="reject" if WITHIN else "leave"
)


@approved
@tool
def pay(amount: int) -> str:
    """Pay somebody."""
    return write(amount)


@approved
@tool
async def pay_pounds(amount: int) -> str:
    """Pay somebody, by a client that does not know how to wait."""
    return write(amount)


def write(amount: int) -> str:
    """The effect; whoever calls this is held up meanwhile."""
    threading.Event().wait(float(os.environ.get("PAY_FOR", "0")))
    action = current_action()
    entry = {
        "amount": amount,
        "key": action.idempotency_key if action else None,
        "attempt": action.attempt if action else None,
        "pid": os.getpid(),
    }
    with Path(os.environ["PAID_IN"]).open("ab", buffering=0) as book:
        book.write(json.dumps(entry).encode() + b"\n")
        os.fsync(book.fileno())
    return f"paid {amount}"


def decide(state: Till) -> dict[str, list[AnyMessage]]:
    """A model that wants to pay all of a turn at once, then the next, and says when it is through."""
    said = sum(isinstance(message, AIMessage) for message in state.get("messages", []))
    if said >= len(state["turns"]):
        return {"messages": [AIMessage("That is all.")]}
    calls = [
        {
            "name": "pay" if amount < POUNDS else "pay_pounds",
            "args": {"amount": amount},
            "id": f"pay-{amount}",
            "type": "tool_call",
        }
        for amount in state["turns"][said]
    ]
    return {"messages": [AIMessage("", tool_calls=calls)]}


def make_graph() -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph for this process's ``Hitl``."""
    tools = [pay, pay_pounds]
    builder = StateGraph(Till)
    builder.add_node("model", decide)
    builder.add_node("tools", ToolNode(tools, **Hitl.from_env().tool_gate(tools)))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", send_tool_calls("tools"), ["tools", END])
    builder.add_edge("tools", "model")
    return builder.compile(name="till")
