"""What the sweep should look at now. Each query walks a partial index over unfinished rows only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, bindparam, exists, literal_column, select

from hitl_middleware.ports import Topic
from hitl_middleware.stores.columns import NOW
from hitl_middleware.stores.sql.base import Verbs, passed
from hitl_middleware.stores.sql.runs import ACTIVE_STATUSES
from hitl_middleware.stores.tables import (
    CARD_BEHIND,
    DELIVERY_UNPROCESSED,
    NOTICE_UNSENT,
    REQUEST_TIMED,
    RUN_DUE,
    cards,
    deliveries,
    notices,
    requests,
    runs,
)

_QUEUED: ColumnElement[str] = literal_column("'queued'")
_active, _older = runs.alias("active"), runs.alias("older")
_thread_busy = exists(
    select(literal_column("1")).where(
        _active.c.thread_id == runs.c.thread_id, _active.c.status.in_(ACTIVE_STATUSES)
    )
)
_not_first = exists(
    select(literal_column("1")).where(
        _older.c.thread_id == runs.c.thread_id, _older.c.id < runs.c.id, _older.c.status == _QUEUED
    )
)

_DUE: Mapping[Topic, Select[Any]] = {
    "run": select(runs.c.id, runs.c.graph)
    .where(RUN_DUE, passed(runs.c.lease_until), (runs.c.status != _QUEUED) | (~_thread_busy & ~_not_first))
    .order_by(runs.c.id),
    "request": select(requests.c.id, requests.c.graph)
    .where(REQUEST_TIMED, requests.c.due_at <= NOW)
    .order_by(requests.c.due_at),
    "card": select(cards.c.id, cards.c.channel)
    .where(CARD_BEHIND, passed(cards.c.next_attempt_at), passed(cards.c.lease_until))
    .order_by(cards.c.id),
    "notice": select(notices.c.id, notices.c.channel)
    .where(NOTICE_UNSENT, passed(notices.c.next_attempt_at), passed(notices.c.lease_until))
    .order_by(notices.c.id),
    "delivery": select(deliveries.c.id, deliveries.c.channel)
    .where(DELIVERY_UNPROCESSED, passed(deliveries.c.next_attempt_at), passed(deliveries.c.lease_until))
    .order_by(deliveries.c.id),
}
STATEMENTS = {topic: statement.limit(bindparam("rows")) for topic, statement in _DUE.items()}

_DOERS: Mapping[Topic, Column[str]] = {
    "run": runs.c.graph,
    "request": requests.c.graph,
    "card": cards.c.channel,
    "notice": notices.c.channel,
    "delivery": deliveries.c.channel,
}
AMONG = {
    topic: _DUE[topic].where(doer.in_(bindparam("among", expanding=True))).limit(bindparam("rows"))
    for topic, doer in _DOERS.items()
}


class DueVerbs(Verbs):
    """What the port says of due work."""

    async def due(
        self, topic: Topic, limit: int = 100, *, among: Collection[str] | None = None
    ) -> Mapping[str, str]:
        if among is None:
            result = await self._timed(STATEMENTS[topic], rows=limit)
        else:
            result = await self._timed(AMONG[topic], rows=limit, among=list(among))
        return {row["id"]: row[_DOERS[topic].key] for row in result.rows}
