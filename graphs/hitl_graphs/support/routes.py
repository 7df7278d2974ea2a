"""``POST /front/webhooks``: from the sender's bytes to a stored delivery. What follows from it is done later, from what is stored."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from hitl_graphs.support.front_runs import FrontDeliveries
from hitl_graphs.support.front_webhook import (
    MAX_BODY_BYTES,
    FrontWebhookError,
    Ignored,
    TooLarge,
    challenge,
    parse,
    verify,
)
from hitl_graphs.support.settings import load_settings
from hitl_middleware.hitl import Hitl

CHANNEL = "front"
READ_SECONDS = 10.0
"""How long a body may take; Front is done in a fraction of a second."""

OFF = "Front's webhooks are off here: FRONT_WEBHOOK_SECRET (the app's signing key) is not set."

_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Known already, asks for nothing, or Front's challenge: nothing more happens"},
    202: {"description": "Stored; the run starts in a moment"},
    400: {"description": "The body is not an event of Front's"},
    401: {"description": "The signature is missing, malformed, wrong, or not of the last five minutes"},
    404: {"description": "FRONT_WEBHOOK_SECRET is not set"},
    408: {"description": "The body did not arrive in time"},
    413: {"description": "The body is larger than 1 MiB"},
}


class TooSlow(FrontWebhookError):
    """The Front webhook's body did not arrive within {seconds:g} seconds."""

    status = 408


class SenderLeft(FrontWebhookError):
    """The sender left before the Front webhook's body was complete."""

    status = 400


def hitl_router(hitl: Hitl) -> APIRouter:
    """The desk's own route; whoever serves the graph mounts it. Raises ``SettingUnusable``."""
    settings = load_settings()
    secret = settings.front_webhook_secret
    hitl.inbox.handle(CHANNEL, FrontDeliveries(hitl, settings).process)
    router = APIRouter(tags=["support"])

    @router.post(
        "/front/webhooks",
        status_code=202,
        responses=_ANSWERS,
        response_model=None,
        openapi_extra={"security": []},  # the signature is what lets it in; the server asks for no token
    )
    async def front_webhooks(request: Request) -> Response:
        """Front's application webhooks (``inbound_received``, ``new_comment_added``), signed with the app's key."""
        if secret is None:
            return _problem(404, OFF)
        try:
            body = await _read(request)
            verify(body, request.headers, secret.get_secret_value(), hitl.clock.now().timestamp())
            word, event = challenge(request.headers), parse(body)
        except FrontWebhookError as refusal:
            return _problem(refusal.status, str(refusal))
        if word is not None:
            return JSONResponse({"challenge": word})
        if isinstance(event, Ignored):
            return JSONResponse({"status": "ignored", "why": event.reason})
        # By the message, not by the event: whatever makes Front tell of it again, it was written once.
        new = await hitl.portal.run(hitl.inbox.receive, CHANNEL, f"{event.kind}:{event.message_id}", body)
        return JSONResponse({"status": "stored" if new else "known"}, status_code=202 if new else 200)

    return router


async def _read(request: Request) -> bytes:
    """The raw body, never more of it than is accepted."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and (len(declared) > 18 or int(declared) > MAX_BODY_BYTES):
        raise TooLarge(size=declared[:40], limit=MAX_BODY_BYTES)
    body = bytearray()
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise TooLarge(size=f"more than {MAX_BODY_BYTES}", limit=MAX_BODY_BYTES)
    except TimeoutError:
        raise TooSlow(seconds=READ_SECONDS) from None
    except ClientDisconnect:
        raise SenderLeft from None
    return bytes(body)


def _problem(status: int, detail: str) -> JSONResponse:
    """A problem document (RFC 9457)."""
    return JSONResponse(
        {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail},
        status_code=status,
        # What is left of a body that was not read would be taken for the next request.
        headers={"Connection": "close"} if status in {408, 413} else None,
        media_type="application/problem+json",
    )
