"""What is counted, in one statement over partial indexes: counting costs nothing for what is finished."""

from __future__ import annotations

from typing import Any

from sqlalchemy import FromClause, ScalarSelect, TextClause, func, select

from hitl_middleware.records import Tally
from hitl_middleware.stores.columns import NOW
from hitl_middleware.stores.sql.base import Verbs
from hitl_middleware.stores.tables import (
    ACTION_UNKNOWN,
    CARD_FAILED,
    DELIVERY_FAILED,
    NOTICE_FAILED,
    REQUEST_PENDING,
    actions,
    cards,
    deliveries,
    notices,
    requests,
)


def _count(table: FromClause, which: TextClause) -> ScalarSelect[Any]:
    return select(func.count()).select_from(table).where(which).scalar_subquery()


_TALLY = select(
    NOW.label("at"),
    _count(requests, REQUEST_PENDING).label("pending"),
    select(func.min(requests.c.created_at))
    .where(REQUEST_PENDING)
    .scalar_subquery()
    .label("oldest_pending_at"),
    _count(actions, ACTION_UNKNOWN).label("unknown"),
    _count(cards, CARD_FAILED).label("failed_cards"),
    _count(notices, NOTICE_FAILED).label("failed_notices"),
    _count(deliveries, DELIVERY_FAILED).label("failed_webhooks"),
)


class TallyVerbs(Verbs):
    """What the port says of counting."""

    async def tally(self) -> Tally:
        (row,) = (await self._timed(_TALLY)).rows
        return Tally(
            at=row["at"],
            pending=row["pending"],
            oldest_pending_at=row["oldest_pending_at"],
            unknown=row["unknown"],
            failed_deliveries=row["failed_cards"] + row["failed_notices"],
            failed_webhooks=row["failed_webhooks"],
        )
