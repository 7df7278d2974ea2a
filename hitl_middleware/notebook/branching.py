"""Forks for real: runs of the shared database, driven by whoever serves the graph.

A fork is a new act (DESIGN rule 3): each gated call is asked about again, before it happens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple

from hitl_middleware.gate.calls import LEASE_KEY
from hitl_middleware.hitl import Hitl
from hitl_middleware.ids import new_id
from hitl_middleware.notebook import copying, threads
from hitl_middleware.notebook.errors import CannotFork
from hitl_middleware.notebook.facts import Facts
from hitl_middleware.notebook.source import Source
from hitl_middleware.notebook.threads import Graph
from hitl_middleware.ports import Checkpoint
from hitl_middleware.records import Lease, Run
from hitl_middleware.review import is_final
from hitl_middleware.runs.local import RUN_KEY
from hitl_middleware.work import unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Where to begin, and with what. ``as_node``: whose update ``values`` are (LangGraph finds it by itself, mostly)."""

    at: Checkpoint
    newest: bool
    values: Mapping[str, Any] | None
    as_node: str | None


def real_fork(source: Source, graph: Graph, facts: Facts, wish: Wish, *, in_place: bool) -> Facts:
    """See ``OpenRun.fork``: the fork as it stands."""
    hitl, by = source.hitl, source.identity
    if not in_place:
        run = hitl.runs_portal.call(partial(_on_new_thread, hitl, graph, facts, wish, by=by))
        return source.look(replace(facts, run=run, stored=True))
    run, codes = hitl.runs_portal.call(partial(_in_place, hitl, graph, facts, wish, by=by))
    found = source.look(facts)
    said = f"Forked in place at step {facts.number(wish.at)}."
    said += f" Superseded: {', '.join(codes)}." if codes else ""
    if run.driver == "caller":
        said += " Your own program drives it: run the graph on this thread with None as its input."
    return replace(found, notes=(*found.notes, said))


async def items(graph: Graph, thread_id: str) -> Sequence[CheckpointTuple]:
    """All that is kept of a thread, as it is kept."""
    saver = threads.saver_of(graph)
    assert saver is not None  # noqa: S101 – a thread that is shown was read through one
    return await threads.asked(
        graph, partial(copying.listed, saver, thread_id), partial(copying.listed_sync, saver, thread_id)
    )


async def _on_new_thread(source: Hitl, graph: Graph, facts: Facts, wish: Wish, *, by: str) -> Run:
    """A new run on a new thread of the shared database; whoever serves the graph drives it on, and asks about every gated call."""
    found = copying.led_to(await items(graph, facts.run.thread_id), wish.at.id, begun=False)
    run = forked(facts.run, facts.run.thread_id, "fork", source, by=by)
    saver = threads.saver_of(graph)
    assert saver is not None  # noqa: S101 – as above
    await asyncio.to_thread(copying.put, saver, run, found)
    if wish.values is not None:
        await asyncio.to_thread(graph.update_state, place(run, wish.at.id), dict(wish.values), wish.as_node)
    await source.portal.run(enter, source, run, facts.run.id, "fork")
    return run


async def _in_place(
    source: Hitl, graph: Graph, facts: Facts, wish: Wish, *, by: str
) -> tuple[Run, tuple[str, ...]]:
    """The same thread, from an earlier checkpoint or with other values. What it asks now is superseded, and says so; codes of that.

    Under the run's lease, like whatever else is written for a run. Raises ``CannotFork`` where a process drives it.
    """
    run, lease = await source.portal.run(_hold, source, facts)
    try:
        handed = {"run": lease.run_id, "fence": lease.fence}
        config = place(run, wish.at.id)
        config["configurable"][LEASE_KEY] = handed
        # Also without values: the copy is the newest checkpoint then, and that is what makes it a fork.
        values, node = (None, "__copy__") if wish.values is None else (dict(wish.values), wish.as_node)
        await asyncio.to_thread(graph.update_state, config, values, node)
    except BaseException:
        await source.portal.run(_let_go, source, lease)
        raise
    codes = await source.portal.run(_leave, source, run, lease, wish.at, by)
    return run, codes


async def _hold(source: Hitl, facts: Facts) -> tuple[Run, Lease]:
    async with unit(source.store, source.dispatcher) as work:
        run = await work.uow.run(facts.run.id, lock=True)
        if run is None:
            raise CannotFork(why="it is not in the database. Fork it on a new thread.")
        if is_final("run", run.status):
            raise CannotFork(
                why=f"it has {run.status}, and what is over stays as it was. Fork it on a new thread."
            )
        lease = await work.uow.acquire_lease(run.id, source.owner, source.settings.lease_seconds)
        if lease is None:
            raise CannotFork(
                why=f"{run.lease_owner} drives it just now. Try again when it has stopped, or fork it on a new thread."
            )
        return run, lease


async def _let_go(source: Hitl, lease: Lease) -> None:
    async with source.store.begin() as uow:
        await uow.release_lease(lease)


async def _leave(source: Hitl, run: Run, lease: Lease, at: Checkpoint, by: str) -> tuple[str, ...]:
    """Take back what was asked on the way that is left, and have the run looked at."""
    why = f"The run was forked by {by} at step {at.step}: it does not go on from this question"
    async with unit(source.store, source.dispatcher) as work:
        await work.uow.run(run.id, lock=True)
        asked = await work.uow.requests_of_run(run.id)
        await source.desk.take_back(work, run.id, why)
        await work.audit("run.forked", by, via="notebook", run=run, checkpoint=at.id, in_place=True)
        await work.want(run.id)
        await work.uow.release_lease(lease)
    return tuple(request.code for request in asked if request.status == "pending")


async def enter(source: Hitl, run: Run, of: str, how: str) -> None:
    """Store a fork as a run; ``advance`` looks at it at once. On the store's loop."""
    async with unit(source.store, source.dispatcher) as work:
        await work.uow.add_run(run)
        await work.audit(
            "run.forked", run.started_by or "hitl", via="notebook", run=run, forked_from=of, how=how
        )
        work.wake("run", run.id, run.graph)


def forked(run: Run, thread_id: str, how: str, hitl: Hitl, *, by: str | None = None) -> Run:
    """The fork as a run that stands at its checkpoint: ``advance`` looks where that is, asks, or carries on."""
    now, id_ = hitl.clock.now(), new_id()
    return Run(
        id=id_,
        thread_id=f"{thread_id}~{how}-{id_[-6:]}",
        graph=run.graph,
        status="suspended",
        driver="hitl",
        created_at=now,
        updated_at=now,
        requester=run.requester,
        started_by=by or run.started_by,
        labels=dict(run.labels),
    )


def place(run: Run, checkpoint_id: str) -> RunnableConfig:
    """The config of a checkpoint; what is written there bears the run's name, so that it is known to have begun."""
    configurable = {"thread_id": run.thread_id, "checkpoint_ns": "", "checkpoint_id": checkpoint_id}
    return {"configurable": configurable, "metadata": {RUN_KEY: run.id}}
