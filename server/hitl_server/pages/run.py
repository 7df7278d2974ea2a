"""*Run*: what happened in it, where it stands, and settling what nobody knows."""

from __future__ import annotations

from typing import Any

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from hitl_middleware.errors import NotAllowed, Refused
from hitl_middleware.hitl import Hitl
from hitl_middleware.records import ReviewRequest
from hitl_middleware.review import is_final
from hitl_middleware.views import RunDetail
from hitl_server.auth import Who
from hitl_server.metrics import Meter
from hitl_server.openapi import refusals
from hitl_server.pages.answers import MESSAGE, Draft, one, outcome_of
from hitl_server.pages.course import course_of
from hitl_server.pages.drawing import PAGE, drawn, page
from hitl_server.pages.offered import offered
from hitl_server.pages.request import VIA
from hitl_server.pages.sending import FORM, form_refusals, sent_by
from hitl_server.pages.story import links, plain, story_of
from hitl_server.problems import Problem
from hitl_server.roles import DECIDING, EVERYBODY
from hitl_server.routes.runs import Id

log = structlog.get_logger("hitl.pages")

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            FORM: {
                "schema": {
                    "type": "object",
                    "required": ["type"],
                    "properties": {
                        "type": {"enum": ["done", "failed", "retry"]},
                        "message": {"type": "string"},
                        "back": {"enum": ["run", "request"], "description": "The page to go back to."},
                    },
                    "additionalProperties": {"type": "string"},
                }
            }
        },
    }
}


def lost_to(detail: RunDetail) -> list[ReviewRequest]:
    """The requests by which acts were asked for that nobody knows the end of."""
    lost = {action.request_id for action in detail.actions if action.status == "unknown"}
    return [request for request in detail.requests if request.id in lost]


def run_router(hitl: Hitl, meter: Meter) -> APIRouter:
    """``/runs/{id}``, and settling an act from it."""
    router = APIRouter(tags=["pages"], default_response_class=HTMLResponse)

    async def looked(
        key: str, asked: Request, draft: Draft | None = None, status: int = 200, act: str = ""
    ) -> HTMLResponse:
        detail = await hitl.portal.run(hitl.views.run, key)
        now = hitl.clock.now()
        course = await course_of(hitl.reader, detail, now)
        return page(
            "run.html",
            asked,
            now=now,
            status=status,
            detail=detail,
            run=detail.run,
            actions=detail.action_of,
            story=story_of(detail, now),
            course=course,
            links=links(detail.run.labels),
            facts=plain(detail.run.labels),
            done=is_final("run", detail.run.status),
            offers=await offered(hitl, asked, lost_to(detail)),
            draft=draft,
            act=act,
        )

    @router.get(
        "/runs/{id}",
        summary="One run",
        openapi_extra=EVERYBODY,
        responses={**PAGE, **refusals({404: "There is no such run", 503: "The database does not answer"})},
    )
    async def run_page(id: Id, request: Request) -> HTMLResponse:  # noqa: A002 – the API's word
        """Where it stands, what it asked and did, how long people were waited for; what nobody knows is settled here."""
        return await looked(id, request)

    @router.post(
        "/actions/{id}/settle",
        summary="Settle an unknown outcome by a form",
        openapi_extra={**DECIDING, **_BODY},
        responses={
            **PAGE,
            303: {"description": "Settled; see there"},
            **form_refusals("act"),
            **drawn(
                {
                    403: "Neither one of those who may approve it nor an operator",
                    422: "The act's outcome is not unknown, or the answer does not fit",
                }
            ),
        },
    )
    async def settle(id: Id, request: Request, who: Who) -> Response:  # noqa: A002 – the API's word
        """Say what became of an act that nobody heard the end of."""
        sent = await sent_by(request)
        action = await hitl.portal.run(hitl.views.action, id)
        draft, status = None, 200
        what = outcome_of(sent)
        if isinstance(what, Draft):
            draft, status = what, 422
        else:
            identity, vouched_by = who.speaks_as(None)
            try:
                with meter.taking(VIA):
                    settled = await hitl.settle(
                        id,
                        what,
                        identity=identity,
                        via=VIA,
                        message=one(sent, MESSAGE).strip() or None,
                        vouched_by=vouched_by,
                    )
                log.info("pages.settled", action=id, person=identity, said=what, status=settled.status)
            except Refused as error:
                log.info("pages.refused", action=id, person=identity, why=type(error).__name__)
                status = 403 if isinstance(error, NotAllowed) else 422
                draft = Draft(type=what, sent=sent, note=str(error))
        if action.run_id is None:
            raise Problem(404, "This act belongs to no run that is known here.")
        if draft is None:
            of_request = one(sent, "back") == "request" and action.request_id is not None
            back = f"/requests/{action.request_id}" if of_request else f"/runs/{action.run_id}"
            return RedirectResponse(back, status_code=303)
        return await looked(action.run_id, request, draft, status, id)

    return router
