"""Analytics for programs and spreadsheets."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Response
from starlette.concurrency import run_in_threadpool

from hitl_middleware.analytics import Report, Sample, report
from hitl_middleware.analytics.tables import TableName, requests_table, tables, written
from hitl_middleware.hitl import Hitl
from hitl_server.figures_out import AnalyticsOut, analytics_out
from hitl_server.openapi import refusals
from hitl_server.periods import Days, From, GraphName, To, last_day, period_of
from hitl_server.roles import OVERSEEING

WRONG: Final = refusals({422: "A parameter has not its form", 503: "The database does not answer"})
_CSV: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A file", "content": {"text/csv": {"schema": {"type": "string"}}}}
}

Which = Annotated[TableName, Query(description="`requests`: every request that was counted.")]


async def looked_at(
    hitl: Hitl, days: int | None, first: str | None, last: str | None, graph: str | None
) -> tuple[Sample, Report]:
    """What was read of a period, and the report on it. Raises ``DoesNotFit`` for what is no period."""
    period = period_of(hitl.clock.now(), days, first, last)
    sample = await hitl.portal.run(hitl.views.asked, period, graph=graph or None)
    # Beside the loop: working it out takes a part of a second where there is much.
    return sample, await run_in_threadpool(report, sample)


def analytics_router(hitl: Hitl) -> APIRouter:
    """``/api/v1/analytics`` and ``/analytics.csv``."""
    router = APIRouter(tags=["analytics"])

    @router.get(
        "/api/v1/analytics", summary="How asking people goes", openapi_extra=OVERSEEING, responses=WRONG
    )
    async def read_analytics(
        days: Days = None, first: From = None, last: To = None, graph: GraphName = None
    ) -> AnalyticsOut:
        """Waiting times, decisions, people, reasons, signs of rubber-stamping: of requests asked in a period of whole days in UTC.

        It is about everybody, so it is for viewers, operators and tokens; reviewers are refused.
        """
        _, found = await looked_at(hitl, days, first, last, graph)
        return await run_in_threadpool(analytics_out, found)

    @router.get(
        "/analytics.csv",
        summary="The same for spreadsheets",
        openapi_extra=OVERSEEING,
        response_class=Response,
        responses={**_CSV, **WRONG},
    )
    async def export_csv(
        days: Days = None,
        first: From = None,
        last: To = None,
        graph: GraphName = None,
        table: Which = "requests",
    ) -> Response:
        """One table as CSV (RFC 4180, UTF-8). A text that a spreadsheet would take for a formula begins with an apostrophe."""
        sample, found = await looked_at(hitl, days, first, last, graph)

        def file() -> str:
            wanted = requests_table(sample) if table == "requests" else tables(found)[table]
            return "".join(written(wanted))

        name = f"hitl-{table}-{sample.period.since:%Y-%m-%d}-to-{last_day(sample.period):%Y-%m-%d}.csv"
        return Response(
            await run_in_threadpool(file),
            media_type="text/csv; charset=utf-8; header=present",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    return router
