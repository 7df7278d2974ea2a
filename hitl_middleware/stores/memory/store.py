"""``MemoryStore`` and the rest of its unit of work: the audit and what is due."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import islice
from typing import Any, TypeVar

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.ports import AuditSearch, Clock, Topic
from hitl_middleware.records import AuditEvent, ChainHead, Run, Tally
from hitl_middleware.review import is_final
from hitl_middleware.stores.memory.actions import ActionVerbs, CardVerbs, MailVerbs
from hitl_middleware.stores.memory.asked import AskedVerbs
from hitl_middleware.stores.memory.runs import RequestVerbs, RunVerbs
from hitl_middleware.stores.memory.sessions import SessionVerbs
from hitl_middleware.stores.memory.state import RuleBroken, State, Verbs, oldest_first
from hitl_middleware.stores.memory.troubles import TroubleVerbs
from hitl_middleware.stores.turn import Turn

T = TypeVar("T")


class AuditVerbs(Verbs):
    """What the port says of the audit."""

    async def append(self, event: AuditEvent) -> None:
        if not self._add(self._state.audit, event):
            msg = f"event {event.id} exists"
            raise RuleBroken(msg)

    async def unsealed(self, limit: int) -> Sequence[AuditEvent]:
        return oldest_first(e for e in self._state.audit.values() if e.seq is None)[:limit]

    async def chain_head(self, *, lock: bool = False) -> ChainHead:
        self._may_lock(lock)
        return self._state.head

    async def seal(self, events: Sequence[AuditEvent], head: ChainHead) -> None:
        self._may_write()
        for event in events:
            known = self._state.audit.get(event.id)
            if known is not None and known.seq is None:
                self._put(self._state.audit, event)
        self._state.head = head

    async def list_audit(
        self, *, after: int = 0, limit: int = 500, run_id: str | None = None, request_id: str | None = None
    ) -> Sequence[AuditEvent]:
        sealed = [
            (event.seq, event)
            for event in self._state.audit.values()
            if event.seq is not None
            and event.seq > after
            and run_id in {None, event.run_id}
            and request_id in {None, event.request_id}
        ]
        return tuple(event for _, event in sorted(sealed, key=lambda pair: pair[0])[:limit])

    async def find_audit(
        self, search: AuditSearch, *, cursor: int | None = None, newest_first: bool = False, limit: int = 100
    ) -> Sequence[AuditEvent]:
        found = [
            (event.seq, event)
            for event in self._state.audit.values()
            if event.seq is not None
            and _fits(event, search)
            and (cursor is None or (event.seq < cursor if newest_first else event.seq > cursor))
        ]
        found.sort(key=lambda pair: pair[0], reverse=newest_first)
        return tuple(event for _, event in found[:limit])


def _fits(event: AuditEvent, search: AuditSearch) -> bool:
    return (
        (event.kind.startswith(search.family) if search.family else search.kind in {None, event.kind})
        and (not search.actors or event.actor in search.actors)
        and search.run_id in {None, event.run_id}
        and search.request_id in {None, event.request_id}
        and search.thread_id in {None, event.thread_id}
        and (search.since is None or event.at >= search.since)
        and (search.until is None or event.at < search.until)
    )


class MemoryUnit(
    RunVerbs,
    RequestVerbs,
    AskedVerbs,
    ActionVerbs,
    CardVerbs,
    MailVerbs,
    SessionVerbs,
    AuditVerbs,
    TroubleVerbs,
):
    """``ports.UnitOfWork`` over a state."""

    async def tally(self) -> Tally:
        state = self._state
        waiting = [request.created_at for request in state.requests.values() if request.status == "pending"]
        failed = [card for card in state.cards.values() if card.gave_up and card.shown < card.wanted]
        unsent = [notice for notice in state.notices.values() if notice.gave_up and notice.sent_at is None]
        return Tally(
            at=self._clock.now(),
            pending=len(waiting),
            oldest_pending_at=min(waiting, default=None),
            unknown=sum(action.status == "unknown" for action in state.actions.values()),
            failed_deliveries=len(failed) + len(unsent),
            failed_webhooks=sum(bool(d.processed_at and d.error) for d in state.deliveries.values()),
        )

    async def due(
        self, topic: Topic, limit: int = 100, *, among: Collection[str] | None = None
    ) -> Mapping[str, str]:
        due = ((key, self._doer(topic, key)) for key in self._due(topic))
        return dict(islice((item for item in due if among is None or item[1] in among), limit))

    async def beside(self, write: Callable[[Any], Awaitable[T]]) -> T:  # noqa: ARG002 – nobody can write here but us
        msg = "A store in memory has no connection to lend to a job queue. Set HITL_DISPATCHER=local."
        raise ConfigurationError(msg)

    def _doer(self, topic: Topic, key: str) -> str:
        state = self._state
        match topic:
            case "run":
                return state.runs[key].graph
            case "card":
                return state.cards[key].target.channel
            case "notice":
                return state.notices[key].channel
            case "delivery":
                return state.deliveries[key].channel
            case "request":
                return state.requests[key].graph

    def _due(self, topic: Topic) -> Iterable[str]:
        state = self._state
        match topic:
            case "run":
                return (run.id for run in oldest_first(state.runs.values()) if self._run_due(run))
            case "request":
                late = [
                    (request.due_at, request.id)
                    for request in state.requests.values()
                    if request.status == "pending" and request.due_at and self._passed(request.due_at)
                ]
                return (request_id for _, request_id in sorted(late))
            case "card":
                return (card.id for card in oldest_first(state.cards.values()) if self._card_due(card))
            case "notice":
                return (
                    notice.id for notice in oldest_first(state.notices.values()) if self._notice_due(notice)
                )
            case "delivery":
                return (d.id for d in oldest_first(state.deliveries.values()) if self._delivery_due(d))

    def _run_due(self, run: Run) -> bool:
        if is_final("run", run.status) or not self._passed(run.lease_until):
            return False
        if run.wanted <= run.seen and not (run.status == "running" and run.driver == "hitl"):
            return False
        if run.status != "queued":
            return True
        older = (r for r in self._state.runs.values() if r.thread_id == run.thread_id and r.id < run.id)
        return self._active(run.thread_id) is None and not any(r.status == "queued" for r in older)


class MemoryStore:
    """A unit of work that writes has a copy, which takes the old state's place when the block ends.

    So a block that raises changes nothing, and who reads keeps seeing what was there when they began.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._state = State()
        self._turn = Turn()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[MemoryUnit]:
        """A unit of work that may write."""
        async with self._turn:
            unit = MemoryUnit(state := self._state.copy(), self._clock, writes=True)
            try:
                yield unit
                unit.check()
            finally:
                unit.end()
            self._state = state

    @asynccontextmanager
    async def read(self) -> AsyncIterator[MemoryUnit]:
        """A unit of work that only reads."""
        yield MemoryUnit(self._state, self._clock, writes=False)

    def glance(self) -> AbstractAsyncContextManager[MemoryUnit]:
        """The same."""
        return self.read()

    async def prepare(self) -> None:
        """There is nothing to prepare."""

    async def close(self) -> None:
        """There is nothing to close."""
