"""*Analytics*: how long people are waited for, what they decide, and signs that nobody looks."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool

from hitl_middleware.analytics import MOST, Report, pictures
from hitl_middleware.analytics.tables import Cell, Table, Unit, tables
from hitl_middleware.display import visible
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.hitl import Hitl
from hitl_server.pages.drawing import PAGE, drawn_or_refused, page
from hitl_server.periods import OFFERED, USUAL, Days, From, GraphName, To, last_day
from hitl_server.roles import OVERSEEING
from hitl_server.routes.analytics import WRONG, looked_at

_FIGURES: Final = (
    "p50_seconds", "p95_seconds", "asked", "pending", "approved", "rejected", "revised", "approval_rate", "expired", "unknown",
)  # fmt: skip


def analytics_page_router(hitl: Hitl) -> APIRouter:
    """``/analytics``."""
    router = APIRouter(tags=["pages"], default_response_class=HTMLResponse)

    @router.get(
        "/analytics",
        summary="How asking people goes",
        openapi_extra=OVERSEEING,
        responses={**PAGE, **WRONG, **drawn_or_refused({422: "A parameter has not its form"})},
    )
    async def analytics_page(
        request: Request, days: Days = None, first: From = None, last: To = None, graph: GraphName = None
    ) -> HTMLResponse:
        """Charts, each with its table, of requests asked in a period; what it asks is in its address."""
        wrong = None
        try:
            _, found = await looked_at(hitl, days, first, last, graph)
        except DoesNotFit as error:
            wrong = error
            days, first, last = None, None, None
            _, found = await looked_at(hitl, None, None, None, graph)
        chosen = None if first or last else days or USUAL
        shown = await run_in_threadpool(_drawn, found)
        return page(
            "analytics.html",
            request,
            now=hitl.clock.now(),
            status=422 if wrong else 200,
            wrong=str(wrong) if wrong else None,
            found=found,
            chosen=chosen,
            offered=OFFERED,
            first=found.period.since.date(),
            last=last_day(found.period),
            graphs=_graphs(hitl, found),
            query=_query(chosen, found),
            most=MOST,
            **shown,
        )

    return router


def _drawn(found: Report) -> dict[str, Any]:
    """Charts and tables, ready to be written."""
    told = tables(found)
    steps = told["steps"].having("what", (step.name for step in found.steps))
    return {
        "charts": {
            "waiting": Markup(pictures.waiting_by_step(found)),  # noqa: S704 – charts escape what they are given
            "waiting_over_time": Markup(pictures.waiting_over_time(found)),  # noqa: S704
            "decided_over_time": Markup(pictures.decided_over_time(found)),  # noqa: S704
            "channels": Markup(pictures.answers_by_channel(found)),  # noqa: S704
            "people": Markup(pictures.answers_by_person(found)),  # noqa: S704
        },
        "tables": {
            "steps": _shown(steps.only("what", "graph", *_FIGURES)),
            "time": _shown(told["time"].only("begins", *_FIGURES)),
            "decisions": _shown(told["decisions"]),
            "channels": _shown(told["channels"]),
            "people": _shown(
                told["people"].only(
                    "person",
                    "name",
                    "answers",
                    "approved",
                    "rejected",
                    "revised",
                    "responded",
                    "quick",
                    "channels",
                )
            ),
            "reasons": _shown(told["reasons"]),
        },
        "percent": pictures.percent,
        "length": pictures.span,
    }


def _shown(table: Table) -> dict[str, Any]:
    """A table in words: headings, whether a column is of numbers, and cells."""
    units = [column.unit for column in table.columns]
    return {
        "heads": [(column.title, column.unit != "text") for column in table.columns],
        "rows": [
            [(_words(cell, unit), unit != "text") for cell, unit in zip(row, units, strict=True)]
            for row in table.rows
        ],
    }


def _words(cell: Cell, unit: Unit) -> str:
    match unit, cell:
        case "seconds", float() | int() | None:
            return pictures.span(cell)
        case "share", float() | int() | None:
            return pictures.percent(cell)
        case "day", dt.date():
            return f"{cell:%Y-%m-%d}"
        case "count", int():
            return f"{cell:,}"
        case _, None:
            return "–"
        case _:
            return visible(str(cell))


def _graphs(hitl: Hitl, found: Report) -> list[str]:
    """What can be chosen: the graphs that are served here, and those that were asked about."""
    named = {*hitl.all_graphs.graphs(), *(step.graph for step in found.steps)}
    return sorted(named | ({found.graph} if found.graph else set()))


def _query(days: int | None, found: Report) -> str:
    """The same period and graph, for links."""
    which: dict[str, str] = (
        {"from": f"{found.period.since:%Y-%m-%d}", "to": f"{last_day(found.period):%Y-%m-%d}"}
        if days is None
        else {"days": str(days)}
    )
    return urlencode({**which, **({"graph": found.graph} if found.graph else {})})
