"""Databases that fail under a graph: those of the saver are waited for, a node's own are the node's error."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.memory import InMemorySaver

from hitl_middleware.hitl import Graph
from hitl_middleware.runs.advance import MAX_TRANSIENT

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World

LOOK = says(call("look", what="it"))


class BusySaver(InMemorySaver):
    """A saver whose database is locked for the next ``busy`` checkpoints, or fails as ``how``."""

    busy = 0
    how: Exception = sqlite3.OperationalError("database is locked")

    def put(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As the base class, when it is not busy."""
        if self.busy:
            self.busy -= 1
            raise self.how
        return super().put(config, checkpoint, metadata, new_versions)


@pytest.fixture
def saver() -> BusySaver:
    """Not busy yet."""
    return BusySaver()


@pytest.fixture
def graph(quick: World, effects: Effects, saver: BusySaver) -> Graph:
    """One turn with one look, on that saver."""
    graph = quick.agent([effects.look_tool()], script(LOOK), checkpointer=saver)
    quick.graphs.add("a", graph)
    return graph


@pytest.mark.parametrize(
    "how",
    [BusySaver.how, psycopg.errors.AdminShutdown("terminating connection")],
    ids=["locked", "shut down"],
)
def test_a_saver_that_is_busy_is_waited_for(
    quick: World, effects: Effects, graph: Graph, saver: BusySaver, how: Exception
) -> None:
    """DESIGN §1: the run is left as it is and looked at again; it ends well when the database answers."""
    saver.busy, saver.how = 3, how
    run = quick.begin_run("a", asks())
    assert quick.run_now(run).status == "succeeded"
    assert effects.done == ["look it"]


def test_a_saver_that_stays_away_ends_the_run(
    quick: World, effects: Effects, graph: Graph, saver: BusySaver
) -> None:
    """E-04: not for ever: after a while the run fails and says why."""
    saver.busy = 10_000
    run = quick.begin_run("a", asks())
    assert quick.run_now(run).status == "failed"
    assert quick.run_now(run).error == "OperationalError: database is locked"
    assert 10_000 - saver.busy == MAX_TRANSIENT + 1


def test_an_earlier_stumble_does_not_count_for_ever(
    quick: World, effects: Effects, graph: Graph, saver: BusySaver
) -> None:
    """DESIGN §1: what went well in between starts the count anew."""
    for _ in range(3):
        saver.busy = MAX_TRANSIENT - 1
        run = quick.begin_run("a", asks())
        assert quick.run_now(run).status == "succeeded"


def test_a_nodes_own_database_is_its_own_affair(quick: World, effects: Effects, graph: Graph) -> None:
    """DESIGN §1: a tool whose own table is missing fails its run at once; what it did is not done again every second."""

    def fail() -> None:
        msg = "no such table: mine"
        raise sqlite3.OperationalError(msg)

    effects.then = fail
    run = quick.begin_run("a", asks())
    assert effects.done == ["look it"]
    assert quick.run_now(run).status == "failed"
    assert quick.run_now(run).error == "OperationalError: no such table: mine"
