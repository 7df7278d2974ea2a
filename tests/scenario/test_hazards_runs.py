"""Runs that look alike from the checkpoint: finished, parked, live, crashed – and whose they are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command

from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import ThreadBusy

from tests.kit.dying import KILLED, in_process, park_and_die, start_and_die, world_at
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import LEASE, World, on, told

LOOK = says(call("look", what="it"))


def test_a_crashed_run_of_ours_is_continued(url: str, clock: ManualClock, tmp_path: Path) -> None:
    """DESIGN §1: its process was killed in the middle; once its lease has run out by database time it goes on, and ends."""
    book = tmp_path / "done"
    assert in_process(start_and_die, url, clock.now(), str(book), "t-1", False) == KILLED
    world, effects = world_at(url, clock.now(), str(book), turn="look")
    (run,) = world.runs()
    world.step()
    world.advance_run(run.id)
    assert (world.run_now(run).status, effects.done) == ("running", []), (
        "its owner may be alive: the lease says so"
    )

    world.wait(LEASE + 1)
    world.step()

    assert world.run_now(run).status == "succeeded"
    assert effects.done == ["look it"]
    assert len(told(world.graphs._graphs["a"])) == 1
    world.stop()


def test_a_crashed_run_of_the_caller_is_never_continued(url: str, clock: ManualClock, tmp_path: Path) -> None:
    """DESIGN §1: the user's own process died; its graph is its own affair, we wait for it to come again – and let it."""
    book = tmp_path / "done"
    assert in_process(start_and_die, url, clock.now(), str(book), "t-1", True) == KILLED
    world, effects = world_at(url, clock.now(), str(book), turn="look")
    for _ in range(5):
        world.wait(LEASE + 1)
        world.step()
        world.advance_run(world.runs()[0].id)
    assert (world.runs()[0].status, effects.done) == ("running", [])

    graph = world.attach(world.agent([effects.look_tool()], script(LOOK)), "a")
    graph.invoke(None, on())

    assert effects.done == ["look it"]
    assert [run.status for run in world.runs()] == ["succeeded"]
    world.stop()


def test_a_parked_run_whose_caller_died_before_filing_gets_its_request(
    url: str, clock: ManualClock, tmp_path: Path
) -> None:
    """G-15: killed between "parked, durably" and "stored": the sweep finds the question and files it; it is decided and carried out."""
    book = tmp_path / "done"
    assert in_process(park_and_die, url, clock.now(), str(book), "t-1") == KILLED
    world, effects = world_at(url, clock.now(), str(book))
    assert world.requests() == []
    world.wait(LEASE + 1)
    world.step()
    world.decide(world.only())
    world.step()

    assert effects.done == [7]
    assert world.runs()[0].status == "succeeded"
    world.stop()


def test_a_live_run_is_not_entered_beside_its_owner(
    make_world: Callable[..., World], url: str, effects: Effects
) -> None:
    """DESIGN §6: ``ainvoke(None)`` beside a live one runs the node twice; a renewed lease keeps every other process out."""
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        inside.set()
        leave.wait(20)

    effects.first = stay
    first, second = make_world(url), make_world(url)
    for one in (first, second):
        one.serve("a", one.agent([effects.look_tool()], script(LOOK)))
    driving = threading.Thread(target=first.begin_run, args=("a", asks()))
    driving.start()
    assert inside.wait(20)
    (run,) = second.runs()
    for _ in range(6):
        first.beat()
        first.wait(LEASE / 2)
        second.step()
        second.advance_run(run.id)
    leave.set()
    driving.join(20)

    assert effects.done == ["look it"]
    assert second.run_now(run).status == "succeeded"


