"""Acts: what became of them, and saying so where nobody knows."""

from __future__ import annotations

import structlog
from fastapi import APIRouter

from hitl_middleware.hitl import Hitl
from hitl_server.auth import Who
from hitl_server.body import JsonRoute
from hitl_server.inputs import OutcomeIn
from hitl_server.metrics import Meter
from hitl_server.openapi import refusals
from hitl_server.roles import DECIDING, EVERYBODY
from hitl_server.routes.runs import Id
from hitl_server.schemas import action_out
from hitl_server.shapes import ActionOut

log = structlog.get_logger("hitl.api")


def actions_router(hitl: Hitl, meter: Meter) -> APIRouter:
    """``/api/v1/actions``."""
    router = APIRouter(prefix="/api/v1/actions", tags=["actions"], route_class=JsonRoute)

    @router.get(
        "/{id}",
        summary="Show an act",
        openapi_extra=EVERYBODY,
        responses=refusals({404: "There is no such act", 503: "The database does not answer"}),
    )
    async def show_action(id: Id) -> ActionOut:  # noqa: A002 – the API's word
        """One act and its outcome."""
        return action_out(await hitl.portal.run(hitl.views.action, id))

    @router.post(
        "/{id}/outcome",
        summary="Settle an unknown outcome",
        openapi_extra=DECIDING,
        responses=refusals(
            {
                400: "Not JSON",
                403: "Neither one of those who may approve it nor an operator",
                404: "There is no such act",
                413: "More than 1 MB",
                415: "Not sent as JSON",
                422: "The act's outcome is not unknown, or a field has not its form: field",
                503: "The database does not answer",
            }
        ),
    )
    async def settle(id: Id, body: OutcomeIn, who: Who) -> ActionOut:  # noqa: A002 – the API's word
        """Say what became of an act that nobody heard the end of. With `retry` it is done now; nothing retries it otherwise."""
        identity, vouched_by = who.speaks_as(body.reviewer)
        with meter.taking("api"):
            action = await hitl.settle(
                id,
                body.type,
                identity=identity,
                via="api",
                message=body.message,
                result=body.result_text(),
                vouched_by=vouched_by,
            )
        log.info(
            "api.settled",
            action=action.id,
            run=action.run_id,
            person=identity,
            said=body.type,
            status=action.status,
        )
        return action_out(action)

    return router
