"""Pages for people: what waits, one request, one run. They show, and change nothing.

What models and users wrote is data: escaped by the templates, and written out where it draws nothing or turns the text around.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from hitl_middleware.display import (
    card_words,
    hidden_from,
    person,
    shown_args,
    shown_data,
    status_words,
    visible,
)
from hitl_middleware.hitl import Hitl
from hitl_server.openapi import refusals
from hitl_server.roles import EVERYBODY
from hitl_server.routes.requests import IdOrCode
from hitl_server.routes.runs import Cursor, Id

MOST_SHOWN: Final = 100_000
"""Characters of arguments that a page shows; beyond, it says loudly that they are cut."""

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}
}


def pages_router(hitl: Hitl) -> APIRouter:
    """``/`` (and ``/inbox``), ``/requests/{id}``, ``/runs/{id}``."""
    router = APIRouter(tags=["pages"], default_response_class=HTMLResponse)

    @router.get("/inbox", include_in_schema=False, openapi_extra=EVERYBODY)  # where another server has ``/``
    @router.get(
        "/",
        summary="What waits",
        openapi_extra=EVERYBODY,
        responses={
            **_PAGE,
            **refusals({422: "A parameter has not its form", 503: "The database does not answer"}),
        },
    )
    async def inbox_page(cursor: Cursor = None) -> HTMLResponse:
        """Requests that wait for a decision, newest first."""
        page, _ = await hitl.portal.run(hitl.views.requests, status="pending", cursor=cursor, limit=50)
        return _page("inbox.html", requests=page.items, next=page.next, first=cursor is None)

    @router.get(
        "/requests/{id}",
        summary="One request",
        openapi_extra=EVERYBODY,
        responses={
            **_PAGE,
            **refusals({404: "There is no such request", 503: "The database does not answer"}),
        },
    )
    async def request_page(id: IdOrCode) -> HTMLResponse:  # noqa: A002 – the API's word
        """What was asked, who decided, what became of it, and where it was posted."""
        detail = await hitl.portal.run(hitl.views.request, id)
        return _page(
            "request.html", detail=detail, request=detail.request, action=detail.action, run=detail.run
        )

    @router.get(
        "/runs/{id}",
        summary="One run",
        openapi_extra=EVERYBODY,
        responses={**_PAGE, **refusals({404: "There is no such run", 503: "The database does not answer"})},
    )
    async def run_page(id: Id) -> HTMLResponse:  # noqa: A002 – the API's word
        """Where it stands, what it asked, what it did."""
        detail = await hitl.portal.run(hitl.views.run, id)
        return _page("run.html", detail=detail, run=detail.run, actions=detail.action_of)

    @router.get(
        "/style.css",
        summary="How the pages look",
        openapi_extra=EVERYBODY,
        response_class=Response,
        responses={
            200: {"description": "A style sheet", "content": {"text/css": {"schema": {"type": "string"}}}}
        },
    )
    async def style() -> Response:
        """The only thing that pages load."""
        return Response(_style(), media_type="text/css")

    return router


def _page(name: str, **facts: Any) -> HTMLResponse:
    return HTMLResponse(
        _templates().get_template(name).render(**facts), headers={"Content-Security-Policy": _POLICY}
    )


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("hitl_server"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"args": _args, "data": _data, "time": _time}
    made.globals |= {"words": status_words, "person": person, "hidden": hidden_from, "delivered": card_words}
    return made


@cache
def _style() -> str:
    return files("hitl_server").joinpath("templates", "style.css").read_text(encoding="utf-8")


def _shown(value: Any) -> Any:
    """Everything a template writes comes by here: text is made visible, whoever wrote it."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return "" if value is None else value


def _args(args: Mapping[str, Any] | None, redact: Collection[str]) -> Markup:
    # Made visible already, and not twice.
    return escape(shown_args(args or {}, MOST_SHOWN, redact=redact).text)


def _data(data: Mapping[str, Any] | None) -> list[tuple[str, Markup]]:
    """What a workflow step shows, value by value; made visible already, and not twice."""
    return [(key, escape(shown.text)) for key, shown in shown_data(data or {}, MOST_SHOWN)]


def _time(at: dt.datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"
