"""A ``Hitl`` that stands still: it moves when a test says so, and time passes when a test says so.

Nothing runs in the background, so a test sees the same thing every time: no sweep, no heartbeat, no wake-up that comes too early.
``step()`` does what a running server would do by itself – resume what is decided, post and change cards, bury dead claims, seal the
audit –, until there is nothing left to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from hitl_middleware import audit
from hitl_middleware.clock import ManualClock
from hitl_middleware.crew import crew_of
from hitl_middleware.hitl import Hitl
from hitl_middleware.ports import Crew
from hitl_middleware.records import Action, AuditEvent, ReviewRequest, Run
from hitl_middleware.settings import Settings
from hitl_middleware.views import RunDetail


class StillHitl(Hitl):
    """``Hitl`` without its background. ``clock``: turned by ``wait(seconds)``; other parts as for ``Hitl``."""

    def __init__(
        self, settings: Settings | None = None, *, clock: ManualClock | None = None, **parts: Any
    ) -> None:
        self.time = clock or ManualClock()
        super().__init__(settings, clock=self.time, **parts)

    @cached_property
    def _crew(self) -> Crew:
        """What a running ``Hitl`` has in its background, moved by hand."""
        return crew_of(self)

    # moving ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Only the store is made ready: nothing runs by itself here."""
        self.portal.call(self.store.prepare)

    def step(self) -> None:
        """Do all that is due, until nothing is. Raises ``RuntimeError`` where that does not come to an end."""
        self.portal.call(self.dispatcher.step, self._crew)

    def begin_run(self, graph: str, given: Any, **options: Any) -> Run:
        """``start_run`` from a test without a loop, and everything that follows from it."""
        run = self.portal.call(self.start_run, graph, given, **options)
        self.step()
        return run

    def settle_all(self) -> None:
        """As ``step``."""
        self.step()

    def wait(self, seconds: float) -> None:
        """Let time pass, and nothing else; ``step()`` then does what is due by now."""
        self.time.advance(seconds)

    def wait_for(self, thread_id: str, *, seconds: float | None = None) -> RunDetail:
        """Nobody decides while this waits, so it does not: what is decided is carried out, and the run is as it is then."""
        self.start()
        run_id = self.portal.call(self.views.run, thread_id).run.id
        self.step()
        return self.portal.call(self.views.run, run_id)

    def become_the_one(self) -> None:
        """Be what ``Hitl.from_env()`` answers in this process for this database, until ``stop()``."""
        self._share(self)

    # looking ---------------------------------------------------------------------------------------------------------

    def pending(self, kind: str | None = None) -> list[ReviewRequest]:
        """Requests that wait, oldest first. ``kind``: only such."""
        page, _ = self.portal.call(self.views.requests, status="pending", limit=200)
        return [request for request in reversed(page.items) if kind in {None, request.kind}]

    def requests(self) -> list[ReviewRequest]:
        """All requests, oldest first."""
        page, _ = self.portal.call(self.views.requests, limit=200)
        return list(reversed(page.items))

    def actions(self) -> list[Action]:
        """All acts of all runs, oldest first."""
        runs = self.portal.call(self.views.runs, limit=200).items
        found = [action for run in runs for action in self.portal.call(self.views.run, run.id).actions]
        return sorted(found, key=lambda action: action.id)

    def trail(self) -> Sequence[AuditEvent]:
        """Every event, sealed and in order."""
        self.portal.call(audit.seal, self.store)
        return self.portal.call(self.views.audit, limit=5_000)
