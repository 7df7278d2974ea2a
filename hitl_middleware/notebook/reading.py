"""From the store and a thread's saver to ``Facts``: one look, redacted here and nowhere else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from hitl_middleware.drawing import Diagram
from hitl_middleware.errors import HitlError
from hitl_middleware.hitl import Hitl
from hitl_middleware.notebook import threads
from hitl_middleware.notebook.facts import Dry, Facts
from hitl_middleware.notebook.hiding import Hidden, hide
from hitl_middleware.notebook.threads import Graph
from hitl_middleware.ports import GraphReader
from hitl_middleware.records import Action, AuditEvent, ReviewRequest, Run, Submission
from hitl_middleware.redaction import hide_action, hide_request, hide_submission
from hitl_middleware.review import RunStatus, is_final
from hitl_middleware.runs.history.kept import History

MOST_EVENTS = 2_000
MOST_UNSEALED = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What the database has of a run, as it is there. ``requests`` and ``actions``: of this run."""

    run: Run
    at: dt.datetime
    requests: Sequence[ReviewRequest] = ()
    actions: Sequence[Action] = ()
    submissions: Sequence[Submission] = ()
    trail: Sequence[AuditEvent] = ()
    others: Sequence[ReviewRequest] = field(default=())
    """Requests of other runs on the same thread: what their policies hide is in the thread's state, too."""


async def stored(hitl: Hitl, run: Run) -> Stored:
    """Read in one transaction. On the store's loop."""
    async with hitl.store.read() as uow:
        current = await uow.run(run.id) or run
        of_thread = await uow.requests_of_thread(run.thread_id)
        requests = [request for request in of_thread if request.run_id == run.id]
        trail = [*await uow.list_audit(run_id=run.id, limit=MOST_EVENTS)]
        trail += [event for event in await uow.unsealed(MOST_UNSEALED) if event.run_id == run.id]
        return Stored(
            run=current,
            at=await uow.now(),
            requests=requests,
            actions=await uow.actions_of_run(run.id),
            submissions=await uow.submissions_of([request.id for request in requests]),
            trail=trail,
            others=[request for request in of_thread if request.run_id != run.id],
        )


async def listed(hitl: Hitl, runs: Sequence[Run]) -> Sequence[Facts]:
    """What the database alone says of several runs, for lists. On the store's loop."""
    async with hitl.store.read() as uow:
        at = await uow.now()
        return [
            Facts(
                run=replace(run, input=None),
                at=at,
                lease_seconds=hitl.settings.lease_seconds,
                held=run.lease_until is not None and run.lease_until > at,
                requests=tuple(hide_request(request) for request in await uow.requests_of_run(run.id)),
                actions=tuple(hide_action(action) for action in await uow.actions_of_run(run.id)),
            )
            for run in runs
        ]


async def look(
    hitl: Hitl,
    run: Run,
    graph: Graph | None,
    *,
    known: bool,
    notes: Sequence[str] = (),
    dry: Dry | None = None,
    reader: GraphReader | None = None,
) -> Facts:
    """A run and its thread as they are now. ``known``: the run is in the database. What cannot be read is told in ``notes``.

    ``reader``: who reads its thread, where its graph lives elsewhere.
    """
    now = hitl.clock.now()
    base = await hitl.portal.run(stored, hitl, run) if known else Stored(run=run, at=now)
    said, history, diagram = list(notes), History(), None
    if graph is not None or reader is not None:
        plans = [each.plan for each in base.actions] + [each.plan for each in (*base.requests, *base.others)]
        history, diagram, why = await _thread(
            hitl, graph, reader, run, {name for plan in plans for name in plan.redact}
        )
        said += why
    if not known:
        base = replace(base, run=_of_thread(run, history))
    rules, redact = threads.rules(graph) if graph is not None else ((), {})
    hidden = Hidden.of(redact, base.actions, (*base.requests, *base.others))
    mine = _shown_history(history.of_run(base.run) if known else history, hidden)
    if mine.cut:
        said.append(
            f"Only its newest {len(mine.checkpoints)} checkpoints are shown; step 0 is the oldest of these."
        )
    facts = Facts(
        run=replace(base.run, error=hidden.text(base.run.error) if base.run.error else None, input=None),
        at=base.at,
        lease_seconds=hitl.settings.lease_seconds,
        stored=known,
        held=base.run.lease_until is not None and base.run.lease_until > base.at,
        requests=tuple(hide_request(request) for request in base.requests),
        actions=tuple(_shown(hide_action(action), hidden) for action in base.actions),
        submissions=tuple(
            hide_submission(each, request.plan.redact)
            for request in base.requests
            for each in base.submissions
            if each.request_id == request.id
        ),
        trail=tuple(base.trail),
        history=mine,
        diagram=diagram,
        rules=rules,
        notes=tuple(said),
        dry=_shown_dry(dry, hidden) if dry is not None else None,
    )
    asked = {request.interrupt_id for request in facts.pending}
    found = [one for one in threads.questions(mine) if one.interrupt_id not in asked]
    # What is decided and not resumed yet still stands in the saver: it is no question any more.
    decided = {request.interrupt_id for request in base.requests}
    return replace(facts, asking=tuple(one for one in found if one.interrupt_id not in decided))


