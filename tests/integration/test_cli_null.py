"""Null as an answer from the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from langgraph.types import interrupt

from tests.kit import foreign
from tests.kit.commands import Commands
from tests.kit.world import World, on


def test_null_is_an_answer(make_world: Callable[..., World], sqlite_url: str, tmp_path: Path):
    """DESIGN §5: ``--answer null`` is a value, where the question's schema takes one; ``show`` tells it."""
    world = make_world(sqlite_url)
    maybe = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    graph = foreign.node(lambda: ["said", interrupt("How many, if any?", response_schema=maybe)])
    world.serve("a", graph)
    world.begin_run("a", {"got": None}, thread_id="t-1")
    code = world.only().code
    hitl = Commands(tmp_path, {"HITL_DATABASE_URL": sqlite_url})

    assert "is answered" in hitl.said("requests", "respond", code, "--answer", "null")
    assert "their answer" in hitl.said("requests", "show", code)
    world.step()
    served = world.graphs._graphs["a"]
    state = world.runs_portal.call(served.aget_state, on("t-1"))
    assert state.values["got"] == ["said", None]
