"""(a) what a gate costs a tool call about which nobody need be asked: against the same agent without any middleware."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, ExitStack
from itertools import count
from typing import Any

import pytest
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.tools import tool

from hitl_middleware import Hitl, Policy, requires_approval
from hitl_middleware.hitl import Graph
from hitl_middleware.settings import ConfigFile, Settings

from tests.bench.agents import ASKED, agent, pay
from tests.bench.floor import open_saver
from tests.bench.measuring import Took, compared, interleaved, timed
from tests.bench.table import Figure, Table

pytestmark = pytest.mark.bench

TURNS = 15


@tool
async def wipe() -> str:
    """Delete everything."""
    return "gone"


def test_a_call_that_needs_nobody(new_bench_url: Callable[[], str], bench_kind: str, table: Table):
    """≤ 1.15×, for a tool with a rule that says no; LangChain's middleware, which gates another tool here, for comparison."""
    numbers = count(1)
    with asyncio.Runner() as runner, ExitStack() as stack:
        hitl = Hitl(Settings(database_url=new_bench_url()), config=ConfigFile(), channels=[])
        stack.callback(hitl.stop)
        savers = AsyncExitStack()
        stack.callback(lambda: runner.run(savers.aclose()))
        ruled = requires_approval(Policy(when=lambda call: call.args["amount"] > 100))(pay.model_copy())

        def made(tools: Sequence[Any], middleware: Sequence[Any]) -> Graph:
            saver = runner.run(open_saver(new_bench_url(), savers))
            return agent(tools, middleware, calls=1, saver=saver)

        def turn(graph: Graph) -> Took:
            config: Any = {"configurable": {"thread_id": f"t-{next(numbers)}"}}
            return timed(lambda: runner.run(graph.ainvoke(ASKED, config)), lambda: None)

        unruled, stock = [pay, wipe], HumanInTheLoopMiddleware({"wipe": True})
        sides = {
            "ours": made([ruled, wipe], [hitl.approvals([ruled, wipe])]),
            "unruled": made(unruled, [hitl.approvals(unruled, interrupt_on={"wipe": True})]),
            "stock": made(unruled, [stock]),
            "floor": made(unruled, []),
            "same": made(unruled, []),
        }
        found = interleaved(sides, turn, times=TURNS)
    noise = compared(found, "same", "floor")
    for side, name, limit in (
        ("ours", "tool call whose rule asks nobody", 1.15),
        ("unruled", "the same, of a tool without a rule", 1.15),
        ("stock", "the same, under LangChain's middleware", None),
    ):
        ratio = compared(found, side, "floor")
        table.add(Figure.of("a", name, bench_kind, ratio, noise, limit=limit))