def _of_thread(run: Run, history: History) -> Run:
    """A thread of which no run is known, as one: what its newest checkpoint says of it."""
    newest = history.newest
    if newest is None:
        return run
    status: RunStatus = "running"
    if newest.interrupts:
        status = "suspended"
    elif newest.errors:
        status = "failed"
    elif not newest.tasks:
        status = "succeeded"
    times = [each.at for each in history.checkpoints]
    error = newest.errors[0] if newest.errors else None
    return replace(run, status=status, error=error, created_at=min(times), updated_at=max(times))


def _shown_history(history: History, hidden: Hidden) -> History:
    inside = {place: tuple(hide(each, hidden) for each in line) for place, line in history.inside.items()}
    return replace(
        history, checkpoints=tuple(hide(each, hidden) for each in history.checkpoints), inside=inside
    )


def _shown_dry(dry: Dry, hidden: Hidden) -> Dry:
    recorded = (
        replace(
            call,
            args=hidden({"name": call.tool, "args": call.args})["args"],
            answered=hidden.text(call.answered),
        )
        for call in dry.recorded
    )
    return replace(dry, recorded=tuple(recorded))


def _shown(action: Action, hidden: Hidden) -> Action:
    """An act without the serialized answer, which is for the graph alone, and with its words as people may see them."""
    return replace(
        action,
        result=None,
        result_type=None,
        result_text=hidden.text(action.result_text) if action.result_text else None,
        error=hidden.text(action.error) if action.error else None,
    )


async def _thread(
    hitl: Hitl, graph: Graph | None, reader: GraphReader | None, run: Run, redact: Collection[str]
) -> tuple[History, Diagram | None, Sequence[str]]:
    try:
        if graph is not None:
            history, diagram = await threads.read(graph, run.graph, run.thread_id, redact)
        elif reader is not None:
            read_by = threads.read_by
            history, diagram = await hitl.portal.run(read_by, reader, run.graph, run.thread_id, redact)
        else:
            return History(), None, ()
    except HitlError as error:  # its database is away, or its serializer cannot make sense of it: the rest is shown all the same
        return History(), None, [str(error)]
    if not history.checkpoints:
        if is_final("run", run.status) or run.status == "queued":
            return history, diagram, ["There is no checkpoint of this thread (any more)."]
        why = (
            "There is no checkpoint of this thread in the saver that is looked into. Is its own one in the memory of another process, or on"
            " another database? Compile the graph with hitl.checkpointer(), or give it here: Debugger(graph)."
        )
        return history, diagram, [why]
    if graph is not None and threads.in_memory(graph):
        why = (
            "Its saver is in memory: only this process sees this thread, and it is gone with it. To keep it, compile the graph with"
            " hitl.checkpointer() on a database."
        )
        return history, diagram, [why]
    return history, diagram, []
