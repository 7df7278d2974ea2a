"""What changes, as it changes: one look at the audit for everybody who listens, and none while nobody does.

Every change of a request, an action or a run writes its event in the same transaction (DESIGN rule 10), whichever process makes it. So the
audit is the one place that knows of all of them. An event is passed on as soon as it is committed, before it is sealed; the number under
which a listener may come back is that of the newest sealed one. So whoever comes back hears what they missed, and some of it twice.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

import structlog

from hitl_middleware.errors import HitlError
from hitl_middleware.hitl import Hitl
from hitl_middleware.records import AuditEvent

log = structlog.get_logger("hitl.http")

LOOK_SECONDS: Final = 0.2
"""How often the audit is looked at while somebody listens: two queries by index."""

AT_ONCE: Final = 500
MOST_BEHIND: Final = 2_000
"""Events that wait for a listener who does not take them. Then they are let go, and come back for the rest."""

MOST_LISTENERS: Final = 1_000

LASTS_SECONDS: Final = 600.0
"""How long one listener is told. Then they come back, and whether they still may is looked at again."""

Passed = tuple[AuditEvent, int]
"""An event, and the number under which to come back."""


class Watch:
    """Follows the audit of one database. On the loop of whoever listens; ``leaving``: whether the server is being stopped.

    ``lasts``: for how many seconds each is told.
    """

    def __init__(
        self, hitl: Hitl, *, leaving: Callable[[], bool] = lambda: False, lasts: float = LASTS_SECONDS
    ) -> None:
        self._hitl = hitl
        self._leaving = leaving
        self._lasts = lasts
        self._listeners: dict[asyncio.Queue[Passed | None], float] = {}
        self._looking: asyncio.Task[None] | None = None
        self._seq = 0
        self._early: set[str] = set()

    @property
    def full(self) -> bool:
        """Whether as many listen as may."""
        return len(self._listeners) >= MOST_LISTENERS

    @contextlib.asynccontextmanager
    async def listening(self, after: int | None = None) -> AsyncIterator[AsyncIterator[Passed]]:
        """Every event from now on; from behind number ``after`` where that is given. Ends after a while, and when the server stops."""
        if self._looking is None:
            # Looked at before anybody is told that they are heard: what happens from then on is new.
            await self._hitl.portal.run(self._begin)
        mine: asyncio.Queue[Passed | None] = asyncio.Queue(MOST_BEHIND)
        self._listeners[mine] = asyncio.get_running_loop().time() + self._lasts
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_on())
        try:
            yield self._told(mine, after)
        finally:
            self._listeners.pop(mine, None)
            if not self._listeners and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    async def _told(self, mine: asyncio.Queue[Passed | None], after: int | None) -> AsyncIterator[Passed]:
        # Before what is sealed: what is sealed between the two looks is then seen twice, not never.
        early = await self._hitl.portal.run(self._unsealed) if after is not None else ()
        while after is not None and not self._leaving():
            missed = await self._hitl.portal.run(self._hitl.views.audit, after=after, limit=AT_ONCE)
            for event in missed:
                yield event, event.seq or after
            if len(missed) < AT_ONCE:
                for event in early:
                    yield event, after
            after = missed[-1].seq if len(missed) == AT_ONCE else None
        while (passed := await mine.get()) is not None:
            yield passed

    async def _look_on(self) -> None:
        while not self._leaving():
            try:
                for event in await self._hitl.portal.run(self._look):
                    self._pass((event, self._seq))
            except HitlError as error:
                # It comes back: what happens meanwhile stands in the audit.
                log.warning("http.watch_failed", error=type(error).__name__)
            now = asyncio.get_running_loop().time()
            for listener in [each for each, until in self._listeners.items() if until <= now]:
                _end(listener)
            await asyncio.sleep(LOOK_SECONDS)
        for listener in self._listeners:
            _end(listener)

    def _pass(self, passed: Passed) -> None:
        for listener in tuple(self._listeners):
            if listener.full():
                _end(listener)
            else:
                listener.put_nowait(passed)

    # on the store's loop

    async def _begin(self) -> None:
        async with self._hitl.store.read() as uow:
            self._seq = (await uow.chain_head()).seq
            self._early = {event.id for event in await uow.unsealed(AT_ONCE)}

    async def _unsealed(self) -> Sequence[AuditEvent]:
        async with self._hitl.store.read() as uow:
            return await uow.unsealed(AT_ONCE)

    async def _look(self) -> list[AuditEvent]:
        """What is new since the last look, in order."""
        async with self._hitl.store.read() as uow:
            sealed = await uow.list_audit(after=self._seq, limit=AT_ONCE)
            # Behind a full page there is more that is sealed, and what is not is newer than that.
            early = await uow.unsealed(AT_ONCE) if len(sealed) < AT_ONCE else ()
        new = [event for event in (*sealed, *early) if event.id not in self._early]
        self._seq = sealed[-1].seq or self._seq if sealed else self._seq
        self._early = (self._early - {event.id for event in sealed}) | {event.id for event in early}
        return new


def _end(listener: asyncio.Queue[Passed | None]) -> None:
    """Let a listener go, whatever still waits for them."""
    with contextlib.suppress(asyncio.QueueEmpty):
        while True:
            listener.get_nowait()
    listener.put_nowait(None)
