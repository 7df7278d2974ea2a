"""A graph whose node takes as long as a test wants: it goes on when a file is there. Nothing in it is gated.

``TURNS`` is a folder: ``<run>.begun`` has the number of each process that began the node of that run, a line each; ``<run>.go`` ends it.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph


class Turn(TypedDict, total=False):
    """``name`` of the turn, and the process that ended it."""

    name: str
    ended_by: int


async def take(state: Turn) -> Turn:
    """Wait for the word."""
    turn = Path(os.environ["TURNS"]) / state["name"]
    with turn.with_suffix(".begun").open("a") as begun:
        begun.write(f"{os.getpid()}\n")
    while not turn.with_suffix(".go").exists():  # noqa: ASYNC110 – another process gives the word
        await asyncio.sleep(0.02)
    turn.with_suffix(".ended").write_text(str(os.getpid()))
    return {"ended_by": os.getpid()}


def make_graph() -> CompiledStateGraph[Any, Any, Any, Any]:
    """The graph."""
    builder = StateGraph(Turn)
    builder.add_node("take", take)
    builder.add_edge(START, "take")
    builder.add_edge("take", END)
    return builder.compile()
