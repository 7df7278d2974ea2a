"""*Inbox*: what waits, riskiest and oldest first, to be decided from the list."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from hitl_middleware.desk.waiting import first_in_line
from hitl_middleware.hitl import Hitl
from hitl_middleware.ids import ID_FORM
from hitl_middleware.records import ReviewRequest
from hitl_middleware.redaction import hide_request
from hitl_server.auth import Caller
from hitl_server.openapi import refusals
from hitl_server.pages.calling import calling
from hitl_server.pages.drawing import PAGE, page
from hitl_server.pages.offered import offered
from hitl_server.roles import EVERYBODY

AT_ONCE = 25
"""Requests on a page: a page costs the same however many wait behind it."""

LEAST_OF_ALL = 5
"""Of the whole line on its first page, however many before it are a reviewer's own: where it goes on from there is read off the last."""

Cursor = Annotated[
    str | None, Query(pattern=f"^[0-9]-{ID_FORM}$", description="Where the page before ended.")
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
        mine = await _mine(hitl, request.state.caller) if cursor is None else ()
        rest = max(AT_ONCE - len(mine), LEAST_OF_ALL)
        line = await hitl.portal.run(hitl.views.waiting, cursor=cursor, limit=rest)
        listed = [*mine, *(each for each in line.items if each.id not in {own.id for own in mine})]
        return page(
            "inbox.html",
            request,
            now=hitl.clock.now(),
            requests=listed,
            offers=await offered(hitl, request, listed),
            mine={each.id for each in mine},
            progress=await hitl.portal.run(hitl.views.progress, listed),
            next=line.next,
            called=calling(hitl),
            first=cursor is None,
        )

    return router


async def _mine(hitl: Hitl, caller: Caller) -> tuple[ReviewRequest, ...]:
    """What a reviewer can decide, in the order of the line, to stand before all else. Others are there to see everything."""
    if caller.role != "reviewer":
        return ()

    async def look() -> tuple[ReviewRequest, ...]:
        person = await hitl.directory.person(caller.identity)
        found = await first_in_line(hitl.store, hitl.directory, person, most=AT_ONCE)
        return tuple(map(hide_request, found))

    return await hitl.portal.run(look)