def test_callers_of_a_live_thread_are_told(
    make_world: Callable[..., World], url: str, effects: Effects
) -> None:
    """E-04: a thread that another process runs is not entered by a caller either; after three leases it is told who has it."""
    inside, leave = threading.Event(), threading.Event()

    def stay() -> None:
        inside.set()
        leave.wait(20)

    effects.first = stay
    first, second = make_world(url), make_world(url)
    graphs = [one.attach(one.agent([effects.look_tool()], script(LOOK)), "a") for one in (first, second)]
    running = threading.Thread(target=graphs[0].invoke, args=(asks(), on()))
    running.start()
    assert inside.wait(20)
    refused: list[BaseException] = []

    def call_it() -> None:
        try:
            graphs[1].invoke(asks(), on())
        except ThreadBusy as busy:
            refused.append(busy)

    calling = threading.Thread(target=call_it)
    calling.start()
    while calling.is_alive():
        first.beat()
        first.wait(LEASE / 2)
        calling.join(0.02)
    leave.set()
    running.join(20)

    assert effects.done == ["look it"]
    assert first.owner in str(refused[0])


class PowerCut(BaseException):
    """The process ends here, as far as the graph can tell."""


class CutSaver(InMemorySaver):
    """Loses power between what a step wrote and the checkpoint that would have said so: there ``next`` is empty and work is left."""

    def __init__(self) -> None:
        super().__init__()
        self.cut_at: int | None = None

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As the base class, until the cut."""
        if metadata.get("step") == self.cut_at:
            self.cut_at = None
            raise PowerCut
        return super().put(config, checkpoint, metadata, new_versions)


def test_next_empty_is_not_taken_for_finished(quick: World) -> None:
    """DESIGN §6: after a crash 8 % of threads looked done and were stuck; finished is "no task left"."""
    reached: list[str] = []

    def node(name: str) -> Any:
        def work(state: MessagesState) -> dict[str, Any]:
            reached.append(name)
            return {}

        return work

    saver = CutSaver()
    builder = StateGraph(MessagesState)
    for name in ("one", "two", "three"):
        builder.add_node(name, node(name))
    builder.add_edge(START, "one")
    builder.add_edge("one", "two")
    builder.add_edge("two", "three")
    graph = builder.compile(checkpointer=saver)
    quick.serve("a", graph)
    quick.graphs.add("a", graph)  # with the saver that fails
    saver.cut_at = 2
    run = quick.portal.call(quick.start_run, "a", asks())
    with pytest.raises(PowerCut):
        quick.advance_run(run.id)
    state = graph.get_state(on(run.thread_id))
    assert (state.next, bool(state.tasks)) == ((), True), "the very state that misleads"

    quick.step()

    assert reached == ["one", "two", "three"]
    assert quick.run_now(run).status == "succeeded"


def test_an_error_of_the_graph_ends_the_run_and_says_so(quick: World, effects: Effects) -> None:
    """E-04: whatever a graph raises ends its run, visibly; what people were asked is taken back."""

    def fail() -> None:
        msg = "model is gone"
        raise RuntimeError(msg)

    effects.first = fail
    quick.serve("a", quick.agent([effects.look_tool()], script(LOOK)))
    run = quick.begin_run("a", asks())

    assert quick.run_now(run).status == "failed"
    assert quick.run_now(run).error == "RuntimeError: model is gone"


def test_a_caller_that_breaks_off_loses_no_decision(world: World, effects: Effects) -> None:
    """DESIGN §1: Ctrl-C in one of two approved acts: that one is unknown and asked about; the other is still carried out."""
    two = says(call("pay", "k1", amount=1), call("pay", "k2", amount=2))
    graph = world.attach(world.agent([effects.pay_tool()], script(two)), "a")
    graph.invoke(asks(), on())
    one, other = world.pending()
    world.decide(one)

    def interrupt() -> None:
        raise KeyboardInterrupt

    effects.then = interrupt
    with pytest.raises(KeyboardInterrupt):
        graph.invoke(Command(resume={one.interrupt_id: {"type": "approve"}}), on())
    effects.then = None
    world.step()
    assert world.runs()[0].status == "suspended"
    world.decide(other)
    world.step()

    assert sorted(effects.done) == [1, 2]
    assert sorted(action.status for action in world.actions()) == ["succeeded", "unknown"]
    world.say(next(a for a in world.actions() if a.status == "unknown"), "done")
    world.step()
    assert sorted(effects.done) == [1, 2]
    assert world.runs()[0].status == "succeeded"
