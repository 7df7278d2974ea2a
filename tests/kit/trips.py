"""A graph that asks in every way: tools with arguments of every kind, with tiers, with an outcome that gets lost; a question; a step."""

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import BaseTool, tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from pydantic import BaseModel, Field

from hitl_middleware import Hitl, OutcomeUnknown, Policy, ask, human_step, requires_approval, send_tool_calls
from hitl_middleware.actions import DECISION_TYPES, ActionRequest
from hitl_middleware.hitl import Graph
from hitl_middleware.policy import Explanation

from tests.kit.desk import BOB


class Address(BaseModel):
    """Where the guest lives."""

    street: str
    city: str


class Budget(BaseModel):
    """What a reviewer fills in."""

    cents: Annotated[int, Field(gt=0, description="How much it may cost, in cents")]
    until: dt.date | None = None


@dataclass
class Done:
    """What was done to the world."""

    booked: list[dict[str, Any]] = field(default_factory=list)
    paid: list[int] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)


class Tiered(Policy):
    """A rule that wants Bob, and nobody else, for large amounts."""

    def explain(self, call: ActionRequest) -> Explanation:
        found = super().explain(call)
        large = call.args["amount_cents"] > 50_000
        plan = found.plan.model_copy(update={"approvers": (f"slack:{BOB}",)} if large else {})
        return replace(found, plan=plan)


class Trip(MessagesState):
    """``call``: the tool call that the model makes; ``question``, ``budget``: what people said."""

    call: dict[str, Any]
    question: Any
    budget: Any


def tools(done: Done) -> list[BaseTool]:
    """Three tools, each marked."""

    @requires_approval(Policy(title="Book a room", decisions=DECISION_TYPES, redact=["pin"]))
    @tool
    def book(  # noqa: PLR0917 – a tool's signature: a model names its arguments
        guest: Annotated[str, Field(pattern=r"^[A-Z]", description="Surname first")],
        nights: Annotated[int, Field(gt=0, le=30)],
        room: Literal["single", "double"],
        arrives: dt.date,
        address: Address,
        pin: str,
        letter: Annotated[str, Field(max_length=5_000)] = "",
        rate: float = 1.0,
        breakfast: bool = False,
        extras: list[Literal["parking", "late"]] = [],  # noqa: B006 – a tool's signature, never changed
        note: str | None = None,
        tags: dict[str, int] | None = None,
    ) -> str:
        """Book a room."""
        args = dict(locals())
        args.pop("done", None)
        args["address"] = address.model_dump()
        done.booked.append(args)
        return f"booked for {guest}"

    @requires_approval(Tiered(title="Pay somebody"))
    @tool
    def pay(amount_cents: int) -> str:
        """Pay."""
        done.paid.append(amount_cents)
        return f"paid {amount_cents}"

    @requires_approval(Policy(title="Send a letter"))
    @tool
    def send(text: str) -> str:
        """Send."""
        done.sent.append(text)
        msg = "no answer came"
        raise OutcomeUnknown(msg)

    return [book, pay, send]


def trips(hitl: Hitl, done: Done) -> Graph:
    """One call of the model, then its end; a call named ``ask`` or ``plan`` asks without a tool."""
    acts = tools(done)

    def think(state: Trip) -> dict[str, Any]:
        call = state["call"]
        if state["messages"] or call["name"] in {"ask", "plan"}:
            return {}
        return {"messages": [AIMessage("", tool_calls=[{**call, "id": "c1", "type": "tool_call"}])]}

    def way(state: Trip) -> Any:
        if state["call"]["name"] in {"ask", "plan"}:
            return state["call"]["name"]
        told = bool(state["messages"]) and isinstance(state["messages"][-1], ToolMessage)
        return END if told else send_tool_calls("tools")(state)

    def question(state: Trip) -> dict[str, Any]:
        return {"question": ask("How many guests?", state["call"]["args"].get("schema"))}

    builder = StateGraph(Trip)
    builder.add_node("model", think)
    builder.add_node("tools", ToolNode(acts, **hitl.tool_gate(acts)))
    builder.add_node("ask", question)
    builder.add_node("plan", human_step("Set a budget", form=Budget, into="budget"))
    builder.add_edge(START, "model")
    builder.add_conditional_edges("model", way, ["tools", "ask", "plan", END])
    builder.add_edge("tools", "model")
    return builder.compile()
