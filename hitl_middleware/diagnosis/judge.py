"""What is out of order in what was read. Pure: records and snapshots in, troubles out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from hitl_middleware.actions import Identity
from hitl_middleware.desk.answers import answered, answering, asked, filed, withdrawn
from hitl_middleware.diagnosis.findings import Check, Trouble
from hitl_middleware.dialects import Question
from hitl_middleware.display import one_line
from hitl_middleware.records import Action, Mail, PendingInterrupt, ReviewRequest, Run, Snapshot, Undelivered
from hitl_middleware.review import is_final
from hitl_middleware.runs.standing import refused, waiting

PATIENCE = 3
"""Leases without a sign of life after which nobody is taken to be coming: a sweep takes up what is left within that time (DESIGN §2.2)."""

MOST_WORDS = 300
"""Characters of a reason that somebody else worded."""

_MAIL: Mapping[Mail, Check] = {
    "card": "card given up",
    "notice": "notice given up",
    "delivery": "webhook given up",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """An active run as it was read ``at`` a moment of the database's time, and where its thread stood then.

    ``requests`` are those of its thread, ``actions`` those that its thread asks about. ``servable``: its graph can be run here.
    ``snapshot`` is ``None`` where nobody looked; ``unreadable`` says why looking failed. ``away``: where it runs did not answer, which is
    no trouble of the run. ``moved``: somebody was at it meanwhile.
    """

    run: Run
    at: dt.datetime
    requests: tuple[ReviewRequest, ...] = ()
    actions: Mapping[Identity, Action] = field(default_factory=dict)
    servable: bool = True
    snapshot: Snapshot | None = None
    unreadable: str | None = None
    away: bool = False
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """How a run's requests fit where its thread stands: what ``ReviewDesk.open`` would file, and what it would take back."""

    missing: tuple[PendingInterrupt, ...]
    overtaken: tuple[ReviewRequest, ...]


def of_run(chart: Chart, *, seconds: float) -> Sequence[Trouble]:
    """Troubles of one active run. ``seconds`` is HITL_LEASE_SECONDS."""
    run = chart.run
    if chart.moved or chart.away or is_held(run, chart.at):
        return ()
    if not chart.servable:
        return (_about(run, "graph elsewhere" if run.started_by == "caller" else "graph unknown"),)
    if chart.unreadable is not None:
        return (_about(run, "thread unreadable", one_line(chart.unreadable, MOST_WORDS)),)
    left = _has_waited(chart, PATIENCE * seconds)
    if run.status == "suspended" and chart.snapshot is not None:
        return _of_suspended(chart, chart.snapshot, left=left)
    if not left:
        return ()
    ours = run.driver == "hitl" or run.wanted > run.seen
    return (_about(run, "run left" if ours else "run left by its program"),)


def _of_suspended(chart: Chart, snapshot: Snapshot, *, left: bool) -> Sequence[Trouble]:
    """``left``: nothing has happened to it for so long that a sweep would have."""
    run, waits = chart.run, waiting(snapshot)
    if not snapshot.started:
        return (_about(run, "thread not here"),)
    if snapshot.finished:
        return (_about(run, "run over"),)
    if refused(snapshot):
        return (_about(run, "run stuck"),)
    standing = stand(chart)
    found = [Trouble("request overtaken", request.id, run.graph) for request in standing.overtaken]
    if standing.missing:
        found.append(_about(run, "request missing"))
    elif not asked(waits):
        found.append(_about(run, "run asks nothing"))
    elif _has_answer(chart, waits) and run.wanted <= run.seen:
        found.append(_about(run, "answer not taken"))
    elif _has_answer(chart, waits) and left:
        found.append(_about(run, "run left answered"))
    return found


def _about(run: Run, check: Check, why: str = "") -> Trouble:
    return Trouble(check, run.id, run.graph, why)


def _has_answer(chart: Chart, waits: Snapshot) -> bool:
    """Whether the run could go on. One of its acts that is being performed says so itself when it ends."""
    performing = any(action.status == "executing" for action in chart.actions.values())
    return not performing and bool(answered(chart.run, waits, chart.requests, chart.actions))


