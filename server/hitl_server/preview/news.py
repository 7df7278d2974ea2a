"""What changes, as it changes: an event whenever a page would be drawn differently."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from fastapi import Request
from fastapi.sse import ServerSentEvent

from hitl_server.routes.events import BACK_IN, CHANGE, LISTENING

LOOK_SECONDS: Final = 0.2
LASTS_SECONDS: Final = 600.0


async def news(
    request: Request, changes: Callable[[], int], draw: Callable[[], str]
) -> AsyncIterator[ServerSentEvent]:
    """An event named ``listening``, as ``/api/v1/events`` has it, and from then on ``change`` for each change that can be seen.

    ``changes``: a number that moves with whatever happens; only then the page is drawn and compared.
    """
    clock = asyncio.get_running_loop().time
    until, looked, seen = clock() + LASTS_SECONDS, changes(), draw()
    yield ServerSentEvent(data={}, event=LISTENING, retry=BACK_IN)
    while clock() < until and not request.app.state.leaving and not request.scope.get("hitl.head"):
        await asyncio.sleep(LOOK_SECONDS)
        now = changes()
        if now != looked and (shown := draw()) != seen:
            seen = shown
            yield ServerSentEvent(data={}, event=CHANGE)
        looked = now
