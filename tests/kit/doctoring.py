"""What tests of the doctor share: a graph that asks, runs as they may have been left, and what is found and healed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

from hitl_middleware.diagnosis import Finding, Healer, examine
from hitl_middleware.hitl import Graph
from hitl_middleware.ids import new_id
from hitl_middleware.records import Lease, Run
from hitl_middleware.review import RunStatus

from tests.kit.world import World


class Asked(TypedDict, total=False):
    """What people said."""

    colour: Any
    size: Any


def asking(saver: BaseCheckpointSaver[Any]) -> Graph:
    """A graph that asks two plain questions, one after the other."""

    def colour(state: Asked) -> Asked:
        return {"colour": interrupt("Which colour?")}

    def size(state: Asked) -> Asked:
        return {"size": interrupt("Which size?")}

    builder = StateGraph(Asked)
    builder.add_node("colour", colour)
    builder.add_node("size", size)
    builder.add_edge(START, "colour")
    builder.add_edge("colour", "size")
    builder.add_edge("size", END)
    return builder.compile(checkpointer=saver)


def found(world: World) -> list[Finding]:
    """What the doctor finds."""
    seconds = world.settings.lease_seconds
    return list(world.portal.call(examine, world.store, world.graphs, seconds=seconds).findings)


def only(world: World) -> tuple[str, list[str]]:
    """The one finding: its kind and whom it concerns."""
    (finding,) = found(world)
    return finding.check, list(finding.ids)


def heal(world: World) -> list[str]:
    """Heal all that can be; the ids that were."""
    healer = Healer(world.store, world.desk, world.ledger, world.graphs, world.holdings, world.dispatcher)
    return [key for finding in found(world) for key in world.portal.call(healer.heal, finding)]


def rested(world: World, thread: str, *, status: RunStatus = "suspended", **facts: Any) -> Run:
    """The record of a run of ``poll`` at which nothing is left to look at."""

    async def store() -> Run:
        async with world.store.begin() as uow:
            now = await uow.now()
            run = Run(
                id=new_id(), thread_id=thread, graph="poll", status=status, driver="hitl", created_at=now,
                updated_at=now, wanted=1, seen=1,
            )  # fmt: skip
            assert await uow.add_run(replace(run, **facts))
            return replace(run, **facts)

    return world.portal.call(store)


async def look_at_everything(world: World) -> None:
    """As if every sweep had seen all there is to see."""
    async with world.store.begin() as uow:
        for run in (await uow.list_runs()).items:
            await uow.leave_run(Lease(run.id, "", run.fence), run.status, seen=run.wanted, error=run.error)
