"""What a memory store holds, and what its verbs share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Protocol, TypeVar

from hitl_middleware.ports import Clock, Session
from hitl_middleware.records import (
    Action,
    AuditEvent,
    Card,
    ChainHead,
    Delivery,
    Notice,
    Page,
    ReviewRequest,
    Run,
    Submission,
)


class _Record(Protocol):
    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=_Record)

by_id: Callable[[Any], str] = attrgetter("id")


@dataclass
class State:
    """Every record by its id."""

    runs: dict[str, Run] = field(default_factory=dict)
    requests: dict[str, ReviewRequest] = field(default_factory=dict)
    submissions: dict[str, Submission] = field(default_factory=dict)
    actions: dict[str, Action] = field(default_factory=dict)
    cards: dict[str, Card] = field(default_factory=dict)
    notices: dict[str, Notice] = field(default_factory=dict)
    deliveries: dict[str, Delivery] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    audit: dict[str, AuditEvent] = field(default_factory=dict)
    head: ChainHead = field(default_factory=lambda: ChainHead(0, ""))

    def copy(self) -> State:
        """The same records in new dictionaries."""
        return State(
            runs=self.runs.copy(),
            requests=self.requests.copy(),
            submissions=self.submissions.copy(),
            actions=self.actions.copy(),
            cards=self.cards.copy(),
            notices=self.notices.copy(),
            deliveries=self.deliveries.copy(),
            sessions=self.sessions.copy(),
            audit=self.audit.copy(),
            head=self.head,
        )


class RuleBroken(Exception):
    """A record would break a rule of the tables: the memory's word for a database's integrity error."""


class Verbs:
    """A state to work on. Where it only reads, whatever would change or lock something raises."""

    def __init__(self, state: State, clock: Clock, *, writes: bool) -> None:
        self._state = state
        self._clock = clock
        self._writes = writes
        self._promised: list[str] = []

    async def now(self) -> dt.datetime:
        """The database's time is the clock's."""
        return self._clock.now()

    def end(self) -> None:
        """Write no more."""
        self._writes = False

    def check(self) -> None:
        """Look, before the end, for requests that actions named and nobody wrote."""
        for request_id in self._promised:
            self._refer(self._state.requests, request_id)

    def _in(self, seconds: float) -> dt.datetime:
        return self._clock.now() + dt.timedelta(seconds=seconds)

    def _passed(self, at: dt.datetime | None) -> bool:
        """Whether a time is not set, or is over."""
        return at is None or at <= self._clock.now()

    def _may_lock(self, lock: bool) -> None:  # noqa: FBT001 – handed through
        if lock:
            self._may_write()

    def _may_write(self) -> None:
        if not self._writes:
            msg = (
                "a unit of work that only reads cannot write or lock, nor can one that has ended; use begin()"
            )
            raise RuntimeError(msg)

    def _add(self, table: dict[str, R], record: R, *, taken: bool = False) -> bool:
        self._may_write()
        if taken or record.id in table:
            return False
        table[record.id] = record
        return True

    def _put(self, table: dict[str, R], record: R) -> None:
        self._may_write()
        table[record.id] = record

    @staticmethod
    def _refer(table: Mapping[str, object], key: str | None) -> None:
        if key is not None and key not in table:
            msg = f"there is no record {key!r} to refer to"
            raise RuleBroken(msg)


def oldest_first(records: Iterable[R]) -> tuple[R, ...]:
    """Sorted by id: a UUIDv7 sorts as it was born."""
    return tuple(sorted(records, key=by_id))


def page(records: Iterable[R], cursor: str | None, limit: int) -> Page[R]:
    """Newest first, after ``cursor``."""
    found = sorted((r for r in records if cursor is None or r.id < cursor), key=by_id, reverse=True)
    items = tuple(found[:limit])
    return Page(items, items[-1].id if len(found) > limit else None)
