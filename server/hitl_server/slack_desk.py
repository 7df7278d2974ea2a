"""What Slack's handlers need, over ``Hitl``."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from hitl_middleware.actions import Decision
from hitl_middleware.desk.waiting import Waiting, waiting_for
from hitl_middleware.errors import NotFound
from hitl_middleware.hitl import Hitl
from hitl_middleware.ledger import Outcome
from hitl_middleware.records import Action, CardView, ReviewRequest
from hitl_middleware.redaction import hide_request
from hitl_server.metrics import Meter


class HitlSlackDesk:
    """``channels.slack.desk.SlackDesk``. A click's signature proves who clicked, so nobody else vouches for them.

    ``meter``: where answers that do not count are counted.
    """

    def __init__(self, hitl: Hitl, meter: Meter | None = None) -> None:
        self._hitl = hitl
        self._taking = partial(meter.taking, "slack") if meter is not None else nullcontext

    async def submit(
        self,
        request_id: str,
        decision: Decision,
        *,
        identity: str,
        name: str | None,
        via: str,
        if_match: str | None,
    ) -> ReviewRequest:
        """See ``SlackDesk.submit``."""
        with self._taking():
            return await self._hitl.submit(
                request_id, decision, identity=identity, name=name, via=via, if_match=if_match
            )

    async def request(self, request_id: str) -> ReviewRequest | None:
        """See ``SlackDesk.request``."""
        try:
            return (await self._hitl.portal.run(self._hitl.views.request, request_id)).request
        except NotFound:
            return None

    async def look(
        self, request_id: str, *, identity: str, name: str | None, if_match: str | None
    ) -> ReviewRequest:
        """See ``SlackDesk.look``."""

        async def work() -> ReviewRequest:
            by = await self._hitl.directory.person(identity, name=name)
            return await self._hitl.desk.look(request_id, by=by, if_match=if_match)

        with self._taking():
            return await self._hitl.portal.run(work)

    async def unsettled(
        self, request_id: str, *, identity: str, name: str | None
    ) -> tuple[ReviewRequest, int]:
        """See ``SlackDesk.unsettled``."""

        async def work() -> tuple[ReviewRequest, int]:
            by = await self._hitl.directory.person(identity, name=name)
            request, action = await self._hitl.desk.unsettled(request_id, by=by)
            return request, action.attempts

        with self._taking():
            return await self._hitl.portal.run(work)

    async def settle(
        self,
        request_id: str,
        what: Literal["done", "failed", "retry"],
        *,
        identity: str,
        name: str | None,
        via: str,
        message: str | None,
        attempt: int | None,
    ) -> Action:
        """See ``SlackDesk.settle``."""

        async def work() -> Action:
            by = await self._hitl.directory.person(identity, name=name)
            _, action = await self._hitl.desk.unsettled(request_id, by=by)
            outcome = Outcome.told(what, message)
            return await self._hitl.desk.settle_outcome(
                action.id, what, outcome, by=by, via=via, attempt=attempt
            )

        with self._taking():
            return await self._hitl.portal.run(work)

    async def tell(self, *, key: str, channel: str, address: str, body: dict[str, Any]) -> None:
        """See ``SlackDesk.tell``."""
        await self._hitl.tell(key=key, channel=channel, address=address, body=body)

    async def keep(self, channel: str, key: str, body: bytes) -> bool:
        """See ``SlackDesk.keep``."""
        return await self._hitl.portal.run(self._hitl.inbox.receive, channel, key, body)

    async def card_at(self, channel: str, ref: str) -> CardView | None:
        """See ``SlackDesk.card_at``."""
        return await self._hitl.portal.run(
            self._hitl.views.card_at, channel, ref, public_url=self._hitl.public_url
        )

    async def waiting_for(self, identity: str, *, most: int) -> Waiting:
        """See ``SlackDesk.waiting_for``."""
        hitl = self._hitl

        async def look() -> Waiting:
            person = await hitl.directory.person(identity)
            found = await waiting_for(hitl.store, hitl.directory, person, most=most)
            shown = (replace(item, request=hide_request(item.request)) for item in found.items)
            return replace(found, items=tuple(shown))

        return await hitl.portal.run(look)

    @property
    def pages(self) -> str | None:
        """See ``SlackDesk.pages``."""
        return self._hitl.public_url.rstrip("/") if self._hitl.public_url else None

    async def first_time(self, channel: str, key: str) -> bool:
        """See ``SlackDesk.first_time``."""
        return await self._hitl.portal.run(self._hitl.inbox.first_time, channel, key)

    async def forget(self, channel: str, key: str) -> None:
        """See ``SlackDesk.forget``."""
        await self._hitl.portal.run(self._hitl.inbox.forget, channel, key)
