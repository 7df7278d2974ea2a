"""Cards, notices and deliveries: what is carried to people and from them, each under a short lease."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter

from sqlalchemy import case, delete, false, select, update

from hitl_middleware.records import Card, Delivery, Notice
from hitl_middleware.stores import rows
from hitl_middleware.stores.columns import LATER
from hitl_middleware.stores.sql.base import Verbs, insert_new, new, of, passed, reading, taken
from hitl_middleware.stores.tables import (
    CARD_BEHIND,
    CARD_POSTED,
    DELIVERY_UNPROCESSED,
    NOTICE_UNSENT,
    cards,
    deliveries,
    notices,
)

_ADD_CARD = insert_new(cards)
_CARD = reading(select(cards).where(cards.c.id == of(cards.c.id)))
_CARDS_OF = reading(select(cards).where(cards.c.request_id == of(cards.c.request_id)).order_by(cards.c.id))
_CARD_AT = reading(
    select(cards)
    .where(cards.c.ref == of(cards.c.ref), cards.c.channel == of(cards.c.channel), CARD_POSTED)
    .order_by(cards.c.id)
    .limit(1)
)
_newer = cards.c.wanted > new(cards.c.wanted)
_WANT_CARDS = (
    update(cards)
    .where(cards.c.request_id == of(cards.c.request_id))
    .values(
        wanted=case((_newer, cards.c.wanted), else_=new(cards.c.wanted)),
        next_attempt_at=None,
        gave_up=False,
    )
    .returning(cards)
)
_LEASE_CARD = (
    update(cards)
    .where(
        cards.c.id == of(cards.c.id),
        CARD_BEHIND,
        passed(cards.c.next_attempt_at),
        passed(cards.c.lease_until),
    )
    .values(
        attempts=cards.c.attempts + 1,  # counted before it is tried: a crash must not look like a first time
        lease_owner=new(cards.c.lease_owner),
        lease_until=LATER,
    )
    .returning(cards)
)
# A newer version wanted meanwhile is tried, whatever became of this one.
_SAVE_CARD = (
    update(cards)
    .where(cards.c.id == of(cards.c.id), cards.c.lease_owner.is_not_distinct_from(of(cards.c.lease_owner)))
    .values(
        wanted=case((_newer, cards.c.wanted), else_=new(cards.c.wanted)),
        shown=new(cards.c.shown),
        ref=new(cards.c.ref),
        attempts=new(cards.c.attempts),
        next_attempt_at=new(cards.c.next_attempt_at),
        error=new(cards.c.error),
        gave_up=case((_newer, false()), else_=new(cards.c.gave_up)),
        lease_owner=None,
        lease_until=None,
    )
    .returning(cards.c.wanted)
)
_DOUBT_CARD = (
    update(cards)
    .where(cards.c.id == of(cards.c.id), cards.c.doubt < new(cards.c.doubt))
    .values(doubt=new(cards.c.doubt))
)

_ADD_NOTICE = insert_new(notices)
_LEASE_NOTICE = (
    update(notices)
    .where(
        notices.c.id == of(notices.c.id),
        NOTICE_UNSENT,
        passed(notices.c.next_attempt_at),
        passed(notices.c.lease_until),
    )
    .values(attempts=notices.c.attempts + 1, lease_until=LATER)
    .returning(notices)
)
_SAVE_NOTICE = (
    update(notices)
    .where(
        notices.c.id == of(notices.c.id),
        notices.c.lease_until.is_not_distinct_from(of(notices.c.lease_until)),
    )
    .values(
        sent_at=new(notices.c.sent_at),
        attempts=new(notices.c.attempts),
        next_attempt_at=new(notices.c.next_attempt_at),
        error=new(notices.c.error),
        gave_up=new(notices.c.gave_up),
        lease_until=None,
    )
)

_ADD_DELIVERY = insert_new(deliveries)
_DELIVERY = reading(
    select(deliveries).where(
        deliveries.c.channel == of(deliveries.c.channel), deliveries.c.key == of(deliveries.c.key)
    )
)
_DROP_DELIVERY = delete(deliveries).where(
    deliveries.c.channel == of(deliveries.c.channel), deliveries.c.key == of(deliveries.c.key)
)
_LEASE_DELIVERY = (
    update(deliveries)
    .where(
        deliveries.c.id == of(deliveries.c.id),
        DELIVERY_UNPROCESSED,
        passed(deliveries.c.next_attempt_at),
        passed(deliveries.c.lease_until),
    )
    .values(attempts=deliveries.c.attempts + 1, lease_until=LATER)
    .returning(deliveries)
)
_SAVE_DELIVERY = (
    update(deliveries)
    .where(
        deliveries.c.id == of(deliveries.c.id),
        deliveries.c.lease_until.is_not_distinct_from(of(deliveries.c.lease_until)),
    )
    .values(
        processed_at=new(deliveries.c.processed_at),
        attempts=new(deliveries.c.attempts),
        next_attempt_at=new(deliveries.c.next_attempt_at),
        error=new(deliveries.c.error),
        lease_until=None,
    )
)


class CardVerbs(Verbs):
    """What the port says of cards."""

    async def add_card(self, card: Card) -> bool:
        return await self._add(_ADD_CARD, card)

    async def card(self, card_id: str) -> Card | None:
        return await self._first(_CARD, rows.card, of_id=card_id)

    async def cards_of(self, request_id: str) -> Sequence[Card]:
        return await self._all(_CARDS_OF, rows.card, of_request_id=request_id)

    async def card_at(self, channel: str, ref: str) -> Card | None:
        return await self._first(_CARD_AT, rows.card, of_channel=channel, of_ref=ref)

    async def want_cards(self, request_id: str, version: int) -> Sequence[Card]:
        result = await self._execute(_WANT_CARDS, of_request_id=request_id, new_wanted=version)
        return tuple(rows.card(row) for row in sorted(result.rows, key=itemgetter("id")))

    async def lease_card(self, card_id: str, owner: str, seconds: float) -> Card | None:
        result = await self._timed(_LEASE_CARD, ahead=seconds, of_id=card_id, new_lease_owner=owner)
        return taken(result, rows.card)

    async def save_card(self, card: Card) -> int | None:
        result = await self._execute(
            _SAVE_CARD,
            of_id=card.id,
            of_lease_owner=card.lease_owner,
            new_wanted=card.wanted,
            new_shown=card.shown,
            new_ref=card.ref,
            new_attempts=card.attempts,
            new_next_attempt_at=card.next_attempt_at,
            new_error=card.error,
            new_gave_up=card.gave_up,
        )
        return next(iter(result.column), None)

    async def doubt_card(self, card_id: str, version: int) -> None:
        await self._execute(_DOUBT_CARD, of_id=card_id, new_doubt=version)


class MailVerbs(Verbs):
    """What the port says of notices and deliveries."""

    async def add_notice(self, notice: Notice) -> bool:
        return await self._add(_ADD_NOTICE, notice)

    async def lease_notice(self, notice_id: str, seconds: float) -> Notice | None:
        return taken(await self._timed(_LEASE_NOTICE, ahead=seconds, of_id=notice_id), rows.notice)

    async def save_notice(self, notice: Notice) -> bool:
        result = await self._execute(
            _SAVE_NOTICE,
            of_id=notice.id,
            of_lease_until=notice.lease_until,
            new_sent_at=notice.sent_at,
            new_attempts=notice.attempts,
            new_next_attempt_at=notice.next_attempt_at,
            new_error=notice.error,
            new_gave_up=notice.gave_up,
        )
        return result.changed == 1

    async def add_delivery(self, delivery: Delivery) -> bool:
        return await self._add(_ADD_DELIVERY, delivery)

    async def delivery(self, channel: str, key: str) -> Delivery | None:
        return await self._first(_DELIVERY, rows.delivery, of_channel=channel, of_key=key)

    async def drop_delivery(self, channel: str, key: str) -> None:
        await self._execute(_DROP_DELIVERY, of_channel=channel, of_key=key)

    async def lease_delivery(self, delivery_id: str, seconds: float) -> Delivery | None:
        return taken(await self._timed(_LEASE_DELIVERY, ahead=seconds, of_id=delivery_id), rows.delivery)

    async def save_delivery(self, delivery: Delivery) -> bool:
        result = await self._execute(
            _SAVE_DELIVERY,
            of_id=delivery.id,
            of_lease_until=delivery.lease_until,
            new_processed_at=delivery.processed_at,
            new_attempts=delivery.attempts,
            new_next_attempt_at=delivery.next_attempt_at,
            new_error=delivery.error,
        )
        return result.changed == 1
