"""*Audit*: search, verify, export."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from hitl_middleware.errors import DoesNotFit
from hitl_middleware.hitl import Hitl
from hitl_middleware.ids import CODE_LENGTH
from hitl_middleware.ports import AuditSearch
from hitl_middleware.records import AuditEvent
from hitl_server.openapi import refusals
from hitl_server.pages.drawing import PAGE, drawn_or_refused, page
from hitl_server.periods import From, To, period_of
from hitl_server.roles import OVERSEEING
from hitl_server.routes.audit import VERIFY_SECONDS, After, actors_of, verified

AT_ONCE: Final = 50

KINDS: Final = ("action", "request", "run", "session", "submission")
"""Families, offered where a kind is typed; whatever is found on a page is offered, too."""

_WRONG: Final = refusals({422: "A parameter has not its form", 503: "The database does not answer"})
_LONG: Final = Query(max_length=200)

Words = Annotated[str, _LONG]


def audit_page_router(hitl: Hitl) -> APIRouter:
    """``/audit`` and ``/audit/verify``."""
    router = APIRouter(tags=["pages"], default_response_class=HTMLResponse)

    def drawn(asked: Request, *, status: int = 200, **facts: Any) -> HTMLResponse:
        usual: dict[str, Any] = {
            "events": None,
            "next": None,
            "form": {},
            "wrong": None,
            "verification": None,
            "seconds": VERIFY_SECONDS,
            "kinds": KINDS,
            "about": None,
            "again": None,
            "begun": 0,
        }
        return page("audit.html", asked, now=hitl.clock.now(), status=status, **{**usual, **facts})

    @router.get(
        "/audit",
        summary="The audit",
        openapi_extra=OVERSEEING,
        responses={**PAGE, **_WRONG, **drawn_or_refused({422: "A parameter has not its form"})},
    )
    async def audit_page(
        request: Request,
        kind: Words = "",
        actor: Words = "",
        about: Annotated[
            str,
            Query(max_length=200, description="The id of a request, a run or a thread, or a request's code."),
        ] = "",
        first: From = None,
        last: To = None,
        cursor: After = None,
    ) -> HTMLResponse:
        """Newest first; every field that is filled in has to fit."""
        form = {
            "kind": kind.strip(),
            "actor": actor.strip(),
            "about": about.strip(),
            "from": first,
            "to": last,
        }
        try:
            since, until = _times(hitl.clock.now(), first, last)
        except DoesNotFit as error:
            return drawn(request, status=422, form=form, wrong=str(error), events=())
        search, what = await _meant(hitl, form["about"] or "")
        found = await hitl.portal.run(
            hitl.views.find_audit,
            AuditSearch(
                kind=form["kind"] or None,
                actors=actors_of(hitl, form["actor"]),
                since=since,
                until=until,
                **search,
            ),
            cursor=int(cursor) if cursor else None,
            newest_first=True,
            limit=AT_ONCE + 1,
        )
        events = found[:AT_ONCE]
        filled = {name: value for name, value in form.items() if value}
        return drawn(
            request,
            form=form,
            about=what,
            events=[(event, _told(event)) for event in events],
            next=urlencode({**filled, "cursor": events[-1].seq}) if len(found) > AT_ONCE else None,
            again=urlencode(filled) if cursor else None,
            kinds=sorted({*KINDS, *(event.kind for event in events)}),
        )

    @router.get(
        "/audit/verify", summary="Verify the audit", openapi_extra=OVERSEEING, responses={**PAGE, **_WRONG}
    )
    async def verify_page(request: Request, cursor: After = None) -> HTMLResponse:
        """Recompute the chain, as far as there is time for in one go, and say in words whether it holds. Changes nothing."""
        begun = int(cursor or 0)
        return drawn(request, verification=await verified(hitl, begun), begun=begun)

    return router


def _times(
    now: dt.datetime, first: str | None, last: str | None
) -> tuple[dt.datetime | None, dt.datetime | None]:
    """From the begin of the first day to the end of the last; ``None``: no bound. Raises ``DoesNotFit``."""
    if not first and not last:
        return None, None
    period = period_of(now, None, first or "1970-01-01", last)
    return (period.since if first else None), (period.until if last else None)


async def _meant(hitl: Hitl, about: str) -> tuple[dict[str, str], str | None]:
    """Which field of a search an id or a code belongs to, and what it names. What nobody knows is taken for a thread's."""
    if not about:
        return {}, None

    async def look() -> tuple[dict[str, str], str | None]:
        async with hitl.store.read() as uow:
            request = await uow.request(about)
            if request is None and len(about) == CODE_LENGTH:
                request = next(iter(await uow.requests_by_code(about.lower())), None)
            if request is not None:
                return {"request_id": request.id}, "request"
            if await uow.run(about) is not None:
                return {"run_id": about}, "run"
        return {"thread_id": about}, "thread"

    return await hitl.portal.run(look)


def _told(event: AuditEvent) -> list[tuple[str, str]]:
    """An event's facts, in words."""
    return [(name.replace("_", " "), _plain(value)) for name, value in event.data.items()]


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
