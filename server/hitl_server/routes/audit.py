"""The audit, for reading."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from hitl_middleware.hitl import Hitl
from hitl_server.openapi import refusals
from hitl_server.roles import OVERSEEING
from hitl_server.schemas import event_out
from hitl_server.shapes import EventList

After = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{1,18}$", description="`next` of the page before, or any event's `seq`."),
]
Limit = Annotated[int, Query(ge=1, le=1_000, description="Items on a page.")]
Only = Annotated[str | None, Query(max_length=200)]


def audit_router(hitl: Hitl) -> APIRouter:
    """``/api/v1/audit``."""
    router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

    @router.get(
        "",
        summary="Read the audit",
        openapi_extra=OVERSEEING,
        responses=refusals({422: "A parameter has not its form", 503: "The database does not answer"}),
    )
    async def read_audit(
        cursor: After = None, limit: Limit = 100, run_id: Only = None, request_id: Only = None
    ) -> EventList:
        """Oldest first. An event appears once it is sealed into the chain, a moment after what it tells of."""
        found = await hitl.portal.run(
            hitl.views.audit, after=int(cursor or 0), limit=limit + 1, run_id=run_id, request_id=request_id
        )
        items = tuple(event_out(event) for event in found[:limit])
        return EventList(items=items, next=str(items[-1].seq) if len(found) > limit else None)

    return router
