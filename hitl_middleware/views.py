"""Reading: what the API, the pages, the command line and the notebook show. No rule lives here.

Records leave without the arguments that their policy hides (``redaction``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from hitl_middleware.analytics import MOST, Asked, Period, Sample
from hitl_middleware.errors import NotFound
from hitl_middleware.ids import CODE_LENGTH
from hitl_middleware.ports import AuditSearch, Store, UnitOfWork
from hitl_middleware.quorum import Approvals, approvals, counted, progress, shows
from hitl_middleware.records import (
    Action,
    AuditEvent,
    Card,
    CardView,
    Page,
    ReviewRequest,
    Run,
    Submission,
    Tally,
)
from hitl_middleware.redaction import hide_action, hide_request, hide_submission
from hitl_middleware.review import RequestStatus, is_final
from hitl_middleware.wording import person

ASKED_AT_ONCE = 1_000
"""Requests that ``Views.asked`` reads in one go."""

WAIT_SECONDS = 0.2
"""How often ``Views.ended`` looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestDetail:
    """A request with what belongs to it."""

    request: ReviewRequest
    action: Action | None
    run: Run
    submissions: tuple[Submission, ...] = ()
    cards: tuple[Card, ...] = ()

    @property
    def approvals(self) -> Approvals:
        """Who has approved, and who is still needed."""
        return approvals(self.request.plan, self.submissions)

    @property
    def progress(self) -> str | None:
        """The same for people; ``None`` where one approval, of whomever, is the decision itself."""
        return _progress(self.request, self.approvals)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDetail:
    """A run with its requests and actions, oldest first; ``approvals`` by request id."""

    run: Run
    requests: tuple[ReviewRequest, ...]
    actions: tuple[Action, ...]
    approvals: Mapping[str, Approvals]

    @property
    def action_of(self) -> Mapping[str, Action]:
        """Actions by id."""
        return {action.id: action for action in self.actions}


def _progress(request: ReviewRequest, found: Approvals | None) -> str | None:
    if found is None or not shows(request):
        return None
    by = ", ".join(person(each.person, each.name) or each.person for each in found.given)
    if request.status == "pending":
        return progress(found, by=by)
    return f"{counted(found)} (by {by})" if by else counted(found)


