"""Where a run of ours stands, by what is stored of it and what its thread has kept (N-01, N-02)."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from hitl_middleware import OutcomeUnknown
from hitl_middleware.drawing import Diagram, Mark, Node, Timeline
from hitl_middleware.ports import Checkpoint, Task
from hitl_middleware.records import PendingInterrupt, Run
from hitl_middleware.runs.history.back import look_back
from hitl_middleware.runs.history.kept import History
from hitl_middleware.runs.history.picture import standing, timeline
from hitl_middleware.testing.store_contract.case import a_request, a_run
from hitl_middleware.views import RunDetail

from tests.kit.models import call, says, script
from tests.kit.world import World

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def at(seconds: float) -> dt.datetime:
    """So many seconds after noon."""
    return NOON + dt.timedelta(seconds=seconds)


async def looked(world: World, run: Run) -> tuple[dict[str, Mark], Timeline, RunDetail]:
    """How the nodes of a run stand, its time line, and what is stored of it."""
    detail = await world.portal.run(world.views.run, run.id)
    history = (await look_back(world.reader, run.graph, run.thread_id)).of_run(detail.run)
    known = detail.run, detail.requests, detail.actions
    found = standing(await world.reader.shape(run.graph), history, *known)
    return dict(found.marks), timeline(history, world.clock.now(), *known), detail


def words(marks: dict[str, Mark]) -> dict[str, str]:
    """Nodes in words, without where it begins."""
    return {name: mark.words for name, mark in marks.items() if name != "__start__"}


class State(TypedDict, total=False):
    said: Any


def line(*names: str, **does: Any) -> StateGraph[Any]:
    """Nodes one after the other."""
    graph: StateGraph[Any] = StateGraph(State)
    for name in names:
        graph.add_node(name, does.get(name, lambda state: {"said": "x"}))
    for before, after in zip((START, *names), (*names, END), strict=True):
        graph.add_edge(before, after)
    return graph


def begin(world: World, graph: Any, thread: str = "t-1") -> Run:
    """A run of a graph that this world drives."""
    world.serve("g", graph.compile() if isinstance(graph, StateGraph) else graph)
    run = world.portal.call(world.callers.start, "g", {}, thread_id=thread)
    world.step()
    return run


def test_a_gated_call_waits_where_it_is_made(make_world, effects):
    """The node of the tools waits, with what is asked; an act of which nobody knows the end is marked there for good."""
    world = make_world()
    run = begin(world, world.agent([effects.pay_tool()], script(says(call("pay", amount=5)))))
    marks, bars, _ = asyncio.run(looked(world, run))
    assert words(marks) == {"model": "done", "tools": "waiting"}
    assert marks["tools"].note
    assert [bar.status for bar in bars.bars if bar.kind == "human"] == ["waiting"]

    def lose() -> None:
        raise OutcomeUnknown

    effects.then = lose
    world.decide(world.only())
    world.step()
    marks, bars, _ = asyncio.run(looked(world, run))
    assert marks["tools"].status == "unknown"
    assert "pay" in marks["tools"].note
    assert "unknown" in {bar.status for bar in bars.bars if bar.label == "tools"}


def test_a_static_breakpoint_holds_a_node(make_world):
    """What would run next waits, and says that it is a breakpoint; carried on, it is done."""
    world = make_world()
    run = begin(world, line("first", "second").compile(interrupt_before=["second"]))
    marks, _, _ = asyncio.run(looked(world, run))
    assert words(marks) == {"first": "done", "second": "waiting"}
    assert marks["second"].note == "held at a breakpoint"
    world.decide(world.only())
    world.step()
    marks, _, _ = asyncio.run(looked(world, run))
    assert words(marks) == {"first": "done", "second": "done", "__end__": "done"}


def test_a_run_that_failed(make_world):
    """The node that raised is marked with what it raised; nothing after it."""

    def breaks(state: State) -> State:
        msg = "it broke"
        raise ValueError(msg)

    world = make_world()
    run = begin(world, line("first", "second", "third", second=breaks))
    marks, bars, detail = asyncio.run(looked(world, run))
    assert detail.run.status == "failed"
    assert words(marks) == {"first": "done", "second": "failed"}
    assert "it broke" in marks["second"].note
    assert {bar.label: bar.status for bar in bars.bars} == {"first": "done", "second": "failed"}


def test_of_a_run_that_was_cancelled_nothing_is_due(make_world):
    """Where it stood is bare again; what it did stays done."""
    world = make_world()
    run = begin(world, line("first", "second").compile(interrupt_before=["second"]))
    world.decide(world.only(), "reject")
    world.step()
    marks, _, detail = asyncio.run(looked(world, run))
    assert detail.run.status == "cancelled"
    assert words(marks) == {"first": "done"}


def test_two_runs_on_a_thread_are_told_apart(make_world):
    """Each shows what it did itself."""
    world = make_world()
    graph = line("ask", ask=lambda state: {"said": interrupt("well?")})
    first = begin(world, graph)
    world.decide(world.only(), "respond", answer="a")
    world.step()
    second = world.portal.call(world.callers.start, "g", {}, thread_id="t-1")
    world.step()
    marks, _, _ = asyncio.run(looked(world, first))
    assert words(marks) == {"ask": "done", "__end__": "done"}
    marks, _, _ = asyncio.run(looked(world, second))
    assert words(marks) == {"ask": "waiting"}


def test_a_nodes_time_is_without_what_people_took():
    """Of ten seconds, six of them waiting, four are the node's; a wait elsewhere takes nothing from it."""
    asked = (PendingInterrupt(id="i1", value="?"),)
    ask, other = (
        Task(id="t1", name="ask", done=True, interrupts=asked),
        Task(id="t2", name="other", done=True),
    )
    before = Checkpoint(id="a", parent_id=None, at=at(0), step=0, tasks=(ask, other))
    after = Checkpoint(id="b", parent_id="a", at=at(10), step=1, ran=("ask", "other"))
    run = replace(a_run(), status="succeeded", created_at=at(0), updated_at=at(10))
    request = replace(
        a_request(run.id),
        interrupt_id="i1",
        checkpoint_ns="",
        status="answered",
        created_at=at(1),
        decided_at=at(7),
    )
    found = timeline(History(checkpoints=(after, before)), at(100), run, [request])
    spent = {
        label: sum((to - since).total_seconds() for since, to in map(found.span, bars))
        for label, bars in found.rows
    }
    assert spent == {"ask": 4, "other": 10}
    assert (found.waited, found.seconds) == (6, 10)


def test_without_a_history_there_is_what_is_stored():
    """A graph that cannot be read: the requests alone say when people were waited for, and where."""
    run = replace(a_run(), status="suspended", created_at=at(0))
    request = replace(a_request(run.id), status="pending", created_at=at(5), checkpoint_ns="inner:1|ask:2")
    nodes = (
        Node(id="inner", label="inner", kind="subgraph"),
        Node(id="inner:ask", label="ask", parent="inner"),
    )
    marks = standing(Diagram(nodes=nodes), History(), run, [request]).marks
    assert {name: mark.status for name, mark in marks.items()} == {"inner": "waiting", "inner:ask": "waiting"}
    assert timeline(History(), at(65), run, [request]).waited == 60
