"""Suspended runs about which nobody was asked: the sweep finds them by itself, whatever has become of their request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import structlog
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from hitl_middleware.hitl import Graph
from hitl_middleware.ids import new_id
from hitl_middleware.records import Driver, Run
from hitl_middleware.runs.advance import NO_THREAD
from hitl_middleware.runs.recall import MOST_RECALLED, RECALL_SECONDS

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, on


class Asked(TypedDict, total=False):
    """What the person said."""

    colour: Any


def asking(world: World, done: list[str] | None = None) -> Graph:
    """A graph that asks one plain question. ``done``: what it did before that."""

    def ask(state: Asked) -> Asked:
        if done is not None:
            done.append("asked")
        return {"colour": interrupt("Which colour?")}

    builder = StateGraph(Asked)
    builder.add_node("ask", ask)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", END)
    return builder.compile(checkpointer=world.checkpointer())


def parked(world: World, graph: Graph, thread: str, given: Any) -> Run:
    """A run as an older version may have left it: its thread stands at a question, nothing is wanted, nobody was asked."""
    graph.invoke(given, on(thread))
    return rested(world, thread)


def rested(world: World, thread: str, *, driver: Driver = "hitl") -> Run:
    """The record of such a run."""

    async def store() -> Run:
        async with world.store.begin() as uow:
            now = await uow.now()
            run = Run(
                id=new_id(), thread_id=thread, graph="a", status="suspended", driver=driver, created_at=now,
                updated_at=now, wanted=3, seen=3,
            )  # fmt: skip
            assert await uow.add_run(run)
            return run

    return world.portal.call(store)


def test_a_step_that_nobody_was_asked_about_is_asked(world: World) -> None:
    """G-15: the first sweep of a process files the request of a suspended run that has none; it is decided like any other."""
    graph = asking(world)
    world.serve("a", graph)
    run = parked(world, graph, "t-1", {})
    world.step()
    request = world.only()
    assert (request.run_id, request.title) == (run.id, "Which colour?")
    world.decide(request, "respond", answer="red")
    world.step()
    assert world.run_now(run).status == "succeeded"
    assert graph.get_state(on("t-1")).values == {"colour": "red"}


def test_a_call_that_nobody_was_asked_about_is_asked(world: World, effects: Effects) -> None:
    """G-15: the same for a gated call, which is performed once, after it was approved."""
    graph = world.agent([effects.pay_tool()], script(says(call("pay", amount=7))))
    world.serve("a", graph)
    parked(world, graph, "t-1", asks())
    world.step()
    assert effects.done == []
    world.decide(world.only())
    world.step()
    assert effects.done == [7]


def test_it_looks_now_and_then(world: World) -> None:
    """What parks so later is found within ``RECALL_SECONDS``; a sweep in between costs nothing."""
    graph = asking(world)
    world.serve("a", graph)
    world.step()
    parked(world, graph, "t-1", {})
    world.step()
    assert world.pending() == []
    world.wait(RECALL_SECONDS)
    world.step()
    assert world.only().thread_id == "t-1"


@pytest.mark.databases("memory")
def test_hopeless_runs_keep_nobody_waiting(world: World) -> None:
    """More than are looked at at a time, none of which can be mended here: those behind them get their turn."""
    graph = asking(world)
    world.serve("a", graph)
    for number in range(MOST_RECALLED):
        rested(world, f"t-{number:04}", driver="caller")  # its program has its thread, and may come again
    parked(world, graph, "u-1", {})
    world.step()
    assert world.pending() == []
    world.wait(RECALL_SECONDS)
    world.step()
    assert world.only().thread_id == "u-1"


def test_a_run_whose_thread_is_gone_is_not_begun_anew(world: World) -> None:
    """DESIGN §2.2: what it did before is not done again: it fails with a sentence, and whoever waits on its thread goes on."""
    done: list[str] = []
    world.serve("a", asking(world, done))
    run = rested(world, "t-1")
    world.step()
    assert done == []
    assert (world.run_now(run).status, world.run_now(run).error) == ("failed", NO_THREAD)


def test_who_was_asked_is_left_alone(make_world: Callable[..., World], url: str) -> None:
    """A run whose request waits is not looked at again and again: its record stays as it was."""
    world = make_world(url)
    world.serve("a", asking(world))
    run = world.begin_run("a", {})
    before = world.run_now(run)
    for _ in range(3):
        world.wait(RECALL_SECONDS)
        with structlog.testing.capture_logs() as logs:
            world.step()
        assert logs == []
    assert world.run_now(run) == before
