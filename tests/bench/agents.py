"""The agent of every figure: one turn of a scripted model with some tool calls, then its end. Only what stands before the tools differs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.tools import BaseTool, tool

from hitl_middleware.hitl import Graph

from tests.kit.models import Scripted, call, says, script

ASKED = {"messages": [{"role": "user", "content": "pay, please"}]}


@tool
async def pay(amount: int) -> str:
    """Pay somebody."""
    return f"paid {amount}"


def talk(calls: int) -> Scripted:
    """A model that calls ``pay`` so many times in one turn."""
    return script(says(*(call("pay", id=f"call-{number}", amount=number) for number in range(calls))))


def agent(tools: Sequence[BaseTool], middleware: Sequence[Any], *, calls: int, saver: Any = None) -> Graph:
    """LangChain's agent."""
    return create_agent(talk(calls), tools, middleware=middleware, checkpointer=saver)
