"""Runs: start one, look at them."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Query, Response

from hitl_middleware.hitl import Hitl
from hitl_middleware.ids import ID_FORM
from hitl_server.auth import Who
from hitl_server.body import JsonRoute
from hitl_server.inputs import RunIn
from hitl_server.openapi import refusals
from hitl_server.roles import EVERYBODY, OPERATING
from hitl_server.schemas import run_detail_out, run_started, runs_out
from hitl_server.shapes import RunDetailOut, RunList, RunStarted

log = structlog.get_logger("hitl.api")

Cursor = Annotated[str | None, Query(pattern=f"^{ID_FORM}$", description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=200, description="Items on a page.")]
Id = Annotated[str, Path(description="Its id.")]


def runs_router(hitl: Hitl) -> APIRouter:
    """``/api/v1/runs``."""
    router = APIRouter(prefix="/api/v1/runs", tags=["runs"], route_class=JsonRoute)

    @router.post(
        "",
        status_code=202,
        summary="Start a run",
        openapi_extra=OPERATING,
        responses=refusals(
            {
                400: "Not JSON",
                404: "There is no such graph",
                409: "The thread is busy, and on_new_input is refuse",
                413: "More than 1 MB",
                415: "Not sent as JSON",
                422: "A field does not have the form it must have",
                503: "The database does not answer",
            }
        ),
    )
    async def start_run(body: RunIn, who: Who, response: Response) -> RunStarted:
        """Stored when this is answered; it begins at once, or when its thread is free (`queued`)."""
        run = await hitl.start_run(
            body.graph,
            body.input,
            thread_id=body.thread_id,
            requester=body.requester,
            started_by=who.identity,
            on_new_input=body.on_new_input,
        )
        log.info("api.run_started", run=run.id, graph=run.graph, by=who.identity, status=run.status)
        response.headers["Location"] = f"/api/v1/runs/{run.id}"
        return run_started(run)

    @router.get(
        "",
        summary="List runs",
        openapi_extra=EVERYBODY,
        responses=refusals({422: "A parameter has not its form", 503: "The database does not answer"}),
    )
    async def list_runs(cursor: Cursor = None, limit: Limit = 50) -> RunList:
        """Newest first."""
        return runs_out(await hitl.portal.run(hitl.views.runs, cursor=cursor, limit=limit))

    @router.get(
        "/{id}",
        summary="Show a run",
        openapi_extra=EVERYBODY,
        responses=refusals({404: "There is no such run", 503: "The database does not answer"}),
    )
    async def show_run(id: Id) -> RunDetailOut:  # noqa: A002 – the API's word
        """With its requests and acts, oldest first. The id of a thread shows the run that is under way on it."""
        return run_detail_out(await hitl.portal.run(hitl.views.run, id))

    return router
