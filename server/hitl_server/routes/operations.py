"""For those who operate it: is it alive, can it take a decision, what waits."""

from __future__ import annotations

import asyncio
from typing import Final

from fastapi import APIRouter, Request, Response

from hitl_middleware.errors import HitlError
from hitl_middleware.hitl import Hitl
from hitl_server.guard import PUBLIC
from hitl_server.metrics import CONTENT_TYPE, Meter
from hitl_server.openapi import refusals
from hitl_server.problems import AWAY, RETRY_SECONDS, Problem
from hitl_server.roles import OVERSEEING
from hitl_server.shapes import Health

READY_SECONDS: Final = 5.0
"""How long the database may take to let a writer begin. Longer, and who clicks in Slack is told to click again anyway."""


LEAVING: Final = "This server is being stopped. Ask another one."


def operations_router(hitl: Hitl, meter: Meter) -> APIRouter:
    """``/healthz``, ``/readyz``, ``/metrics``."""
    router = APIRouter(tags=["operation"])

    @router.get("/healthz", summary="Is the process alive?", openapi_extra=PUBLIC)
    async def healthz() -> Health:
        """200 while it is, whatever the database does."""
        return Health(status="ok")

    @router.get(
        "/readyz",
        summary="Can it take a decision?",
        openapi_extra=PUBLIC,
        responses=refusals({503: "The database does not answer, or the server is being stopped"}),
    )
    async def readyz(request: Request) -> Health:
        """200 as soon as a decision could be stored, until the server is told to stop."""
        if request.app.state.leaving:
            raise Problem(503, LEAVING)
        try:
            async with asyncio.timeout(READY_SECONDS):
                await hitl.ready()
        except (HitlError, TimeoutError):
            raise Problem(503, AWAY, headers={"Retry-After": RETRY_SECONDS}) from None
        return Health(status="ready")

    @router.get(
        "/metrics",
        summary="Metrics for Prometheus",
        openapi_extra=OVERSEEING,
        response_class=Response,
        responses={
            200: {
                "description": "Prometheus' text format",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
            **refusals({503: "The database does not answer"}),
        },
    )
    async def metrics() -> Response:
        """What waits and what went wrong is counted in the database when asked; the help of each metric says where it comes from."""
        told = await hitl.portal.run(meter.exposition, hitl.all_graphs.graphs())
        return Response(told, media_type=CONTENT_TYPE)

    return router
