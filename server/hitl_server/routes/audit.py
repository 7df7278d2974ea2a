"""The audit, for reading: search, verification, export."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from hitl_middleware import agentack, audit
from hitl_middleware.audit import Verification
from hitl_middleware.hitl import Hitl
from hitl_middleware.ports import AuditSearch
from hitl_middleware.records import AuditEvent
from hitl_server.openapi import refusals
from hitl_server.problems import Problem
from hitl_server.roles import OVERSEEING
from hitl_server.schemas import event_out
from hitl_server.shapes import EventList, VerificationOut

VERIFY_SECONDS: Final = 10.0
"""How long one verification takes at most; it says how far it came, and goes on from there."""

AT_ONCE: Final = 500

After = Annotated[
    str | None,
    Query(pattern=r"^[0-9]{1,18}$", description="`next` of the page before, or any event's `seq`."),
]
Limit = Annotated[int, Query(ge=1, le=1_000, description="Items on a page.")]
Only = Annotated[str | None, Query(max_length=200)]
Kind = Annotated[
    str | None, Query(max_length=200, description="`request.approved`, or a family of kinds: `request`.")
]
Since = Annotated[dt.datetime | None, Query(alias="from", description="At that moment or later.")]
Until = Annotated[dt.datetime | None, Query(alias="to", description="Before that moment.")]
Format = Annotated[
    Literal["jsonl", "agentack"],
    Query(
        alias="format", description="`agentack`: a trace of one run for `agentack check`, without arguments."
    ),
]
Order = Annotated[Literal["oldest", "newest"], Query(description="Which come first.")]

_WRONG: Final = refusals({422: "A parameter has not its form", 503: "The database does not answer"})
_LINES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "One JSON object a line",
        "content": {"application/jsonl": {"schema": {"type": "string"}}},
    }
}


Actor = Annotated[
    str | None,
    Query(max_length=200, description="An identity, or somebody's name in `[people]`: all they answer as."),
]


def actors_of(hitl: Hitl, who: str | None) -> tuple[str, ...]:
    """All names under which somebody stands in the audit; ``()``: nobody is named."""
    if not who:
        return ()
    spelling = hitl.directory.spelling
    return tuple(sorted({who, *map(spelling, hitl.config.people.get(who, (who,)))}))


def _search(
    kind: Kind = None,
    run_id: Only = None,
    request_id: Only = None,
    thread_id: Only = None,
    since: Since = None,
    until: Until = None,
) -> AuditSearch:
    return AuditSearch(
        kind=kind or None,
        run_id=run_id,
        request_id=request_id,
        thread_id=thread_id,
        since=_aware(since),
        until=_aware(until),
    )


def _aware(at: dt.datetime | None) -> dt.datetime | None:
    """A time without a zone is taken for UTC."""
    return at.replace(tzinfo=dt.UTC) if at is not None and at.tzinfo is None else at


Search = Annotated[AuditSearch, Depends(_search)]


async def verified(hitl: Hitl, after: int = 0) -> Verification:
    """The chain from behind number ``after`` on, as far as ``VERIFY_SECONDS`` go."""
    until = hitl.clock.monotonic() + VERIFY_SECONDS
    return await hitl.portal.run(
        audit.verify, hitl.store, after=after, go_on=lambda: hitl.clock.monotonic() < until
    )


def audit_router(hitl: Hitl) -> APIRouter:
    """``/api/v1/audit``."""
    router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

    @router.get("", summary="Read and search the audit", openapi_extra=OVERSEEING, responses=_WRONG)
    async def read_audit(
        search: Search,
        actor: Actor = None,
        cursor: After = None,
        limit: Limit = 100,
        order: Order = "oldest",
    ) -> EventList:
        """What fits all that is given. An event appears once it is sealed into the chain, a moment after what it tells of."""
        found = await hitl.portal.run(
            hitl.views.find_audit,
            replace(search, actors=actors_of(hitl, actor)),
            cursor=int(cursor) if cursor else None,
            newest_first=order == "newest",
            limit=limit + 1,
        )
        items = tuple(event_out(event) for event in found[:limit])
        return EventList(items=items, next=str(items[-1].seq) if len(found) > limit else None)

    @router.get("/verification", summary="Verify the chain", openapi_extra=OVERSEEING, responses=_WRONG)
    async def verify(cursor: After = None) -> VerificationOut:
        """Recompute the hashes, for 10 s at most. Where `complete` is false, ask again with `checked` as cursor."""
        found = await verified(hitl, int(cursor or 0))
        return VerificationOut(
            ok=found.problem is None,
            complete=found.complete,
            checked=found.checked,
            unsealed=found.unsealed,
            problem=found.problem,
        )

    @router.get(
        "/export",
        summary="Export the audit",
        openapi_extra=OVERSEEING,
        response_class=StreamingResponse,
        responses={**_LINES, **_WRONG},
    )
    async def export(run_id: Only = None, form: Format = "jsonl") -> StreamingResponse:
        """Every sealed event, oldest first, as `hitl audit export` writes them: with its number and hash, so that others can verify it.

        A trace is put together of all events at once, so over HTTP there is one of a run only; of everything, `hitl audit export` has it.
        """
        if form == "agentack" and not run_id:
            raise Problem(422, "run_id: name the run of which you want the trace.", field="run_id")
        # Read once before anything is sent: a database that does not answer is still an error that can be told.
        batches = _batches(
            hitl, await hitl.portal.run(hitl.views.audit, limit=AT_ONCE, run_id=run_id), run_id
        )

        async def lines() -> AsyncIterator[str]:
            if form == "agentack":
                events = [event async for batch in batches for event in batch]
                yield "".join(map(_line, agentack.trace(events, session=run_id or "")))
                return
            async for batch in batches:
                yield "".join(_line(audit.exported(event)) for event in batch)

        name = (
            f"hitl-audit-{hitl.clock.now():%Y-%m-%dT%H%M%SZ}{'-agentack' if form == 'agentack' else ''}.jsonl"
        )
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(lines(), media_type="application/jsonl", headers=headers)

    return router


async def _batches(
    hitl: Hitl, events: Sequence[AuditEvent], run_id: str | None
) -> AsyncIterator[Sequence[AuditEvent]]:
    """These events, and all that follow."""
    while events:
        yield events
        events = await hitl.portal.run(
            hitl.views.audit, after=events[-1].seq or 0, limit=AT_ONCE, run_id=run_id
        )


def _line(value: Mapping[str, Any]) -> str:
    """Escaped to ASCII: what is exported is what was hashed, also half a character that somebody wrote."""
    return f"{json.dumps(value)}\n"