def stand(chart: Chart) -> Standing:
    """Compare a suspended run's requests with its thread, by the rules of filing."""
    if chart.snapshot is None:
        return Standing((), ())
    missing: dict[str, PendingInterrupt] = {}
    bound: set[str] = set()
    tasks: set[str] = set()
    for item, together in asked(waiting(chart.snapshot)):
        tasks |= {question.call.identity.checkpoint_ns for question in together if question.call is not None}
        found = _requests_of(chart, item, together)
        if found is None:
            missing[item.id] = item
        else:
            bound |= {request.id for request in found}
    overtaken = (
        request
        for request in chart.requests
        if request.run_id == chart.run.id and request.status == "pending" and request.id not in bound
    )
    acts = {action.id: action for action in chart.actions.values()}
    return Standing(
        tuple(missing.values()),
        tuple(request for request in overtaken if not _waits_its_turn(request, acts, tasks)),
    )


def _requests_of(
    chart: Chart, item: PendingInterrupt, together: tuple[Question, ...]
) -> list[ReviewRequest] | None:
    """The requests in which an interrupt's questions are asked; ``None``: one of them is missing. Empty: none is needed any more."""
    if together[0].call is None and together[0].place is None:
        return list(filed(item, together, chart.requests)) or None
    found: list[ReviewRequest] = []
    for question in together:
        if question.place is not None:
            request = answering(question, chart.requests)
            open_still = request is not None and (
                request.status == "pending" or bool(request.decision) or withdrawn(request, chart.run.id)
            )
            if request is None or not open_still:
                return None
            found.append(request)
        elif question.call is not None:
            action = chart.actions.get(question.call.identity)
            if not _asks(question, action):
                continue
            mine = [r for r in chart.requests if _is_about(r, question, action)]
            if not mine:
                return None
            found += mine
    return found


def _asks(question: Question, action: Action | None) -> bool:
    """Whether a question of the gate's own still needs a person."""
    if question.kind == "outcome":
        return action is not None and action.status == "unknown"
    return action is None or action.status == "waiting"


def _is_about(request: ReviewRequest, question: Question, action: Action | None) -> bool:
    open_still = request.status == "pending" and request.kind == question.kind
    return open_still and action is not None and request.action_id == action.id


def _waits_its_turn(request: ReviewRequest, acts: Mapping[str, Action], tasks: set[str]) -> bool:
    """Calls that share a task show one question at a time: the others are still asked."""
    action = acts.get(request.action_id or "")
    wanted = "unknown" if request.kind == "outcome" else "waiting"
    return action is not None and action.status == wanted and action.identity.checkpoint_ns in tasks


def is_held(run: Run, at: dt.datetime) -> bool:
    """Whether a process drives the run just now."""
    return run.lease_until is not None and run.lease_until > at


def _has_waited(chart: Chart, seconds: float) -> bool:
    """Whether nothing has happened to the run for so long."""
    signs = [chart.run.updated_at, *(request.updated_at for request in chart.requests)]
    signs += [chart.run.lease_until] if chart.run.lease_until is not None else []
    return (chart.at - max(signs)).total_seconds() > seconds


def of_requests(pending: Iterable[ReviewRequest], runs: Mapping[str, Run]) -> Iterator[Trouble]:
    """Pending requests whose run is over. (Those of active runs are judged with their run.)"""
    for request in pending:
        run = runs.get(request.run_id)
        if run is None or is_final("run", run.status):
            yield Trouble("request overtaken", request.id, request.graph)


def of_unknown(acts: Iterable[Action]) -> Iterator[Trouble]:
    """Acts whose outcome a person has to settle."""
    return (Trouble("outcome unknown", action.id, action.tool) for action in acts)


def of_claims(dead: Iterable[Action]) -> Iterator[Trouble]:
    """Acts under a claim whose owner died, and which no sweep has marked as unknown."""
    return (Trouble("claim dead", action.id, action.tool) for action in dead)


def of_mail(given_up: Iterable[Undelivered]) -> Iterator[Trouble]:
    """Cards, messages and webhooks that are not tried any more."""
    for each in given_up:
        yield Trouble(_MAIL[each.topic], each.id, each.channel, one_line(each.error or "", MOST_WORDS))
