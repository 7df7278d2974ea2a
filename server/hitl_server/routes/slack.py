"""``POST /slack/events``: all that Slack sends. Our own gate stands before Bolt, which would parse a body before it checks its signature.

cap → header syntax → HMAC over the raw bytes and time window → content → de-duplication → Bolt. No input is answered with a 5xx; only
our own trouble is, so that Slack tells the person to click again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import structlog
from fastapi import APIRouter, Request, Response

from hitl_middleware.channels.payload import Json, Malformed, payload_of
from hitl_middleware.channels.slack.desk import SlackDesk
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.channels.slack.signature import NotFromSlack, verify
from hitl_middleware.clock import SystemClock
from hitl_middleware.ports import Clock
from hitl_server.limits import told_to_wait
from hitl_server.raw_gate import PROBLEM, Unacceptable, problem, read_capped

if TYPE_CHECKING:
    from slack_bolt.request.async_request import AsyncBoltRequest

log = structlog.get_logger("hitl.slack")

MOST_BYTES: Final = 1_000_000
"""Slack's largest payloads (a modal with 100 fields) stay below 250 kB, the size of the largest view (docs.slack.dev, "Views")."""

OFF: Final = (
    "Slack is not configured on this server: set SLACK_BOT_TOKEN and SLACK_SIGNING_SECRET and start it again."
)
NOT_UNDERSTOOD: Final = "This is not an interaction or event of Slack."
UNAVAILABLE: Final = "Your answer could not be stored. Please try again."
SOCKET: Final = "This server takes Slack through Socket Mode: set SLACK_SIGNING_SECRET to take it over HTTP."

_PASSED_ON: Final = ("content-type", "x-slack-request-timestamp", "x-slack-signature")
_PARSED: Final = ("block_actions", "view_submission")
"""Types of what people do. (Of the rest, Slack wants some answered by Bolt's rules for HTTP.)"""

_REFUSALS: Final = {
    400: "not a body that Slack sends",
    401: "not signed by Slack, or not within five minutes",
    404: "Slack is not configured",
    408: "the body did not arrive",
    413: f"more than {MOST_BYTES:,} bytes",
    503: "the database is not reachable; click again",
}


def slack_router(settings: SlackSettings | None, desk: SlackDesk, *, clock: Clock | None = None) -> APIRouter:
    """The route. Without settings, or without a signing secret, it answers 404 with a sentence."""
    router = APIRouter(tags=["slack"])
    secret = settings.signing_secret.get_secret_value() if settings and settings.signing_secret else None
    door = (
        None if settings is None or secret is None else Door(settings, secret, desk, clock or SystemClock())
    )

    @router.post(
        "/slack/events",
        summary="Everything Slack sends: clicks, forms, events",
        description="Signed by Slack (X-Slack-Signature). A repeated delivery is answered 200 and does nothing.",
        response_class=Response,
        responses={code: {"description": what, "content": {PROBLEM: {}}} for code, what in _REFUSALS.items()},
    )
    async def slack_events(request: Request) -> Response:
        if door is None:
            return problem(404, OFF if settings is None else SOCKET)
        try:
            return await door.enter(request)
        except Unacceptable as refusal:
            if not told_to_wait(request.scope):
                log.warning("slack.refused_delivery", status=refusal.status, why=refusal.detail)
            return refusal.response()

    return router


class Door:
    """The gate and Bolt behind it."""

    def __init__(self, settings: SlackSettings, secret: str, desk: SlackDesk, clock: Clock) -> None:
        from hitl_middleware.channels.slack.intake import Intake

        self._secret = secret
        self._clock = clock
        self._intake = Intake(settings, desk)

    async def enter(self, request: Request) -> Response:
        """Let one request in, once. Raises ``Unacceptable``."""
        from slack_bolt.adapter.starlette.async_handler import to_starlette_response

        body, key, payload = await self._genuine(request)
        answer = await self._intake.take(_understood(request, body, payload), key)
        if answer.status == 503:
            return problem(503, UNAVAILABLE)
        if answer.status == 400:
            return problem(400, NOT_UNDERSTOOD)
        return to_starlette_response(answer)

    async def _genuine(self, request: Request) -> tuple[bytes, str, Json]:
        """The body, its key and what it says, once it is certain that Slack sent it and that it is what Slack sends."""
        timestamp = request.headers.get("x-slack-request-timestamp")
        signature = request.headers.get("x-slack-signature")
        body = await read_capped(request, MOST_BYTES)
        try:
            key = verify(
                self._secret,
                timestamp=timestamp,
                signature=signature,
                body=body,
                now=self._clock.now().timestamp(),
            )
            payload = payload_of(body, request.headers.get("content-type", ""))
        except NotFromSlack as error:
            raise Unacceptable(401, str(error)) from None
        except Malformed as error:
            raise Unacceptable(400, str(error)) from None
        return body, key, payload


def _understood(request: Request, body: bytes, payload: Json) -> AsyncBoltRequest:
    """The request in Bolt's form. Raises ``Unacceptable`` where Bolt cannot make sense of it."""
    from slack_bolt.request.async_request import AsyncBoltRequest

    # Only what Bolt needs: further headers are not signed, and one of them makes Bolt skip its handlers.
    headers: dict[str, str | Sequence[str]] = {
        name: request.headers[name] for name in _PASSED_ON if name in request.headers
    }
    try:
        if payload.get("type") in _PARSED:
            # Bolt would read the body a second time, which holds a whole message; what has come by a socket it takes as it is.
            return AsyncBoltRequest(body=payload, headers=headers, mode="socket_mode")
        return AsyncBoltRequest(body=body.decode(), headers=headers)
    except Exception as error:  # noqa: BLE001 – Bolt looks into fields before it knows their types
        log.warning("slack.not_understood", why=type(error).__name__)
        raise Unacceptable(400, NOT_UNDERSTOOD) from None
