"""What is out of order, for the diagnosis. Each query walks a partial index over unfinished or failed rows only, a page at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Executable, Select, bindparam, exists, literal_column, select, update

from hitl_middleware.records import Action, Mail, Run, Undelivered
from hitl_middleware.stores import rows
from hitl_middleware.stores.sql.base import Verbs, of, passed
from hitl_middleware.stores.tables import (
    ACTION_UNKNOWN,
    CARD_FAILED,
    DELIVERY_FAILED,
    NOTICE_FAILED,
    RUN_ACTIVE,
    actions,
    cards,
    deliveries,
    notices,
    requests,
    runs,
)

_ROWS: Any = bindparam("rows")
_AFTER: Any = bindparam("after")

ACTIVE = select(runs).where(RUN_ACTIVE, runs.c.thread_id > _AFTER).order_by(runs.c.thread_id).limit(_ROWS)
# A run has a handful of requests, and many wait: SQLite must not look for them among all that do, so the status is no index's here.
_asking = exists(
    select(literal_column("1")).where(
        requests.c.run_id == runs.c.id,
        requests.c.status.concat(literal_column("''")) == literal_column("'pending'"),
    )
)
UNASKED = ACTIVE.where(
    runs.c.status == literal_column("'suspended'"),
    runs.c.wanted <= runs.c.seen,
    passed(runs.c.lease_until),
    runs.c.graph.in_(bindparam("among", expanding=True)),
    ~_asking,
)
UNKNOWN = select(actions).where(ACTION_UNKNOWN, actions.c.id > _AFTER).order_by(actions.c.id).limit(_ROWS)
UNDELIVERED: Mapping[Mail, Select[Any]] = {
    "card": select(
        cards.c.id,
        cards.c.channel,
        cards.c.address,
        cards.c.attempts,
        cards.c.error,
        cards.c.created_at.label("since"),
        cards.c.request_id,
    )
    .where(CARD_FAILED, cards.c.id > _AFTER)
    .order_by(cards.c.id)
    .limit(_ROWS),
    "notice": select(
        notices.c.id,
        notices.c.channel,
        notices.c.address,
        notices.c.attempts,
        notices.c.error,
        notices.c.created_at.label("since"),
    )
    .where(NOTICE_FAILED, notices.c.id > _AFTER)
    .order_by(notices.c.id)
    .limit(_ROWS),
    "delivery": select(
        deliveries.c.id,
        deliveries.c.channel,
        deliveries.c.key.label("address"),
        deliveries.c.attempts,
        deliveries.c.error,
        deliveries.c.received_at.label("since"),
    )
    .where(DELIVERY_FAILED, deliveries.c.id > _AFTER)
    .order_by(deliveries.c.id)
    .limit(_ROWS),
}
_AGAIN: Mapping[Mail, Executable] = {
    "card": update(cards)
    .where(cards.c.id == of(cards.c.id), CARD_FAILED)
    .values(gave_up=False, attempts=1, next_attempt_at=None)
    .returning(cards.c.channel),
    "notice": update(notices)
    .where(notices.c.id == of(notices.c.id), NOTICE_FAILED)
    .values(gave_up=False, attempts=1, next_attempt_at=None)
    .returning(notices.c.channel),
    "delivery": update(deliveries)
    .where(deliveries.c.id == of(deliveries.c.id), DELIVERY_FAILED)
    .values(processed_at=None, attempts=1, next_attempt_at=None)
    .returning(deliveries.c.channel),
}


class TroubleVerbs(Verbs):
    """What the port says of the diagnosis."""

    async def active_runs(self, *, after: str = "", limit: int = 100) -> Sequence[Run]:
        result = await self._execute(ACTIVE, after=after, rows=limit)
        return tuple(rows.run(row) for row in result.rows)

    async def unasked_runs(
        self, *, among: Collection[str], after: str = "", limit: int = 100
    ) -> Sequence[Run]:
        result = await self._timed(UNASKED, among=list(among), after=after, rows=limit)
        return tuple(rows.run(row) for row in result.rows)

    async def unknown_actions(self, *, after: str = "", limit: int = 100) -> Sequence[Action]:
        result = await self._execute(UNKNOWN, after=after, rows=limit)
        return tuple(rows.action(row) for row in result.rows)

    async def undelivered(self, topic: Mail, *, after: str = "", limit: int = 100) -> Sequence[Undelivered]:
        result = await self._execute(UNDELIVERED[topic], after=after, rows=limit)
        return tuple(Undelivered(topic=topic, **row) for row in result.rows)

    async def deliver_again(self, topic: Mail, key: str) -> str | None:
        return next(iter((await self._execute(_AGAIN[topic], of_id=key)).column), None)
