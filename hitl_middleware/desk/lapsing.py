"""Lapsing: what time does to requests, as ``deadlines`` says, in one unit of work with all that follows from it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import structlog

from hitl_middleware import deadlines
from hitl_middleware.actions import Decision
from hitl_middleware.desk.filing import Filing
from hitl_middleware.failpoints import failpoint
from hitl_middleware.ledger import Ledger
from hitl_middleware.logged import log_facts
from hitl_middleware.ports import Directory, Dispatcher, Store
from hitl_middleware.quorum import approvals
from hitl_middleware.records import Occasion, ReviewRequest
from hitl_middleware.work import Work, unit

log = structlog.get_logger("hitl.deadlines")

_SAID: dict[deadlines.Event, str] = {
    "remind": "reminded",
    "overdue": "overdue",
    "expire": "expired",
    "escalate": "escalated",
}


class Lapsing:
    """Lets deadlines have their consequences. A part of the desk."""

    def __init__(
        self, store: Store, ledger: Ledger, directory: Directory, filing: Filing, dispatcher: Dispatcher
    ) -> None:
        self._store = store
        self._ledger = ledger
        self._directory = directory
        self._filing = filing
        self._dispatcher = dispatcher

    async def lapse(self, request_id: str) -> None:
        """Let what is due of one request happen. A reconciler: any number of times, by anyone; each moment has its consequences once."""
        async with self._store.read() as uow:
            known = await uow.request(request_id)
        if known is None or known.due_at is None or known.status != "pending":
            return
        failpoint("lapse.before")
        async with unit(self._store, self._dispatcher) as work:
            await work.uow.run(known.run_id, lock=True)
            request = await work.uow.request(request_id, lock=True)
            if request is not None:
                await self.catch_up(work, request)
        failpoint("lapse.after")

    async def catch_up(self, work: Work, request: ReviewRequest) -> ReviewRequest:
        """The locked request after what is due of it by the database's time now: the same where nothing is, else written."""
        if request.due_at is None or request.status != "pending":
            return request
        work.now = (
            await work.uow.now()
        )  # the unit may have waited for the lock: what counts is when it got it
        event = deadlines.due(request, work.now)
        if event is None:
            return request
        lapsed = deadlines.after(request, event, work.now)
        if event == "expire":
            await self._deny(work, lapsed)
        if event == "escalate":
            audience = self._directory.audience(lapsed.plan.approvers, lapsed.labels)
            lapsed = replace(lapsed, audience=audience)
        if event == "remind":
            await work.uow.save_request(lapsed)
        else:
            await work.show(lapsed)
        work.remember(lapsed)
        if event == "escalate":
            await self._filing.post(work, lapsed)
        occasion = await self._occasion(work, request, event)
        key = f"{occasion.kind}:{request.due_at:%Y%m%dT%H%M%S.%f}:"
        cards = await work.uow.cards_of(lapsed.id)
        await self._filing.leave_notices(work, lapsed, cards, occasion, key=key)
        await work.audit(
            f"request.{_SAID[event]}",
            "hitl",
            request=lapsed,
            deadline=_iso(request.deadline_at),
            to=list(occasion.to) or None,
            next_deadline=_iso(lapsed.deadline_at) if event == "escalate" else None,
        )
        work.afterwards(lambda: _log(lapsed, event))
        return lapsed

    async def current(self, request_id: str) -> ReviewRequest | None:
        """The request as it stands now, when what was due of it has happened."""
        async with self._store.read() as uow:
            request = await uow.request(request_id)
            waits = (
                request is None or request.due_at is None or deadlines.due(request, await uow.now()) is None
            )
        if waits:
            return request
        await self.lapse(request_id)
        async with self._store.read() as uow:
            return await uow.request(request_id)

    async def _deny(self, work: Work, expired: ReviewRequest) -> None:
        action = await work.uow.action(expired.action_id, lock=True) if expired.action_id else None
        if action is not None and action.status == "waiting":
            why = Decision(type="reject", message=f"{deadlines.unanswered(expired)}.")
            await self._ledger.decide(work, action, why, "hitl")
        await work.want(expired.run_id)

    async def _occasion(self, work: Work, request: ReviewRequest, event: deadlines.Event) -> Occasion:
        match event:
            case "expire":
                return Occasion("decided")
            case "escalate":
                return Occasion("escalated", request.plan.escalate_to[0].approvers)
        answered: set[str] = set()
        given = await work.uow.submissions(request.id)
        for each in given:
            person = await self._directory.person(each.person)
            answered |= {self._directory.spelling(name) for name in person.identities | {each.person}}
        plan, found = request.plan, approvals(request.plan, given)
        asked = plan.approvers or ()
        if not found.helps(
            "", ()
        ):  # only those with a missing role can bring it further; nobody else is bothered
            asked = (*found.still_from, *(who for role, who in plan.stand_ins if role in found.still_from))
        left = [who for who in dict.fromkeys(asked) if self._directory.spelling(who) not in answered]
        return Occasion("reminder" if event == "remind" else "overdue", tuple(left))


def _log(request: ReviewRequest, event: deadlines.Event) -> None:
    said = "request " + _SAID[event]
    log.info(
        said,
        **log_facts(
            request.labels, request=request.id, run=request.run_id, step=request.step, tool=request.tool,
            status=request.status, deadline=_iso(request.deadline_at),
        ),
    )  # fmt: skip


def _iso(at: dt.datetime | None) -> str | None:
    return None if at is None else at.isoformat()
