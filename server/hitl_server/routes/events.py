"""Events as they happen: server-sent, for pages that stay true while they are open and for programs that follow."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from hitl_server.auth import Who
from hitl_server.openapi import refusals
from hitl_server.problems import Problem
from hitl_server.roles import EVERYBODY
from hitl_server.schemas import change_out
from hitl_server.session import SESSION_EVENTS
from hitl_server.watching import Watch

CHANGE: Final = "change"
LISTENING: Final = "listening"
BACK_IN: Final = 1_000
"""Milliseconds after which a browser comes back."""

_NUMBER: Final = re.compile(r"[0-9]{1,18}")

LastEventId = Annotated[
    str | None,
    Header(alias="Last-Event-ID", description="The `id` of the last event that was heard."),
]


def events_router(watch: Watch) -> APIRouter:
    """``/api/v1/events``."""
    router = APIRouter(prefix="/api/v1/events", tags=["events"])

    def room() -> None:
        if watch.full:
            raise Problem(503, "As many listen as may. Try again later.", headers={"Retry-After": "5"})

    @router.get(
        "",
        summary="Follow what changes",
        openapi_extra=EVERYBODY,
        response_class=EventSourceResponse,
        dependencies=[Depends(room)],
        responses=refusals({503: "The database does not answer, or too many listen"}),
    )
    async def events(
        request: Request, _who: Who, last_event_id: LastEventId = None
    ) -> AsyncIterable[ServerSentEvent]:
        """Events named `change`, whose data is JSON: `seq`, `kind`, `at`, `actor`, `via`, `run_id`, `request_id`, `action_id`.

        First comes one named `listening`: what changes from then on is told. Each is sent as soon as it is committed, in whichever
        process. `seq` is its number in the audit, `null` where it has none yet. Who comes back with `Last-Event-ID` hears what they
        missed; a few events may be heard twice, none is left out.
        """
        after = int(last_event_id) if last_event_id and _NUMBER.fullmatch(last_event_id) else None
        async with watch.listening(after) as changes:
            yield ServerSentEvent(comment="listening", event=LISTENING, data={}, retry=BACK_IN)
            if request.scope.get("hitl.head"):
                return
            async for event, back in changes:
                if event.kind.startswith(SESSION_EVENTS):
                    continue  # who comes and goes is not for everybody who may read what waits
                yield ServerSentEvent(data=change_out(event), event=CHANGE, id=str(back))

    return router
