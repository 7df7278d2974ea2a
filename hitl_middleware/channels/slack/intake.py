"""One delivery of Slack, whichever way it came: taken once, handled by Bolt, answered.

The HTTP route and Socket Mode both end here, so a click is judged, remembered and answered in the same way. What comes before differs: a
signature over HTTP, a connection that only the app's own token opens over Socket Mode.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from hitl_middleware.channels.slack.app import build_app
from hitl_middleware.channels.slack.desk import SlackDesk
from hitl_middleware.channels.slack.settings import SlackSettings

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_bolt.request.async_request import AsyncBoltRequest
    from slack_bolt.response import BoltResponse

log = structlog.get_logger("hitl.slack")

CHANNEL: Final = "slack"


class Intake:
    """Takes what is certainly Slack's. Raises nothing: every trouble is a status."""

    def __init__(self, settings: SlackSettings, desk: SlackDesk) -> None:
        self._desk = desk
        self.app: AsyncApp = build_app(settings, desk)

    async def take(self, request: AsyncBoltRequest, key: str) -> BoltResponse:
        """Handle a delivery, or nothing where ``key`` was here before. 200: done. 400: no sense in it. 503: our own trouble, send it again.

        An event has an id of its own, under which its handler stores it; a key of the delivery would not know it in a second one.
        """
        from slack_bolt.response import BoltResponse

        if request.body.get("type") == "event_callback":
            return await self._handled(request)
        try:
            if not await self._desk.first_time(CHANNEL, key):
                log.info("slack.repeated_delivery", key=key[:48])
                return BoltResponse(status=200, body="")
        except Exception:
            log.exception("slack.delivery_not_stored")
            return BoltResponse(status=503, body="")
        answer = await self._handled(request)
        if answer.status >= 400:
            await self._forget(key)
        return answer

    async def _handled(self, request: AsyncBoltRequest) -> BoltResponse:
        from slack_bolt.response import BoltResponse

        try:
            answer = await self.app.async_dispatch(request)
        except Exception as error:  # noqa: BLE001 – our handlers answer for themselves: Bolt stumbled over the payload
            log.warning("slack.not_understood", why=type(error).__name__)
            return BoltResponse(status=400, body="")
        if answer.status == 404:
            # An event or action that nobody here handles. Slack disables an app that keeps refusing what it subscribed to.
            return BoltResponse(status=200, body="")
        return answer

    async def _forget(self, key: str) -> None:
        try:
            await self._desk.forget(CHANNEL, key)
        except Exception:
            log.exception("slack.delivery_not_forgotten")
