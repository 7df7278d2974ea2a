"""*Request*: one thing asked, and deciding it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from hitl_middleware.actions import Decision
from hitl_middleware.errors import (
    AlreadyDecided,
    ApprovalNotNeeded,
    DigestMismatch,
    DoesNotFit,
    NotAllowed,
    Refused,
)
from hitl_middleware.hitl import Hitl
from hitl_middleware.records import AuditEvent, ReviewRequest
from hitl_middleware.views import RequestDetail
from hitl_server.auth import Caller, Who
from hitl_server.metrics import Meter
from hitl_server.openapi import refusals
from hitl_server.pages.answers import Draft, decision_of, misfit, one
from hitl_server.pages.calling import calling
from hitl_server.pages.drawing import PAGE, drawn, page
from hitl_server.pages.fields import Sent
from hitl_server.pages.offered import offered
from hitl_server.pages.sending import FORM, by_htmx, form_refusals, sent_by
from hitl_server.roles import DECIDING, EVERYBODY
from hitl_server.routes.requests import IdOrCode

log = structlog.get_logger("hitl.pages")

VIA = "inbox"
MOST_EVENTS = 200

_STATUS = {AlreadyDecided: 409, NotAllowed: 403, ApprovalNotNeeded: 403, DigestMismatch: 412, DoesNotFit: 422}
_MISSING = {404: "There is no such request", 503: "The database does not answer"}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["type"],
                    "properties": {
                        "type": {"enum": ["approve", "edit", "reject", "respond", "feedback"]},
                        "message": {"type": "string"},
                        "digest": {"type": "string", "description": "Of what was looked at."},
                        "part": {"enum": ["card", "page"], "description": "What to answer with."},
                    },
                    "additionalProperties": {"type": "string", "description": "`field-N`: a form's fields."},
                }
            }
        },
    }
}


def request_router(hitl: Hitl, meter: Meter) -> APIRouter:
    """``/requests/{id}``."""
    router = APIRouter(prefix="/requests/{id}", tags=["pages"], default_response_class=HTMLResponse)
    looking = _Looking(hitl)

    @router.get("", summary="One request", openapi_extra=EVERYBODY, responses={**PAGE, **refusals(_MISSING)})
    async def request_page(id: IdOrCode, request: Request) -> HTMLResponse:  # noqa: A002 – the API's word
        """What was asked, who decides and why, who decided, what became of it, where it was posted, and its trail."""
        return await looking.page(id, request)

    @router.get(
        "/card",
        summary="One request, as lists show it",
        openapi_extra=EVERYBODY,
        responses={**PAGE, **refusals(_MISSING)},
    )
    async def request_card(id: IdOrCode, request: Request) -> HTMLResponse:  # noqa: A002 – the API's word
        """A part of the inbox, as it is now."""
        return await looking.card(id, request)

    @router.post(
        "/decide",
        summary="Decide by a form",
        openapi_extra={**DECIDING, **_BODY},
        responses={
            **PAGE,
            303: {"description": "Decided; see there"},
            **form_refusals("request"),
            **drawn(
                {
                    403: "This person may not decide it; the page says who may",
                    409: "Somebody was first; the page says who and when",
                    412: "What was looked at has changed; the page shows what it is now",
                    422: "The answer does not fit; the page says why, at the field",
                }
            ),
        },
    )
    async def decide(id: IdOrCode, request: Request, who: Who) -> Response:  # noqa: A002 – the API's word
        """Stored when this is answered. What does not count is told with the truth, and what was typed is kept."""
        sent = await sent_by(request)
        asked = (await hitl.portal.run(hitl.views.request, id)).request
        draft, status = await _decided(hitl, meter, asked, sent, who)
        in_list = one(sent, "part") == "card"
        if draft is None and not by_htmx(request):
            return RedirectResponse("/inbox" if in_list else f"/requests/{asked.id}", status_code=303)
        if in_list and by_htmx(request):
            return await looking.card(asked.id, request, draft, status)
        return await looking.page(asked.id, request, draft, status)

    return router


async def _decided(
    hitl: Hitl, meter: Meter, asked: ReviewRequest, sent: Sent, who: Caller
) -> tuple[Draft | None, int]:
    """Hand an answer to the desk: ``None``, or what was wrong with it, and the status that says so."""
    decision = decision_of(sent, asked)
    if not isinstance(decision, Decision):
        return decision, 422
    identity, vouched_by = who.speaks_as(None)
    try:
        with meter.taking(VIA):
            decided = await hitl.submit(
                asked.id,
                decision,
                identity=identity,
                via=VIA,
                vouched_by=vouched_by,
                if_match=one(sent, "digest") or None,
            )
    except Refused as error:
        log.info("pages.refused", request=asked.id, person=identity, why=type(error).__name__)
        status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 422)
        if isinstance(error, DoesNotFit):
            return misfit(sent, asked, error), status
        return Draft(type=one(sent, "type"), sent=sent, note=str(error)), status
    log.info(
        "pages.decided",
        request=decided.id,
        run=decided.run_id,
        person=identity,
        decision=decision.type,
        status=decided.status,
    )
    return None, 200


class _Looking:
    """Draws a request as it is now."""

    def __init__(self, hitl: Hitl) -> None:
        self._hitl = hitl

    async def page(
        self, key: str, asked: Request, draft: Draft | None = None, status: int = 200
    ) -> HTMLResponse:
        detail, trail = await self._hitl.portal.run(self._read, key)
        return await self._draw("request.html", detail, asked, draft, status, trail)

    async def card(
        self, key: str, asked: Request, draft: Draft | None = None, status: int = 200
    ) -> HTMLResponse:
        detail = await self._hitl.portal.run(self._hitl.views.request, key)
        return await self._draw("card.html", detail, asked, draft, status)

    async def _draw(
        self,
        name: str,
        detail: RequestDetail,
        asked: Request,
        draft: Draft | None,
        status: int,
        trail: Sequence[AuditEvent] = (),
    ) -> HTMLResponse:
        return page(
            name,
            asked,
            now=self._hitl.clock.now(),
            status=status,
            request=detail.request,
            action=detail.action,
            draft=draft,
            detail=detail,
            progress=detail.progress,
            mine=(),
            offers=await offered(self._hitl, asked, (detail.request,)),
            run=detail.run,
            trail=trail,
            called=calling(self._hitl),
        )

    async def _read(self, key: str) -> tuple[RequestDetail, tuple[AuditEvent, ...]]:
        detail = await self._hitl.views.request(key)
        trail = await self._hitl.views.audit(request_id=detail.request.id, limit=MOST_EVENTS)
        return detail, tuple(trail)
