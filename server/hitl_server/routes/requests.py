"""Requests: what waits for people, and deciding it."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import structlog
from fastapi import APIRouter, Header, Path, Query

from hitl_middleware.errors import AlreadyDecided, Refused
from hitl_middleware.hitl import Hitl
from hitl_middleware.review import RequestStatus
from hitl_server.auth import Who
from hitl_server.body import JsonRoute
from hitl_server.inputs import DecisionBody, said
from hitl_server.metrics import Meter
from hitl_server.openapi import refusals
from hitl_server.problems import Problem
from hitl_server.roles import DECIDING, EVERYBODY
from hitl_server.routes.runs import Cursor, Limit
from hitl_server.schemas import cards_out, request_out, requests_out
from hitl_server.shapes import CardList, RequestList, RequestOut

log = structlog.get_logger("hitl.api")

IdOrCode = Annotated[str, Path(description="Its id, or its 8-character code.")]
Status = Annotated[RequestStatus | None, Query(description="Only requests of this status.")]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", description="The digest that was looked at, in quotes or not.")
]


def requests_router(hitl: Hitl, meter: Meter) -> APIRouter:
    """``/api/v1/requests``."""
    router = APIRouter(prefix="/api/v1/requests", tags=["requests"], route_class=JsonRoute)

    @router.get(
        "",
        summary="List requests",
        openapi_extra=EVERYBODY,
        responses=refusals({422: "A parameter has not its form", 503: "The database does not answer"}),
    )
    async def list_requests(status: Status = None, cursor: Cursor = None, limit: Limit = 50) -> RequestList:
        """Newest first."""
        page, actions = await hitl.portal.run(hitl.views.requests, status=status, cursor=cursor, limit=limit)
        found = await hitl.portal.run(hitl.views.approvals, page.items)
        return requests_out(page, actions, found)

    @router.get(
        "/{id}",
        summary="Show a request",
        openapi_extra=EVERYBODY,
        responses=refusals({404: "There is no such request", 503: "The database does not answer"}),
    )
    async def show_request(id: IdOrCode) -> RequestOut:  # noqa: A002 – the API's word
        """What is asked exactly as it would run, who may answer how, and what became of it."""
        detail = await hitl.portal.run(hitl.views.request, id)
        return request_out(detail.request, detail.action, detail.approvals)

    @router.get(
        "/{id}/cards",
        summary="Show where a request was posted",
        openapi_extra=EVERYBODY,
        responses=refusals({404: "There is no such request", 503: "The database does not answer"}),
    )
    async def show_cards(id: IdOrCode) -> CardList:  # noqa: A002 – the API's word
        """Every message about it, whether it shows the newest version, and why not. A few at most, so there is no next page."""
        return cards_out((await hitl.portal.run(hitl.views.request, id)).cards)

    @router.post(
        "/{id}/decisions",
        summary="Decide",
        openapi_extra=DECIDING,
        responses=refusals(
            {
                400: "Not JSON",
                403: "This caller or reviewer may not decide it, or their approval would change nothing; the detail says who may",
                404: "There is no such request",
                409: "Somebody was first: decided_by, decided_at",
                412: "The request is not the one that If-Match names",
                413: "More than 1 MB",
                415: "Not sent as JSON",
                422: "The answer does not fit the request: field",
                503: "The database does not answer",
            }
        ),
    )
    async def decide(id: IdOrCode, body: DecisionBody, who: Who, if_match: IfMatch = None) -> RequestOut:  # noqa: A002 – the API's word
        """Stored when this is answered; the run goes on a moment later. Where several must approve, it may still be `pending`.

        The words of other clients are understood too: LangChain's and agent-chat-ui's `{"decisions": [one]}`, Agent Inbox's
        `[{"type": "accept", "args": …}]`, and what one would type into Studio.
        """
        asked = (await hitl.portal.run(hitl.views.request, id)).request
        decision, reviewer = said(body, asked)
        identity, vouched_by = who.speaks_as(reviewer)
        try:
            with meter.taking("api"):
                decided = await hitl.submit(
                    asked.id,
                    decision,
                    identity=identity,
                    via="api",
                    vouched_by=vouched_by,
                    if_match=matched(if_match, asked.digest),
                )
        except Refused as error:
            log.info("api.refused", request=asked.id, person=identity, why=type(error).__name__)
            if isinstance(error, AlreadyDecided):
                raise await _taken(hitl, asked.id, error) from None
            raise
        log.info(
            "api.decided",
            request=decided.id,
            run=decided.run_id,
            person=identity,
            vouched_by=vouched_by,
            decision=decision.type,
            status=decided.status,
        )
        detail = await hitl.portal.run(hitl.views.request, decided.id)
        return request_out(detail.request, detail.action, detail.approvals)

    return router


def matched(if_match: str | None, digest: str) -> str | None:
    """The digest that an ``If-Match`` header asks for; ``None``: any. Of several, that of the request as it stands, if it is among them.

    A weak tag (``W/"…"``) stays as it is and so never matches: only what is the same to the letter may be decided on (RFC 9110, 13.1.1).
    """
    if if_match is None or if_match.strip() == "*":
        return None
    tags = [_unquoted(tag.strip()) for tag in if_match.split(",")]
    return digest if digest in tags else tags[0]


def _unquoted(tag: str) -> str:
    return tag[1:-1] if len(tag) >= 2 and tag[0] == tag[-1] == '"' else tag


async def _taken(hitl: Hitl, request_id: str, error: AlreadyDecided) -> Problem:
    """Who was first, and when."""
    request = (await hitl.portal.run(hitl.views.request, request_id)).request
    at = (request.decided_at or request.updated_at).astimezone(dt.UTC)
    return Problem(
        409,
        str(error),
        request_status=request.status,
        decided_by=request.decided_by,
        decided_at=at.isoformat().replace("+00:00", "Z"),
    )
