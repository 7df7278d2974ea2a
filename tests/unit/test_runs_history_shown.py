"""A history as people may see it: what policies hide is nowhere in it, and what changed is told (N-02, DESIGN rule 9)."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from hitl_middleware.clock import ManualClock
from hitl_middleware.ports import Checkpoint, Task
from hitl_middleware.records import PendingInterrupt
from hitl_middleware.redaction import MARK
from hitl_middleware.runs.history.back import look_back
from hitl_middleware.runs.history.changes import changes
from hitl_middleware.runs.history.compiled import CompiledReader
from hitl_middleware.runs.history.kept import History
from hitl_middleware.runs.history.veil import veiled

from tests.kit.models import call, says, script

PIN = "4711-canary"
NOW = ManualClock().now()


def a_checkpoint(
    key: str, values: dict[str, Any], *, step: int = 0, namespace: str = "", asked: object = None
) -> Checkpoint:
    """One with these values, which asks something."""
    asks = (PendingInterrupt(id="i1", value=asked, response_schema={"default": PIN}),) if asked else ()
    task = Task(id="t", name="tools", interrupts=asks, error=f"ValueError: pin {PIN} is wrong")
    return Checkpoint(
        id=key, parent_id=None, at=NOW, step=step, values=values, tasks=(task,), namespace=namespace
    )


def test_what_is_hidden_is_nowhere():
    """By its name wherever it stands, and by its value in whatever text: the user's words, JSON in a string, a question, an error."""
    called = {
        "type": "ai",
        "content": "",
        "tool_calls": [{"name": "pay", "args": {"pin": PIN, "cents": 5, "codes": [98765]}}],
    }
    said = {"type": "human", "content": f"My pin is {PIN}!"}
    raw = {"type": "ai", "content": json.dumps({"arguments": json.dumps({"pin": PIN})}), "code": 98765}
    history = History(
        checkpoints=(
            a_checkpoint(
                "c2",
                {"messages": [said, called, raw]},
                asked={"args": {"pin": PIN}, "text": f"pay with {PIN}?"},
            ),
            a_checkpoint("c1", {"messages": [said]}),
        ),
        inside={"sub:1": (a_checkpoint("c3", {"note": f"uses {PIN}", "pin": 1}, namespace="sub:1"),)},
    )
    shown = veiled(history, {"pin", "codes"})
    text = repr([dataclasses.asdict(each) for line in shown for each in line])
    assert PIN not in text
    assert "98765" not in text
    first = shown.checkpoints[0].values["messages"]
    assert first[0]["content"] == f"My pin is {MARK}!"
    assert first[1]["tool_calls"][0]["args"] == {"pin": MARK, "cents": 5, "codes": MARK}
    assert shown.inside["sub:1"][0].values == {"note": f"uses {MARK}", "pin": MARK}
    assert veiled(history, ()) is history


def test_short_values_do_not_tear_other_texts():
    """A value of one or two characters is hidden where it bears the name, and not looked for elsewhere."""
    history = History(checkpoints=(a_checkpoint("c", {"pin": "a", "text": "a banana"}),))
    assert veiled(history, {"pin"}).checkpoints[0].values == {"pin": MARK, "text": "a banana"}


async def test_what_the_graphs_own_gates_hide_is_hidden(make_world, effects):
    """Also of a call that nobody was asked about, of which no plan is stored."""
    world = make_world()
    tool = effects.pay_tool(when=lambda _: False, redact=["amount"])
    agent = world.agent([tool], script(says(call("pay", amount=471_100)), says(text="Done.")))
    graph = agent.copy({"checkpointer": InMemorySaver()})
    config = {"configurable": {"thread_id": "t"}}
    await graph.ainvoke({"messages": [HumanMessage("pay 471100")]}, config)
    reader = CompiledReader({"g": graph})
    assert "471100" in repr(await reader.checkpoints("g", "t")), "the state itself has it"
    shown = await look_back(reader, "g", "t")
    assert shown.checkpoints
    assert "471100" not in repr(shown)


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ({}, {"a": 1, "later": None}, ["a: 1"]),
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": True}, ["a: 1 → true"]),
        ({"a": 1}, {}, ["a: 1 → gone"]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, ["a.c: 2 → 3"]),
        ({"a": [1]}, {"a": [1, "x"]}, ['a + "x"']),
        ({"a": [1, 2, 3]}, {"a": [1, 5]}, ["a.1: 2 → 5", "a.2: 3 → gone"]),
        ({"t": "one\ntwo"}, {"t": "one\n2"}, ["t:\n  - two\n  + 2"]),
    ],
)
def test_changes_of_a_state(before, after, told):
    """Key by key; of a list what was added; of a text its lines; what did not change is not told."""
    assert [change.words for change in changes(before, after)] == told


def test_messages_are_told_as_messages():
    """Who said it, which tools are called with what, and whose answer it is."""
    human = {"type": "human", "content": "Refund, please"}
    ai = {
        "type": "ai",
        "content": [{"type": "text", "text": "Sure."}],
        "tool_calls": [{"name": "refund", "args": {"cents": 5}}],
    }
    tool = {"type": "tool", "name": "refund", "content": "done"}
    (more,) = changes({"messages": [human]}, {"messages": [human, ai, tool]})
    assert more.words.splitlines() == [
        "messages + ai: Sure.; calls refund(cents=5)",
        "messages + tool refund: done",
    ]