class Views:
    """Queries. Every method raises ``NotFound`` for an id that does not exist."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def request(self, key: str) -> RequestDetail:
        """By id or by code (upper case is understood)."""
        async with self._store.read() as uow:
            request = await uow.request(key)
            if request is None and len(key) == CODE_LENGTH:
                found = await uow.requests_by_code(key.lower())
                request = next((r for r in found if r.status == "pending"), found[0] if found else None)
            if request is None:
                raise NotFound(kind="request", key=key)
            run = await uow.run(request.run_id)
            if run is None:
                raise NotFound(kind="run", key=request.run_id)
            action = await uow.action(request.action_id) if request.action_id else None
            answers = await uow.submissions(request.id)
            return RequestDetail(
                request=hide_request(request),
                action=None if action is None else hide_action(action),
                run=run,
                submissions=tuple(hide_submission(given, request.plan.redact) for given in answers),
                cards=tuple(await uow.cards_of(request.id)),
            )

    async def requests(
        self, *, status: RequestStatus | None = None, cursor: str | None = None, limit: int = 50
    ) -> tuple[Page[ReviewRequest], Mapping[str, Action]]:
        """A page of requests, newest first, and their actions by id."""
        async with self._store.read() as uow:
            page = await uow.list_requests(status=status, cursor=cursor, limit=limit)
            actions = await uow.actions([r.action_id for r in page.items if r.action_id])
        shown = Page(tuple(hide_request(request) for request in page.items), page.next)
        return shown, {key: hide_action(action) for key, action in actions.items()}

    async def approvals(self, requests: Sequence[ReviewRequest]) -> Mapping[str, Approvals]:
        """Who has approved each of these requests, and who is still needed, by id."""
        async with self._store.read() as uow:
            return await _approvals(uow, requests)

    async def waiting(self, *, cursor: str | None = None, limit: int = 50) -> Page[ReviewRequest]:
        """A page of what waits: the riskiest first, of equal ones the oldest."""
        async with self._store.glance() as uow:
            page = await uow.list_waiting(cursor=cursor, limit=limit)
        return Page(tuple(map(hide_request, page.items)), page.next)

    async def progress(self, requests: Sequence[ReviewRequest]) -> Mapping[str, str | None]:
        """How far each of these is, by id: ``RequestDetail.progress``."""
        several = [request for request in requests if shows(request)]
        found = await self.approvals(several) if several else {}
        return {request.id: _progress(request, found.get(request.id)) for request in requests}

    async def requests_of_thread(self, thread_id: str) -> Sequence[ReviewRequest]:
        """All requests of a thread over all its runs, oldest first; none of a thread that nobody knows."""
        async with self._store.read() as uow:
            return await uow.requests_of_thread(thread_id)

    async def run(self, run_id: str) -> RunDetail:
        """A run by id, or the newest active run of a thread with that id."""
        async with self._store.read() as uow:
            run = await uow.run(run_id) or await uow.active_run(run_id)
            if run is None:
                raise NotFound(kind="run", key=run_id)
            requests = await uow.requests_of_run(run.id)
            return RunDetail(
                run=run,
                requests=tuple(hide_request(request) for request in requests),
                approvals=await _approvals(uow, requests),
                actions=tuple(hide_action(action) for action in await uow.actions_of_run(run.id)),
            )

    async def ended(self, run_id: str, *, seconds: float | None = None) -> RunDetail:
        """A run when it has ended, or as it is after ``seconds``."""

        async def over() -> None:
            while True:
                if is_final("run", (await self.run(run_id)).run.status):
                    return
                await asyncio.sleep(WAIT_SECONDS)

        with suppress(TimeoutError):
            await asyncio.wait_for(over(), seconds)
        return await self.run(run_id)

    async def runs(self, *, cursor: str | None = None, limit: int = 50) -> Page[Run]:
        """A page of runs, newest first."""
        async with self._store.read() as uow:
            return await uow.list_runs(cursor=cursor, limit=limit)

    async def action(self, action_id: str) -> Action:
        """By id."""
        async with self._store.read() as uow:
            action = await uow.action(action_id)
        if action is None:
            raise NotFound(kind="action", key=action_id)
        return hide_action(action)

    async def audit(
        self, *, after: int = 0, limit: int = 500, run_id: str | None = None, request_id: str | None = None
    ) -> Sequence[AuditEvent]:
        """Sealed events in order."""
        async with self._store.read() as uow:
            return await uow.list_audit(after=after, limit=limit, run_id=run_id, request_id=request_id)

    async def find_audit(
        self, search: AuditSearch, *, cursor: int | None = None, newest_first: bool = False, limit: int = 100
    ) -> Sequence[AuditEvent]:
        """Sealed events that fit, behind number ``cursor``."""
        async with self._store.read() as uow:
            return await uow.find_audit(search, cursor=cursor, newest_first=newest_first, limit=limit)

    async def card_at(self, channel: str, ref: str, *, public_url: str | None) -> CardView | None:
        """The card that a channel's message shows; ``None`` where it shows none of ours."""
        async with self._store.read() as uow:
            card = await uow.card_at(channel, ref)
            return await card_view(uow, card, public_url=public_url) if card is not None else None

    async def card_of(self, request_id: str, channel: str, *, public_url: str | None) -> CardView | None:
        """A request's card in a channel, posted or not; ``None`` where it has none there."""
        async with self._store.read() as uow:
            cards = [card for card in await uow.cards_of(request_id) if card.target.channel == channel]
            return await card_view(uow, cards[0], public_url=public_url) if cards else None

    async def asked(self, period: Period, *, graph: str | None = None, most: int = MOST) -> Sample:
        """What was asked in a period, to work figures out from: the newest ``most``. A page at a time, so that others get their turn."""
        rows: list[Asked] = []
        cursor: str | None = None
        while len(rows) < most:
            async with self._store.read() as uow:
                page = await uow.list_asked(
                    period, graph=graph, cursor=cursor, limit=min(ASKED_AT_ONCE, most - len(rows))
                )
            rows += page.items
            if (cursor := page.next) is None:
                break
        return Sample(period=period, graph=graph, rows=tuple(rows), cut=cursor is not None)

    async def tally(self) -> Tally:
        """What waits and what went wrong, counted."""
        async with self._store.read() as uow:
            return await uow.tally()


async def _approvals(uow: UnitOfWork, requests: Sequence[ReviewRequest]) -> Mapping[str, Approvals]:
    given: dict[str, list[Submission]] = {request.id: [] for request in requests}
    for each in await uow.submissions_of(list(given)):
        given[each.request_id].append(each)
    return {request.id: approvals(request.plan, given[request.id]) for request in requests}


async def card_view(uow: UnitOfWork, card: Card, *, public_url: str | None) -> CardView | None:
    """All that a channel needs to draw a card, without what the plan hides; ``public_url`` is where request pages are served."""
    request = await uow.request(card.request_id)
    run = await uow.run(request.run_id) if request else None
    if request is None or run is None:
        return None
    action = await uow.action(request.action_id) if request.action_id else None
    answers = await uow.submissions(request.id)
    return CardView(
        card=card,
        request=hide_request(request),
        action=None if action is None else hide_action(action),
        submissions=tuple(hide_submission(given, request.plan.redact) for given in answers),
        run=run,
        url=f"{public_url.rstrip('/')}/requests/{request.id}" if public_url else None,
    )
