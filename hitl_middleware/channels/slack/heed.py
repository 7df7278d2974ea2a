"""What is done with Slack's stored events, by whichever process finds them: a reaction is judged, a home tab drawn.

It may be done again after a crash and leads to the same: an answer counts once, a note has a key, a home is published as things are now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from hitl_middleware.actions import Decision
from hitl_middleware.channels.slack import events, home, reactions, words
from hitl_middleware.channels.slack.client import failure, web_client
from hitl_middleware.channels.slack.desk import SlackDesk
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.errors import AlreadyDecided, HitlError, NotFound, Refused
from hitl_middleware.records import CardView, Delivery

if TYPE_CHECKING:
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger("hitl.slack")


class Heed:
    """``inbox.Handler`` for Slack."""

    def __init__(self, settings: SlackSettings, desk: SlackDesk) -> None:
        self._settings = settings
        self._desk = desk
        self._made: AsyncWebClient | None = None
        self._workspace_url: str | None = None

    async def act(self, delivery: Delivery) -> None:
        """Act on one event. Raises ``DeliveryFailed`` where Slack is needed and cannot be reached; then it is tried again."""
        heard = events.stored(delivery.body)
        if isinstance(heard, events.Reacted):
            await self._reacted(heard)
        else:
            await self._opened(heard)

    # reactions -------------------------------------------------------------------------------------------------------

    async def _reacted(self, reacted: events.Reacted) -> None:
        view = await self._desk.card_at("slack", reacted.ref)
        if view is None or not reactions.counts_in(self._settings, view.card):
            log.info("slack.ignored", why="a reaction that no setting lets count, or to no card")
            return
        why = reactions.why_not(view, reacted.answer)
        if why is not None:
            await self._refuse(reacted, view, why)
            return
        try:
            request = await self._desk.submit(
                view.request.id,
                Decision(type=reacted.answer),
                identity=reacted.identity,
                name=None,
                via="slack",
                # What the message shows is what the request is (``why_not``): so this is what the person saw.
                if_match=view.request.digest or None,
            )
        except (Refused, NotFound) as error:
            await self._not_counted(reacted, view, error)
            return
        log.info(
            "slack.decided",
            request=request.id,
            run=request.run_id,
            person=reacted.identity,
            decision=reacted.answer,
            status=request.status,
            by_reaction=True,
        )

    async def _not_counted(self, reacted: events.Reacted, view: CardView, error: HitlError) -> None:
        decided = await self._desk.request(view.request.id) if isinstance(error, AlreadyDecided) else None
        said = decided.decision.type if decided is not None and decided.decision is not None else None
        if decided is not None and (decided.decided_by, said) == (reacted.identity, reacted.answer):
            return  # this very reaction, looked at again after a crash; or their click said so before
        await self._refuse(reacted, view, words.refusal(error, decided))

    async def _refuse(self, reacted: events.Reacted, view: CardView, text: str) -> None:
        log.info("slack.refused", request=view.request.id, person=reacted.identity, why="reaction")
        await self._desk.tell(
            key=f"slack:event:{reacted.id}",
            channel="slack",
            address=reacted.channel_id,
            body={"user": reacted.user_id, "text": text},
        )

    # the home tab ----------------------------------------------------------------------------------------------------

    async def _opened(self, opened: events.HomeOpened) -> None:
        waiting = await self._desk.waiting_for(opened.identity, most=home.MOST_ITEMS)
        try:
            view = home.view(
                waiting,
                user=opened.user_id,
                workspace_url=await self._workspace(),
                pages=self._desk.pages,
            )
            await self._client.views_publish(user_id=opened.user_id, view=view)
        except Exception as error:  # noqa: BLE001 – whatever the SDK or its HTTP client raises, the home is not known to be there
            why = failure(error)
            if not why.permanent:
                raise why from None
            log.warning("slack.home_not_published", person=opened.identity, why=why.facts["reason"])
            return
        log.info("slack.home_published", person=opened.identity, requests=len(waiting.items))

    async def _workspace(self) -> str | None:
        """Where the workspace's messages are found; Slack is asked once."""
        if self._workspace_url is None:
            found = (await self._client.auth_test()).get("url")
            self._workspace_url = found if isinstance(found, str) else ""
        return self._workspace_url or None

    @property
    def _client(self) -> AsyncWebClient:
        if self._made is None:
            self._made = web_client(self._settings)
        return self._made
