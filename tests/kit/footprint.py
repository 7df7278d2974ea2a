"""What people cost a graph: the statements and commits that a run takes from its start to its question, and from the answer to its end.

``asked_by_us`` is the whole of ours, moved by hand, so the counts are the same every time. ``asked_plainly`` is the same agent in which a
hook calls LangGraph's ``interrupt()``, with LangGraph's own saver and nothing else: what is more than that is the price.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiosqlite
from langchain.agents import create_agent
from langchain.agents.middleware import AgentMiddleware
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command, interrupt

from hitl_middleware import requires_approval
from hitl_middleware.hitl import Graph
from hitl_middleware.testing.example_channel import Board, BoardChannel

from tests.kit.databases import sqlite_in
from tests.kit.models import asks, call, says, script
from tests.kit.statements import Counted, Statements, heard_on_postgresql, heard_statements
from tests.kit.world import World, on


@dataclass(frozen=True, slots=True)
class Footprint:
    """``suspend``: from the input to the question; ``submit``: the answer; ``resume``: on to the end; ``publish``: one card."""

    suspend: Counted
    submit: Counted
    resume: Counted
    publish: Counted


@tool
async def pay(amount: int) -> str:
    """Pay somebody."""
    return f"paid {amount}"


_MODEL = script(says(call("pay", amount=5)))


def asked_by_us(folder: Path) -> Footprint:
    """A run of ours: a policy, a card in a channel, one decision. The second of two, since a first one also prepares."""
    with heard_statements() as heard:
        return _asked(sqlite_in(folder), heard)


def asked_on_postgresql(url: str) -> Footprint:
    """The same on PostgreSQL, and of that the store's part: what LangGraph's saver does there is not counted."""
    with heard_on_postgresql() as heard:
        return _asked(url, heard)


def _asked(url: str, heard: Statements) -> Footprint:
    with ExitStack() as stack:
        world = World(url, channels=[BoardChannel(Board())])
        stack.callback(world.stop)
        marked = requires_approval(pay.model_copy())
        world.serve("desk", world.agent([marked], _MODEL))
        world.start()
        _run(world, heard)
        return _run(world, heard)


def _run(world: World, heard: Statements) -> Footprint:
    with heard.counting() as suspend:
        run = world.portal.call(world.start_run, "desk", asks())
        world.advance_run(run.id)
    (request,) = world.pending()
    with heard.counting() as submit:
        world.decide(request)
    with heard.counting() as resume:
        world.advance_run(run.id)
    assert world.run_now(run).status == "succeeded"
    (card,) = world.portal.call(world.views.request, request.id).cards
    with heard.counting() as publish:
        world.publish(card.id)
    return Footprint(suspend, submit, resume, publish)


class _Asks(AgentMiddleware[Any, Any, Any]):
    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        interrupt(request.tool_call["args"])
        return await handler(request)


async def asked_plainly(folder: Path) -> tuple[Counted, Counted]:
    """The same on LangGraph alone: suspend, resume."""
    with heard_statements() as heard:
        async with aiosqlite.connect(folder / "plain.db") as connection:
            saver = AsyncSqliteSaver(connection)
            await saver.setup()
            agent: Graph = create_agent(_MODEL, [pay], middleware=[_Asks()], checkpointer=saver)
            with heard.counting() as suspend:
                state = await agent.ainvoke(asks(), on("t-1"))
            (question,) = state["__interrupt__"]
            with heard.counting() as resume:
                ended = await agent.ainvoke(Command(resume={question.id: "yes"}), on("t-1"))
            assert ended["messages"][-1].content == "done"
            await asyncio.sleep(0)
    return suspend, resume
