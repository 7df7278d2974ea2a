"""``POST /github/webhooks``: from the sender's bytes to a stored delivery. What follows from it is done later, from what is stored.

cap → header syntax → HMAC over the raw bytes → content → de-duplication → stored → 202. No input is answered with a 5xx.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import structlog
from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from hitl_middleware.channels.github.events import CHANNEL, Ignored, Labeled, read_event, stored
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.channels.github.signature import (
    HeadersMalformed,
    NotFromGitHub,
    check_headers,
    verify,
)
from hitl_middleware.channels.github.triggers import concerns
from hitl_middleware.channels.payload import Malformed
from hitl_middleware.hitl import Hitl
from hitl_middleware.settings import TriggerConfig
from hitl_server.limits import told_to_wait
from hitl_server.raw_gate import PROBLEM, Unacceptable, problem, read_capped

log = structlog.get_logger("hitl.github")

MOST_BYTES: Final = 2_000_000
"""GitHub caps payloads at 25 MB ("Webhook events and payloads"); those that are of concern here stay far below this: a comment has 65,536
characters, an issue as many."""

OFF: Final = (
    "GitHub is not configured on this server: set GITHUB_TOKEN and GITHUB_WEBHOOK_SECRET and start it again."
)
POLLS: Final = "This server re-reads issues instead ([github] webhook = false): set GITHUB_WEBHOOK_SECRET to take webhooks."
_ANSWERS: Final = {
    400: "not a delivery of GitHub's",
    401: "not signed with the webhook's secret",
    404: "GitHub is not configured",
    408: "the body did not arrive",
    413: f"more than {MOST_BYTES:,} bytes",
    503: "the database is not reachable",
}


def github_router(hitl: Hitl, settings: GitHubSettings | None) -> APIRouter:
    """The route. Without settings, or without a secret, it answers 404 with a sentence."""
    router = APIRouter(tags=["github"])
    secrets = tuple(each.get_secret_value() for each in settings.webhook_secrets) if settings else ()
    triggers = hitl.config.triggers

    @router.post(
        "/github/webhooks",
        status_code=202,
        summary="Deliveries of GitHub's webhooks",
        description="Signed by GitHub (X-Hub-Signature-256). Events of no concern here, and repetitions, are answered 200 and do nothing.",
        response_class=Response,
        responses={
            200: {"description": "known already, or of no concern here: nothing more happens"},
            202: {"description": "stored; acted on in a moment"},
            **{code: {"description": what, "content": {PROBLEM: {}}} for code, what in _ANSWERS.items()},
        },
    )
    async def github_webhooks(request: Request) -> Response:
        if not secrets:
            return problem(404, OFF if settings is None else POLLS)
        try:
            return await _taken(hitl, secrets, triggers, request)
        except Unacceptable as refusal:
            if not told_to_wait(request.scope):
                log.warning("github.refused_delivery", status=refusal.status, why=refusal.detail)
            return refusal.response()

    return router


async def _taken(
    hitl: Hitl, secrets: Sequence[str], triggers: Sequence[TriggerConfig], request: Request
) -> Response:
    body = await read_capped(request, MOST_BYTES)
    content_type = request.headers.get("content-type", "")
    try:
        envelope = check_headers(
            event=request.headers.get("x-github-event"),
            delivery=request.headers.get("x-github-delivery"),
            signature=request.headers.get("x-hub-signature-256"),
        )
        verify(secrets, envelope.signature, body)
        event = read_event(envelope.event, content_type, body)
    except NotFromGitHub as error:
        raise Unacceptable(401, str(error)) from None
    except (HeadersMalformed, Malformed) as error:
        raise Unacceptable(400, str(error)) from None
    if isinstance(event, Labeled) and not concerns(triggers, event):
        event = Ignored("no trigger of hitl.toml waits for this label here")
    if isinstance(event, Ignored):
        return JSONResponse({"status": "ignored", "why": event.why})
    kept = stored(envelope.event, content_type, body)
    new = await hitl.portal.run(hitl.inbox.receive, CHANNEL, envelope.delivery, kept)
    return JSONResponse({"status": "stored" if new else "known"}, status_code=202 if new else 200)
