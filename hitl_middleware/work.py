"""One unit of work with what belongs to it: a transaction, its audit events, the wake-ups it causes, and the log lines after the commit."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from hitl_middleware.ids import new_id
from hitl_middleware.ports import Dispatcher, Store, Topic, UnitOfWork, Wakeup
from hitl_middleware.records import Action, AuditEvent, Card, Notice, NoticeDraft, ReviewRequest, Run


@dataclass(slots=True)
class Work:
    """What the desk and the ledger write through. ``now`` is the database's time at the beginning, or later where it was asked again."""

    uow: UnitOfWork
    now: dt.datetime
    wakeups: dict[Wakeup, None] = field(default_factory=dict)
    words: list[Callable[[], None]] = field(default_factory=list)

    def wake(self, topic: Topic, key: str, doer: str, *, at: dt.datetime | None = None) -> None:
        """Have ``doer`` (a graph or a channel) look at it once this is committed, not before ``at``. What rolls back wakes nobody."""
        self.wakeups[Wakeup(topic, key, doer, at)] = None

    def afterwards(self, say: Callable[[], None]) -> None:
        """Have the log say it after the commit; nothing is said when the unit rolls back."""
        self.words.append(say)

    async def want(self, run_id: str | None) -> None:
        """Have ``advance`` look at the run: stored with the change, so the wake-up itself may be lost."""
        if run_id is not None and (graph := await self.uow.want_run(run_id)) is not None:
            self.wake("run", run_id, graph)

    async def show(self, request: ReviewRequest) -> Sequence[Card]:
        """Write a request whose ``version`` grew and ask all its cards, which are the answer, to follow."""
        await self.uow.save_request(request)
        return await self.follow(request.id, request.version)

    async def follow(self, request_id: str | None, version: int | None) -> Sequence[Card]:
        """Ask all cards of a request to show its new version."""
        if request_id is None or version is None:
            return ()
        cards = await self.uow.want_cards(request_id, version)
        for card in cards:
            self.wake("card", card.id, card.target.channel)
        return cards

    def remember(self, request: ReviewRequest) -> None:
        """Have its next deadline or reminder looked at when it is due."""
        if request.status == "pending" and request.due_at is not None:
            self.wake("request", request.id, request.graph, at=request.due_at)

    async def tell(self, channel: str, draft: NoticeDraft) -> None:
        """Store a one-off message of a channel; the same key again changes nothing."""
        notice = Notice(
            id=new_id(),
            key=draft.key,
            channel=channel,
            address=draft.address,
            body=draft.body,
            created_at=self.now,
        )
        if await self.uow.add_notice(notice):
            self.wake("notice", notice.id, channel)

    async def audit(
        self,
        kind: str,
        actor: str,
        *,
        via: str | None = None,
        run: Run | None = None,
        request: ReviewRequest | None = None,
        action: Action | None = None,
        **data: Any,
    ) -> None:
        """Append an event of this change. Facts only: no bodies, no secrets.

        Where it happened (graph, tool, step) stands in ``data`` by itself, as does how long a decided request had waited: so whoever reads
        the events alone (metrics) need not look anything up.
        """
        facts = {**_where(run, request, action), **data}
        await self.uow.append(
            AuditEvent(
                id=new_id(),
                at=self.now,
                kind=kind,
                actor=actor,
                via=via,
                run_id=run.id if run else request.run_id if request else action.run_id if action else None,
                request_id=request.id if request else action.request_id if action else None,
                action_id=action.id if action else request.action_id if request else None,
                thread_id=(
                    run.thread_id
                    if run
                    else request.thread_id
                    if request
                    else action.identity.thread_id
                    if action
                    else None
                ),
                data={key: value for key, value in facts.items() if value is not None},
            )
        )


def _where(run: Run | None, request: ReviewRequest | None, action: Action | None) -> dict[str, Any]:
    if request is not None:
        waited = request.decided_at - request.created_at if request.decided_at is not None else None
        # Whole milliseconds: the hash of an event must not depend on how a database writes fractions.
        milliseconds = None if waited is None else waited // dt.timedelta(milliseconds=1)
        return {
            "graph": request.graph,
            "tool": request.tool,
            "step": request.step,
            "waited_ms": milliseconds,
        }
    if run is not None:
        return {"graph": run.graph}
    return {} if action is None else {"tool": action.tool}


@asynccontextmanager
async def unit(store: Store, dispatcher: Dispatcher) -> AsyncIterator[Work]:
    """Begin, let the block work, enqueue what it wakes, commit; then say so, and wake."""
    async with store.begin() as uow:
        work = Work(uow, await uow.now())
        yield work
        wakeups: Sequence[Wakeup] = tuple(work.wakeups)
        if wakeups:
            wakeups = await dispatcher.enqueue(uow, wakeups)
    for say in work.words:
        say()
    if wakeups:
        dispatcher.wake(wakeups)
