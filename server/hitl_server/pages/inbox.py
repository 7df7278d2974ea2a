"""*Inbox*: what waits, riskiest and oldest first, to be decided from the list."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from hitl_middleware.hitl import Hitl
from hitl_server.openapi import refusals
from hitl_server.pages.drawing import PAGE, page
from hitl_server.roles import EVERYBODY

AT_ONCE = 50
"""Requests on a page: a page costs the same however many wait behind it."""

Cursor = Annotated[
    str | None, Query(pattern=r"^[0-9A-Za-z_-]{1,64}$", description="Where the page before ended.")
]


def inbox_router(hitl: Hitl) -> APIRouter:
    """``/`` and ``/inbox``."""
    router = APIRouter(tags=["pages"], default_response_class=HTMLResponse)

    @router.get("/inbox", include_in_schema=False, openapi_extra=EVERYBODY)  # where another server has ``/``
    @router.get(
        "/",
        summary="What waits",
        openapi_extra=EVERYBODY,
        responses={
            **PAGE,
            **refusals({422: "A parameter has not its form", 503: "The database does not answer"}),
        },
    )
    async def inbox_page(request: Request, cursor: Cursor = None) -> HTMLResponse:
        """Requests that wait for a decision: the riskiest first, of equal ones the oldest. Complete, before any script."""
        line, progress = await hitl.portal.run(hitl.views.waiting, cursor=cursor, limit=AT_ONCE)
        return page(
            "inbox.html",
            request,
            now=hitl.clock.now(),
            requests=line.items,
            progress=progress,
            next=line.next,
            first=cursor is None,
        )

    return router
