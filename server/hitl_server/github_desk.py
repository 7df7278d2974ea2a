"""What the GitHub side needs, over ``Hitl``; everything here runs on the store's loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import structlog

from hitl_middleware.actions import Decision
from hitl_middleware.channels.github.desk import Judged
from hitl_middleware.channels.github.triggers import LABELED_AGAIN, StartRun
from hitl_middleware.channels.github.words import REPOSITORY
from hitl_middleware.errors import NotFound, ThreadBusy
from hitl_middleware.hitl import Hitl
from hitl_middleware.quorum import Approvals
from hitl_middleware.records import CardView, ReviewRequest
from hitl_middleware.redaction import hide_request
from hitl_middleware.work import unit

log = structlog.get_logger("hitl.github")

CHANNEL: Final = "github"
PAGE: Final = 200
MOST_WATCHED: Final = 2_000
"""Pending requests that are looked at for a conversation to re-read, newest first."""


class HitlGitHubDesk:
    """``channels.github.desk.GitHubDesk``. GitHub's API says who wrote a comment, so nobody else vouches for them."""

    def __init__(self, hitl: Hitl) -> None:
        self._hitl = hitl

    async def requests(self, labels: Mapping[str, str], *, pending: bool) -> Sequence[ReviewRequest]:
        """See ``GitHubDesk.requests``; a page of them is more than an issue has."""
        async with self._hitl.store.read() as uow:
            page = await uow.list_requests(status="pending" if pending else None, labels=labels, limit=PAGE)
        return [hide_request(request) for request in page.items]

    async def approvals(self, requests: Sequence[ReviewRequest]) -> Mapping[str, Approvals]:
        """See ``GitHubDesk.approvals``."""
        return await self._hitl.views.approvals(requests)

    async def watched(self) -> Sequence[ReviewRequest]:
        """See ``GitHubDesk.watched``."""
        found: list[ReviewRequest] = []
        cursor: str | None = None
        async with self._hitl.store.read() as uow:
            while len(found) < MOST_WATCHED:
                page = await uow.list_requests(status="pending", cursor=cursor, limit=PAGE)
                found += [request for request in page.items if REPOSITORY in request.labels]
                cursor = page.next
                if cursor is None:
                    break
        return [hide_request(request) for request in found]

    async def request(self, request_id: str) -> ReviewRequest | None:
        """See ``GitHubDesk.request``."""
        try:
            return (await self._hitl.views.request(request_id)).request
        except NotFound:
            return None

    async def with_code(self, code: str) -> ReviewRequest | None:
        """See ``GitHubDesk.with_code``."""
        async with self._hitl.store.read() as uow:
            found = await uow.requests_by_code(code)
        return hide_request(found[0]) if found else None

    async def card(self, request_id: str) -> CardView | None:
        """See ``GitHubDesk.card``."""
        return await self._hitl.views.card_of(request_id, CHANNEL, public_url=self._hitl.public_url)

    async def submit(
        self, request_id: str, decision: Decision, *, identity: str, name: str, source: str
    ) -> ReviewRequest:
        """See ``GitHubDesk.submit``."""
        return await self._hitl.submit(
            request_id, decision, identity=identity, name=name, via=CHANNEL, source=source
        )

    async def counted(self, source: str) -> ReviewRequest | None:
        """See ``GitHubDesk.counted``."""
        return await self._hitl.desk.counted(source)

    async def once(self, kind: str, key: str, act: Callable[[], Awaitable[None]]) -> bool:
        """See ``GitHubDesk.once``."""
        return await self._hitl.inbox.once(kind, key, act)

    async def tell(self, *, key: str, address: str, body: dict[str, Any]) -> None:
        """See ``GitHubDesk.tell``."""
        await self._hitl.tell(key=key, channel=CHANNEL, address=address, body=body)

    async def judged(self, outcome: Judged, *, identity: str, request_id: str | None) -> None:
        """See ``GitHubDesk.judged``."""
        async with unit(self._hitl.store, self._hitl.dispatcher) as work:
            request = None if request_id is None else await work.uow.request(request_id)
            await work.audit(f"command.{outcome}", identity, via=CHANNEL, request=request)

    async def start_run(self, run: StartRun) -> None:
        """See ``GitHubDesk.start_run``."""
        try:
            await self._hitl.start_run(
                run.graph,
                dict(run.input),
                run_id=run.run_id,
                thread_id=run.thread_id,
                requester=run.requester,
                started_by=CHANNEL,
                on_new_input=run.on_new_input,
                labels=run.labels,
                note=LABELED_AGAIN,
            )
        except ThreadBusy:
            if run.on_new_input != "refuse":
                raise  # somebody else began a run in the same moment; the next attempt queues behind it
            log.warning("trigger refused", thread=run.thread_id, graph=run.graph)
