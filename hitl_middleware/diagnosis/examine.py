"""Reading for the diagnosis: bounded pages of what is not finished, and a look at where its threads stand. Changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from hitl_middleware import audit
from hitl_middleware.actions import Identity
from hitl_middleware.desk.answers import questions
from hitl_middleware.diagnosis import judge
from hitl_middleware.diagnosis.findings import Finding, Trouble, findings
from hitl_middleware.errors import OutOfReach
from hitl_middleware.ports import GraphRuns, Store, UnitOfWork
from hitl_middleware.records import Action, Mail, ReviewRequest, Run, Snapshot

T = TypeVar("T")

PAGE = 100
"""Records read in one go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was found, and how much was looked at: active runs, pending requests, events of the audit."""

    findings: tuple[Finding, ...]
    runs: int
    requests: int
    events: int


async def examine(store: Store, graphs: GraphRuns, *, seconds: float) -> Examination:
    """Look at everything that is not finished. ``seconds`` is HITL_LEASE_SECONDS. Raises ``DatabaseUnreachable``."""
    troubles: list[Trouble] = []
    runs = requests = 0
    async for run in _active(store):
        runs += 1
        troubles += judge.of_run(await _chart(store, graphs, run), seconds=seconds)
    async for pending, owners in _pending(store):
        requests += len(pending)
        troubles += judge.of_requests(pending, owners)
    troubles += [t async for page in _unknown(store) for t in judge.of_unknown(page)]
    async with store.read() as uow:
        troubles += judge.of_claims(await uow.dead_claims(grace=judge.PATIENCE * seconds, limit=PAGE))
    for topic in get_args(Mail):
        async for page in _given_up(store, topic):
            troubles += judge.of_mail(page)
    found = await audit.verify(store)
    if found.problem is not None:
        troubles.append(Trouble("audit", None, why=found.problem))
    return Examination(findings=findings(troubles), runs=runs, requests=requests, events=found.checked)


async def _chart(store: Store, graphs: GraphRuns, run: Run) -> judge.Chart:
    """A run with all that is judged of it. Whoever moves it takes its lease, so its fence says whether what was read belongs together."""
    servable = run.graph in graphs.graphs()
    snapshot, unreadable, away = None, None, False
    async with store.read() as uow:
        now = await uow.now()
    if servable and run.status == "suspended" and not judge.is_held(run, now):
        try:
            snapshot = await graphs.look(run)
        except OutOfReach:
            away = True
        except Exception as error:  # noqa: BLE001 – whatever a saver or its serializer raises is told
            unreadable = f"{type(error).__name__}: {error}"
    async with store.read() as uow:
        current = await uow.run(run.id)
        requests = tuple(await uow.requests_of_thread(run.thread_id))
        return judge.Chart(
            run=current or run,
            at=await uow.now(),
            requests=requests,
            actions=await _actions(uow, snapshot, requests),
            servable=servable,
            snapshot=snapshot,
            unreadable=unreadable,
            away=away,
            moved=current is None or (current.fence, current.status) != (run.fence, run.status),
        )


async def _actions(
    uow: UnitOfWork, snapshot: Snapshot | None, requests: Iterable[ReviewRequest]
) -> Mapping[Identity, Action]:
    """What the thread asks about, and what its pending requests are about."""
    about = {r.action_id for r in requests if r.status == "pending" and r.action_id is not None}
    found = list((await uow.actions(about)).values())
    for _, _, question in questions(snapshot) if snapshot is not None else ():
        if question.call is not None:
            action = await uow.action_by_identity(question.call.identity)
            found += [action] if action is not None else []
    return {action.identity: action for action in found}


async def _active(store: Store) -> AsyncIterator[Run]:
    async for page in _pages(store, lambda uow, after: uow.active_runs(after=after, limit=PAGE), _thread):
        for run in page:
            yield run


def _unknown(store: Store) -> AsyncIterator[Sequence[Action]]:
    return _pages(store, lambda uow, after: uow.unknown_actions(after=after, limit=PAGE), _id)


def _given_up(store: Store, topic: Mail) -> AsyncIterator[Sequence[Any]]:
    return _pages(store, lambda uow, after: uow.undelivered(topic, after=after, limit=PAGE), _id)


async def _pages(
    store: Store, read: Callable[[UnitOfWork, str], Any], key: Callable[[Any], str]
) -> AsyncIterator[Sequence[Any]]:
    """Pages of what ``read`` gives behind the last one's ``key``, each in a unit of its own."""
    after = ""
    while True:
        async with store.read() as uow:
            page: Sequence[Any] = await read(uow, after)
        if page:
            yield page
        if len(page) < PAGE:
            return
        after = key(page[-1])


async def _pending(store: Store) -> AsyncIterator[tuple[Sequence[ReviewRequest], Mapping[str, Run]]]:
    """Pages of requests that wait, with the runs that asked them."""
    cursor: str | None = None
    while True:
        async with store.read() as uow:
            page = await uow.list_requests(status="pending", cursor=cursor, limit=PAGE)
            owners = {run_id: await uow.run(run_id) for run_id in {r.run_id for r in page.items}}
        yield page.items, {run_id: run for run_id, run in owners.items() if run is not None}
        if (cursor := page.next) is None:
            return


def _thread(run: Run) -> str:
    return run.thread_id


def _id(record: Any) -> str:
    key: str = record.id
    return key
