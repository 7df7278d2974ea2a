"""Reading compiled graphs and their threads: sync and async, with any saver, with graphs inside (N-01, N-02)."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command
from pydantic import BaseModel

from hitl_middleware.errors import UnknownGraph, Unreadable
from hitl_middleware.runs.history.back import look_back
from hitl_middleware.runs.history.compiled import AT_ONCE, CompiledReader
from hitl_middleware.runs.history.picture import standing, timeline
from hitl_middleware.runs.history.plain import plain

from tests.kit.nested import nested

CONFIG: Any = {"configurable": {"thread_id": "shop#7"}}


async def stood(graph: Any) -> tuple[dict[str, str], set[tuple[str, str]]]:
    """How the nodes of the thread stand, in words, and the edges it took."""
    reader = CompiledReader({"g": graph})
    found = standing(await reader.shape("g"), await look_back(reader, "g", "shop#7"))
    return {name: mark.words for name, mark in found.marks.items()}, set(found.taken)


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """For a saver."""
    with closing(sqlite3.connect(":memory:", check_same_thread=False)) as opened:
        yield opened


@pytest.mark.parametrize("kind", ["async", "sync", "sync saver"])
async def test_the_waiting_node_inside_a_subgraph_is_marked(kind, connection):
    """It and the subgraph wait; what ran is done, with how often; the rest is bare; the edges that were taken are known."""
    saver = SqliteSaver(connection) if kind == "sync saver" else InMemorySaver()
    graph = nested(saver, waits=kind == "async")
    drive = graph.ainvoke if kind == "async" else lambda *given: _later(graph.invoke(*given))
    await drive({}, CONFIG)
    await drive(Command(resume="not yet"), CONFIG)
    words, taken = await stood(graph)
    assert words == {
        "__start__": "done",
        "first": "done",
        "inner": "waiting",
        "inner:__start__": "done",
        "inner:look": "done ×2",
        "inner:ask": "waiting",
    }
    assert {("first", "inner:__start__"), ("inner:look", "inner:ask"), ("inner:ask", "inner:look")} <= taken
    assert not {edge for edge in taken if edge[1] in {"last", "__end__", "inner:__end__"}}
    await drive(Command(resume="enough"), CONFIG)
    words, taken = await stood(graph)
    assert (words["inner"], words["inner:ask"], words["last"], words["__end__"]) == (
        "done",
        "done ×2",
        "done",
        "done",
    )
    assert {("inner:ask", "inner:__end__"), ("inner:__end__", "last"), ("last", "__end__")} <= taken


async def _later(value: Any) -> Any:
    return value


async def test_checkpoints_tell_what_ran_and_what_is_due():
    """The newest first, each with its parent, its step, what ran before it, what is due, what it asks, and the state as JSON."""
    graph = nested(InMemorySaver())
    graph.invoke({}, CONFIG)
    reader = CompiledReader({"g": graph})
    newest, second, oldest = await reader.checkpoints("g", "shop#7")
    assert (newest.ran, newest.next, [item.value for item in newest.interrupts]) == (
        ("first",),
        ("inner",),
        ["ask?"],
    )
    assert (newest.parent_id, newest.step, newest.values) == (second.id, 1, {"seen": ["first"]})
    assert (oldest.source, oldest.ran, second.parent_id) == ("input", (), oldest.id)
    (task,) = newest.tasks
    inside = await reader.checkpoints("g", "shop#7", namespace=task.namespace or "")
    assert (inside[0].ran, inside[0].next, inside[0].path) == (("look",), ("ask",), ("inner",))
    (only,) = await reader.checkpoints("g", "shop#7", limit=1)
    assert only == newest
    assert (await look_back(reader, "g", "shop#7", limit=1)).cut
    assert await reader.checkpoints("g", "nobody knows it") == ()


async def test_reading_stops_when_time_is_up():
    """Of a long thread there are then fewer, the newest, as they are; that there are older ones is known."""
    graph = nested(InMemorySaver())
    for _ in range(4):
        graph.invoke({}, CONFIG)
        graph.invoke(Command(resume="enough"), CONFIG)
    reader = CompiledReader({"g": graph})
    whole = await reader.checkpoints("g", "shop#7")
    assert len(whole) > 3 * AT_ONCE
    assert whole == await reader.checkpoints("g", "shop#7", seconds=60)
    assert await reader.checkpoints("g", "shop#7", seconds=0) == whole[: AT_ONCE - 1]
    short = await look_back(reader, "g", "shop#7", seconds=0)
    assert (short.cut, short.checkpoints, len(short.inside)) == (True, whole[: AT_ONCE - 1], 1)
    assert not (await look_back(reader, "g", "shop#7")).cut


async def test_a_node_that_failed_is_marked_with_what_it_raised():
    """Also where the run is over: the error stays readable."""
    graph = nested(InMemorySaver(), breaks=True)
    graph.invoke({}, CONFIG)
    with pytest.raises(ValueError, match="broke"):
        graph.invoke(Command(resume="enough"), CONFIG)
    reader = CompiledReader({"g": graph})
    history = await look_back(reader, "g", "shop#7")
    assert [error for error in history.checkpoints[0].errors if "the last one broke" in error]
    mark = standing(await reader.shape("g"), history).marks["last"]
    assert mark.status == "failed"
    assert "the last one broke" in mark.note


async def test_what_cannot_be_read_is_said():
    """No saver: what to do about it. No such graph: which there are."""
    reader = CompiledReader({"bare": nested()})
    with pytest.raises(Unreadable, match=r"compile\(checkpointer="):
        await reader.checkpoints("bare", "shop#7")
    with pytest.raises(UnknownGraph, match="bare"):
        await reader.shape("other")
    assert {"inner:ask", "inner"} <= set((await reader.shape("bare")).by_id)


async def test_time_of_nodes_and_of_people():
    """A node that waits runs until it asked; the wait is a bar of its own; the whole is told for a terminal, too (N-02)."""
    graph = nested(InMemorySaver())
    graph.invoke({}, CONFIG)
    reader = CompiledReader({"g": graph})
    history = await look_back(reader, "g", "shop#7")
    now = history.checkpoints[0].at + dt.timedelta(minutes=5)
    line = timeline(history, now)
    assert [label for label, _ in line.rows] == ["first", "inner/look", "inner/ask"]
    assert [(bar.label, bar.status) for bar in line.bars if bar.kind == "human"] == [("inner/ask", "waiting")]
    ran = [line.span(bar) for bar in line.bars if bar.kind == "node"]
    assert sum((to - since).total_seconds() for since, to in ran) < 2
    assert 299 <= line.waited <= line.seconds <= 302
    assert "waiting for people" in str(line)


class Thing(BaseModel):
    name: str
    inside: Any = None


def test_any_state_becomes_plain_json():
    """Messages as messages, models and sets as what they hold, anything else as a word; neither depth nor size nor a bad repr harms."""

    class Bad:
        def __repr__(self):
            raise RuntimeError

    deep: list[Any] = []
    for _ in range(100):
        deep = [deep]
    call = {"name": "pay", "args": {"cents": 5}, "id": "c1", "type": "tool_call"}
    messages = [HumanMessage("hi"), AIMessage("", tool_calls=[call]), ToolMessage("done", tool_call_id="c1")]
    told = plain({"m": messages, 1: Thing(name="x", inside={3, 1})})
    assert told["m"][0] == {"type": "human", "content": "hi"}
    assert told["m"][1]["tool_calls"] == [call]
    assert told["m"][2] == {"type": "tool", "content": "done", "tool_call_id": "c1", "status": "success"}
    assert told["1"] == {"name": "x", "inside": [1, 3]}
    assert "RuntimeError" in plain(Bad())
    assert plain(float("nan")) == "nan"
    assert plain(b"123") == "⟦3 bytes⟧"
    assert "deeper" in repr(plain(deep))
