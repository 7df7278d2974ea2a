"""The tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Protocol

import pytest

from hitl_middleware.clock import SystemClock
from hitl_middleware.errors import AnswerRefused, HitlError
from hitl_middleware.ids import new_id
from hitl_middleware.ports import GraphReader, GraphRuns
from hitl_middleware.records import Lease, PendingInterrupt, Run
from hitl_middleware.runs.history.back import look_back
from hitl_middleware.runs.history.picture import standing
from hitl_middleware.runs.standing import refused, waiting
from hitl_middleware.testing.runs_contract.graphs import COLOUR, GRAPHS


class RunsWorld(Protocol):
    """A way of running graphs that serves the graphs of the contract."""

    @property
    def runs(self) -> GraphRuns:
        """The way under test."""

    @property
    def reader(self) -> GraphReader:
        """The way of reading that belongs to it."""

    async def values(self, run: Run) -> Mapping[str, Any]:
        """The state of the run's thread."""


class RunsContract:
    """Every run here is on a thread whose name is no UUID: ours are called after conversations and issues."""

    async def test_a_run_asks_is_answered_and_ends(self, world: RunsWorld) -> None:
        """Not begun, then a question by its id, then the end; the gate finds the lease under which it was driven (O-09)."""
        run, lease = a_run("asks", {"given": "a wall"})
        assert not (await world.runs.look(run)).started
        await world.runs.start(run, lease)
        snapshot = await world.runs.look(run)
        assert (snapshot.started, snapshot.finished, snapshot.breakpoint) == (True, False, None)
        (asked,) = snapshot.interrupts
        assert (asked.value, asked.response_schema, asked.raised) == (COLOUR, None, None)
        later = replace(lease, fence=lease.fence + 1)
        await world.runs.resume(run, later, {asked.id: "blue"})
        snapshot = await world.runs.look(run)
        assert (snapshot.started, snapshot.finished, snapshot.interrupts) == (True, True, ())
        given, answer, handed = (await world.values(run))["seen"]
        assert (given, answer) == ("a wall", "blue")
        assert {"run": handed["run"], "fence": handed["fence"]} == {"run": run.id, "fence": later.fence}
        following, _ = a_run("asks", thread=run.thread_id)
        assert not (await world.runs.look(following)).started, "what was done there was another run"

    async def test_each_question_of_several_is_answered_by_its_id(self, world: RunsWorld) -> None:
        """Three steps ask at once, one in a subgraph: two are answered together, and the third goes on asking, as it did (G-16)."""
        run, lease = a_run("parallel")
        await world.runs.start(run, lease)
        asked = {item.value: item.id for item in (await world.runs.look(run)).interrupts}
        assert sorted(asked) == ["inner", "left", "right"]
        await world.runs.resume(run, lease, {asked["left"]: "L", asked["inner"]: "I"})
        (left,) = (await world.runs.look(run)).interrupts
        assert (left.id, left.value) == (asked["right"], "right")
        await world.runs.resume(run, lease, {left.id: "R"})
        assert (await world.runs.look(run)).finished
        assert sorted((await world.values(run))["seen"]) == ["I", "L", "R"]

    async def test_a_late_answer_is_not_taken_for_the_next_questions(self, world: RunsWorld) -> None:
        """In a loop each round asks under an id of its own, and what arrives twice answers nothing (S-10)."""
        run, lease = a_run("loops")
        await world.runs.start(run, lease)
        first = await the_question(world, run)
        await world.runs.resume(run, lease, {first.id: "again"})
        second = await the_question(world, run)
        assert second.id != first.id
        await world.runs.resume(run, lease, {first.id: "again"})
        assert (await the_question(world, run)).id == second.id
        await world.runs.resume(run, lease, {second.id: "enough"})
        assert (await world.runs.look(run)).finished
        assert (await world.values(run))["seen"] == ["again", "enough"]

    async def test_a_breakpoint_holds_the_run_until_it_is_carried_on(self, world: RunsWorld) -> None:
        """After a node and before one; each is a place of its own, so that each is asked about (E-03)."""
        run, lease = a_run("held")
        await world.runs.start(run, lease)
        after = await world.runs.look(run)
        assert (after.started, after.finished, after.interrupts) == (True, False, ())
        await world.runs.carry_on(run, lease)
        before = await world.runs.look(run)
        assert None not in {after.breakpoint, before.breakpoint}
        assert after.breakpoint != before.breakpoint
        assert (await world.values(run))["seen"] == ["first", "second"]
        await world.runs.carry_on(run, lease)
        assert (await world.runs.look(run)).finished

    async def test_what_a_graph_raises_is_raised(self, world: RunsWorld) -> None:
        """Its words reach whoever drives. A step that failed when it was answered asks no more (S-09)."""
        run, lease = a_run("fails")
        await world.runs.start(run, lease)
        asked = await the_question(world, run)
        with pytest.raises(Exception, match="it broke: gladly"):
            await world.runs.resume(run, lease, {asked.id: "gladly"})
        snapshot = await world.runs.look(run)
        assert (snapshot.finished, refused(snapshot), waiting(snapshot).interrupts) == (False, [], ())
        assert snapshot.breakpoint is None

    async def test_an_answer_of_the_wrong_form_is_refused(self, world: RunsWorld) -> None:
        """``AnswerRefused``; the question stays, under its id, with its schema, and the right answer is taken (S-13)."""
        run, lease = a_run("typed")
        await world.runs.start(run, lease)
        asked = await the_question(world, run)
        assert asked.response_schema is not None
        assert asked.response_schema["properties"]["red"]["type"] == "integer"
        with pytest.raises(AnswerRefused):
            await world.runs.resume(run, lease, {asked.id: {"red": "very"}})
        snapshot = waiting(await world.runs.look(run))
        assert [item.id for item in snapshot.interrupts] == [asked.id]
        await world.runs.resume(run, lease, {asked.id: {"red": 7}})
        assert (await world.runs.look(run)).finished
        assert (await world.values(run))["seen"] == [{"red": 7}]

    async def test_a_run_finds_its_thread_in_order(self, world: RunsWorld) -> None:
        """A run that ended at a question leaves a tool call that nobody answered; the next one's model must not see it so (S-16)."""
        run, lease = a_run("calls", {"messages": [{"role": "user", "content": "loudly"}]})
        await world.runs.start(run, lease)
        await the_question(world, run)
        following, lease = a_run(
            "calls", {"messages": [{"role": "user", "content": "quietly"}]}, thread=run.thread_id
        )
        assert not (await world.runs.look(following)).started
        await world.runs.start(following, lease)
        assert (await world.runs.look(following)).finished
        history = (await world.values(following))["messages"]
        kinds = [message["type"] if isinstance(message, Mapping) else message.type for message in history]
        assert kinds == ["human", "ai", "tool", "human", "ai"]

    async def test_an_answer_that_is_none_can_be_taken_back(self, world: RunsWorld) -> None:
        """A thread that raises for ever is seen to, and asks again; what was done before stays done (E-03)."""
        run, lease = a_run("wedges")
        await world.runs.start(run, lease)
        asked = await the_question(world, run)
        with pytest.raises(Exception, match="decisions"):
            await world.runs.resume(run, lease, {asked.id: {"nonsense": True}})
        (stuck,) = refused(await world.runs.look(run))
        assert await world.runs.take_anew(run, lease, stuck.id)
        await world.runs.carry_on(run, lease)
        again = await the_question(world, run)
        assert again.value == asked.value
        await world.runs.resume(run, lease, {again.id: {"decisions": [{"type": "approve"}]}})
        assert (await world.runs.look(run)).finished
        assert (await world.values(run))["seen"] == ["begun", ["approve"]]

    async def test_a_graph_that_is_not_there_is_said_to_be_none(self, world: RunsWorld) -> None:
        """The sentence names it; nothing was begun (E-04)."""
        assert set(GRAPHS) <= set(world.runs.graphs())
        run, lease = a_run("no-such-graph")
        with pytest.raises(HitlError, match="no-such-graph"):
            await world.runs.start(run, lease)

    async def test_what_a_graph_looks_like(self, world: RunsWorld) -> None:
        """Nodes and edges, with those of a graph inside under its name; what is chosen is told from what always follows (N-01)."""
        shape = await world.reader.shape("parallel")
        kinds = {node.id: (node.kind, node.parent) for node in shape.nodes}
        assert kinds["__start__"] == ("start", None)
        assert kinds["left"] == ("step", None)
        assert kinds["inner"] == ("subgraph", None)
        assert kinds["inner:deep"] == ("step", "inner")
        assert {edge.target for edge in shape.edges if edge.source == "__start__"} >= {"left", "right"}
        loops = {
            (edge.source, edge.target): edge.conditional for edge in (await world.reader.shape("loops")).edges
        }
        assert loops == {("__start__", "ask"): False, ("ask", "ask"): True, ("ask", "__end__"): True}
        with pytest.raises(HitlError, match="nowhere"):
            await world.reader.shape("nowhere")

    async def test_what_a_run_has_kept(self, world: RunsWorld) -> None:
        """Checkpoints, the newest first, each with what ran, what is due, what it asks and its state as JSON; whose run wrote it (N-02)."""
        run, lease = a_run("calls", {"messages": [{"role": "user", "content": "loudly"}]})
        assert await world.reader.checkpoints("calls", run.thread_id) == ()
        await world.runs.start(run, lease)
        asked = await the_question(world, run)
        newest, begun, given = await world.reader.checkpoints("calls", run.thread_id)
        assert (newest.parent_id, begun.parent_id, given.source) == (begun.id, given.id, "input")
        assert (newest.ran, newest.next, begun.next) == (("model",), ("tools",), ())
        assert [(task.name, task.done) for task in begun.tasks] == [("model", True)]
        assert [(item.id, item.value) for item in newest.interrupts] == [(asked.id, "May I look?")]
        assert [message["type"] for message in newest.values["messages"]] == ["human", "ai"]
        assert newest.values["messages"][0]["content"] == "loudly"
        assert {each.run_id for each in (newest, begun)} == {run.id}
        assert begun.at <= newest.at
        await world.runs.resume(run, lease, {asked.id: "yes"})
        (last,) = await world.reader.checkpoints("calls", run.thread_id, limit=1)
        assert (last.ran, last.tasks, last.parent_id) == (("tools",), (), newest.id)

    async def test_what_waits_inside_is_found(self, world: RunsWorld) -> None:
        """Of three steps that ask at once, the one in a subgraph is found there; what is done meanwhile is told from what waits (N-01)."""
        run, lease = a_run("parallel")
        await world.runs.start(run, lease)
        asked = {item.value: item.id for item in (await world.runs.look(run)).interrupts}
        await world.runs.resume(run, lease, {asked["left"]: "L"})
        history = await look_back(world.reader, "parallel", run.thread_id)
        marks = standing(
            await world.reader.shape("parallel"), history, replace(run, status="suspended")
        ).marks
        assert {node: mark.status for node, mark in marks.items() if node != "__start__"} == {
            "left": "done",
            "right": "waiting",
            "inner": "waiting",
            "inner:deep": "waiting",
            **{node: "done" for node in marks if node == "inner:__start__"},
        }


def a_run(graph: str, given: Any = None, *, thread: str | None = None) -> tuple[Run, Lease]:
    """A run that has not begun, and the lease to drive it under."""
    run_id, now = new_id(), SystemClock().now()
    run = Run(
        id=run_id,
        thread_id=thread or f"acme/shop#{run_id}",
        graph=graph,
        status="running",
        driver="hitl",
        created_at=now,
        updated_at=now,
        input={} if given is None else given,
    )
    return run, Lease(run_id, "the contract", 1)


async def the_question(world: RunsWorld, run: Run) -> PendingInterrupt:
    """The one question that waits."""
    (asked,) = waiting(await world.runs.look(run)).interrupts
    return asked
