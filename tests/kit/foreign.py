"""Graphs that know nothing of this library: each asks in one of the forms that others use."""

from __future__ import annotations

import json
from typing import Any

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt
from pydantic import BaseModel
from typing_extensions import TypedDict

from hitl_middleware.hitl import Graph

from tests.kit.effects import Effects
from tests.kit.models import call, says, script

EVERYTHING = {"allow_accept": True, "allow_edit": True, "allow_respond": True, "allow_ignore": True}


class Answers(TypedDict, total=False):
    """What a graph was answered."""

    got: Any


class Size(BaseModel):
    """What is wanted."""

    size: int


def node(ask: Any, *, saver: Any = None) -> Graph:
    """A graph of one node that puts what ``ask()`` returns into ``got``."""
    builder = StateGraph(Answers)
    builder.add_node("ask", lambda _: {"got": ask()})
    builder.add_edge(START, "ask")
    return builder.compile(checkpointer=saver or InMemorySaver())


def langchain_agent(
    effects: Effects, *amounts: int, saver: Any = None, rule: Any = True, **options: Any
) -> Graph:
    """LangChain's agent with LangChain's own middleware; its model pays each amount in one turn. ``rule``: that of ``interrupt_on``."""

    @tool
    def pay(amount: int) -> str:
        """Pay somebody."""
        effects.done.append(amount)
        return f"paid {amount}"

    turn = says(*(call("pay", f"k{amount}", amount=amount) for amount in amounts))
    asks = HumanInTheLoopMiddleware({"pay": rule}, **options)
    return create_agent(script(turn), [pay], middleware=[asks], checkpointer=saver)


def around(agent: Graph, saver: Any = None) -> Graph:
    """A graph that has an agent inside."""
    builder = StateGraph(MessagesState)
    builder.add_node("agent", agent)
    builder.add_edge(START, "agent")
    return builder.compile(checkpointer=saver or InMemorySaver())


def human_interrupt(amount: int, **config: bool) -> dict[str, Any]:
    """Agent Inbox's form."""
    request = {"action": "pay", "args": {"amount": amount}}
    return {"action_request": request, "config": config or EVERYTHING, "description": "Pay **somebody**"}


def functional() -> Graph:
    """LangGraph's functional API: a task asks."""

    @task
    def colour(what: str) -> Any:
        return interrupt(f"Which colour for {what}?")

    @entrypoint(checkpointer=InMemorySaver())
    def paint(given: dict[str, Any]) -> dict[str, Any]:
        return {"got": colour(given["what"]).result()}

    return paint


def inbox_text(*amounts: int) -> str:
    """A list of Agent Inbox's form, as JSON text."""
    return json.dumps([human_interrupt(amount) for amount in amounts])
