"""What the lives of the play serve: a till whose effects are lines on disk, and a workflow that asks on a GitHub issue.

``PAID_IN`` names the effects' file. Nothing of the network and nothing of the database stands between the gate and a line in it.
"""

from __future__ import annotations

import json
import os
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.tools import BaseTool, tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.prebuilt import ToolNode
from typing_extensions import TypedDict

from hitl_middleware import (
    Hitl,
    NotExecuted,
    OutcomeUnknown,
    Review,
    current_action,
    human_step,
    requires_approval,
    route,
    send_tool_calls,
)
from hitl_middleware.actions import DecisionType

SLOW_SECONDS = 1.5
"""Longer than the leases of the play: a tool that blocks its thread must not lose its claim."""
HASTE = timedelta(seconds=1)

ALL: list[DecisionType] = ["approve", "edit", "reject", "feedback"]


class Till(MessagesState):
    """What is to be done, turn by turn: a tool's name and its amount."""

    turns: list[list[tuple[str, int]]]


def write(amount: int) -> None:
    """The effect: on disk, whatever becomes of this process."""
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


@requires_approval(decisions=ALL)
@tool
def pay(amount: int) -> str:
    """Pay somebody."""
    write(amount)
    return f"paid {amount}"


@requires_approval(decisions=ALL)
@tool
def pay_slowly(amount: int) -> str:
    """Pay somebody, by a service that takes longer than a lease."""
    threading.Event().wait(SLOW_SECONDS)
    write(amount)
    return f"paid {amount}"


@requires_approval(decisions=ALL)
@tool
def pay_in_vain(amount: int) -> str:
    """Try to pay somebody who takes no money."""
    msg = f"nobody takes {amount}"
    raise NotExecuted(msg)


@requires_approval(decisions=ALL)
@tool
def pay_unheard(amount: int) -> str:
    """Pay somebody, by a service whose answer is lost."""
    write(amount)
    msg = "no answer within the time"
    raise OutcomeUnknown(msg)


@requires_approval(decisions=ALL, expires_in=HASTE, on_expiry="reject")
@tool
def pay_in_haste(amount: int) -> str:
    """Pay somebody now or never."""
    write(amount)
    return f"paid {amount}"


TOOLS: list[BaseTool] = [pay, pay_slowly, pay_in_vain, pay_unheard, pay_in_haste]


def decide(state: Till) -> dict[str, list[AnyMessage]]:
    """A model that wants to do all of a turn at once, then the next, and says when it is through."""
    said = sum(isinstance(message, AIMessage) for message in state.get("messages", []))
    if said >= len(state["turns"]):
        return {"messages": [AIMessage("That is all.")]}
    calls = [
        {"name": name, "args": {"amount": amount}, "id": f"{name}-{amount}", "type": "tool_call"}
        for name, amount in state["turns"][said]
    ]
    return {"messages": [AIMessage("", tool_calls=calls)]}


def make_till() -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph for this process's ``Hitl``."""
    return _till(TOOLS)


def make_careless_till() -> CompiledStateGraph[Any, Any, Any, Any]:
    """One whose payment is made twice, so that the play is seen to find it."""

    @requires_approval(decisions=ALL)
    @tool("pay")
    def pay_twice(amount: int) -> str:
        """Pay somebody, and again."""
        write(amount)
        write(amount)
        return f"paid {amount}"

    return _till([pay_twice])


def _till(tools: list[BaseTool]) -> CompiledStateGraph[Any, Any, Any, Any]:
    builder = StateGraph(Till)
    builder.add_node("model", decide)
    builder.add_node("tools", ToolNode(tools, **Hitl.from_env().tool_gate(tools)))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", send_tool_calls("tools"), ["tools", END])
    builder.add_edge("tools", "model")
    return builder.compile(name="till")


class Fix(TypedDict, total=False):
    """What the workflow knows: the issue it comes from, its plan, and what people said."""

    repository: str
    issue: int
    issue_url: str
    title: str
    body: str
    plan: str
    review: Review


def plan(state: Fix) -> Fix:
    """Say what would be done; after feedback, with the words worked in."""
    review = state.get("review")
    said = f" Revised: {review['message']}" if review is not None else ""
    return {"plan": f"Mend {state.get('title', 'it')}.{said}"}


def make_fix() -> CompiledStateGraph[Any, Any, Any, Any]:
    """Plan and ask; feedback leads back."""
    builder = StateGraph(Fix)
    builder.add_node("plan", plan)
    builder.add_node("plan-review", human_step("Do this?", show=["plan"], into="review"))
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "plan-review")
    builder.add_conditional_edges("plan-review", route("review", approve=END, reject=END, feedback="plan"))
    return builder.compile(name="fix")
