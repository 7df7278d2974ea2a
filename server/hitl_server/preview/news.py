"""What changes, as it changes: an event whenever a page would be drawn differently."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Final

from fastapi import Request
from fastapi.sse import ServerSentEvent

LOOK_SECONDS: Final = 0.2
LASTS_SECONDS: Final = 600.0
BACK_IN: Final = 1_000


async def news(
    request: Request, changes: Callable[[], int], draw: Callable[[], str]
) -> AsyncIterator[ServerSentEvent]:
    """Events named ``change``: one at once, for whatever happened while the page was loaded, then one for each that can be seen.

    ``changes``: a number that moves with whatever happens; only then the page is drawn and compared.
    """
    yield ServerSentEvent(comment="listening", retry=BACK_IN)
    if request.scope.get("hitl.head"):
        return
    clock = asyncio.get_running_loop().time
    until, looked, seen = clock() + LASTS_SECONDS, -1, ""
    while clock() < until and not request.app.state.leaving:
        now = changes()
        if now != looked and (shown := draw()) != seen:
            seen = shown
            yield ServerSentEvent(data={}, event="change")
        looked = now
        await asyncio.sleep(LOOK_SECONDS)
