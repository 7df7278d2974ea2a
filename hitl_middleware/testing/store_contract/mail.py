"""Notices and deliveries: one-off messages out, webhooks in."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from hitl_middleware.ids import new_id
from hitl_middleware.ports import Store
from hitl_middleware.records import Delivery, Notice
from hitl_middleware.testing.store_contract.case import BORN, ODD, StoreCase, a_delivery, a_notice


class MailContract(StoreCase):
    """What the port says of notices and deliveries."""

    async def added_notice(self, store: Store, **facts: object) -> Notice:
        """A stored notice."""
        notice = a_notice(**facts)
        async with store.begin() as uow:
            assert await uow.add_notice(notice)
        return notice

    async def added_delivery(self, store: Store, **facts: object) -> Delivery:
        """A stored delivery."""
        delivery = a_delivery(**facts)
        async with store.begin() as uow:
            assert await uow.add_delivery(delivery)
        return delivery

    async def test_a_notice_is_written_once(self, store: Store) -> None:
        """The key is unique: a second one, made by a repeated step, is not stored."""
        notice = await self.added_notice(store, key="confirm:1", address=ODD, attempts=1, error=ODD)
        async with store.begin() as uow:
            assert not await uow.add_notice(a_notice(key="confirm:1"))
            assert list(await uow.due("notice")) == [notice.id]
            leased = await uow.lease_notice(notice.id, 30)
            assert leased is not None
            assert leased == replace(notice, attempts=2, lease_until=leased.lease_until)

    async def test_a_notice_is_delivered_by_one(self, store: Store) -> None:
        """Leased once; due again when the lease ran out; never after it was sent."""
        notice = await self.added_notice(store)
        async with store.begin() as uow:
            assert await uow.lease_notice(notice.id, 30) is not None
            assert await uow.lease_notice(notice.id, 30) is None
            assert await uow.lease_notice(new_id(), 30) is None
        self.advance(31)
        async with store.begin() as uow:
            leased = await uow.lease_notice(notice.id, 30)
            assert leased is not None
            assert await uow.save_notice(replace(leased, sent_at=BORN))
        self.advance(31)
        async with store.begin() as uow:
            assert not await uow.due("notice")
            assert await uow.lease_notice(notice.id, 30) is None

    async def test_a_late_word_on_a_notice_changes_nothing(self, store: Store) -> None:
        """Who lost the lease cannot make a sent notice unsent."""
        notice = await self.added_notice(store)
        async with store.begin() as uow:
            late = await uow.lease_notice(notice.id, 30)
            assert late is not None
        self.advance(31)
        async with store.begin() as uow:
            current = await uow.lease_notice(notice.id, 30)
            assert current is not None
            assert not await uow.save_notice(replace(late, error="late"))
            assert await uow.save_notice(replace(current, sent_at=BORN))
            assert not await uow.save_notice(replace(late, error="late"))
            assert not await uow.due("notice")

    async def test_due_notices(self, store: Store) -> None:
        """Due: unsent, not given up, its next attempt come, its lease free."""
        async with store.read() as uow:
            now = await uow.now()
        soon = now + dt.timedelta(seconds=60)
        due = [await self.added_notice(store), await self.added_notice(store, next_attempt_at=now)]
        waiting = await self.added_notice(store, next_attempt_at=soon)
        held = await self.added_notice(store, lease_until=soon)
        await self.added_notice(store, sent_at=BORN)
        await self.added_notice(store, gave_up=True)
        async with store.begin() as uow:
            assert list(await uow.due("notice")) == [notice.id for notice in due]
            assert await uow.lease_notice(waiting.id, 1) is None
            leased = await uow.lease_notice(due[0].id, 30)
            assert leased is not None
            assert await uow.save_notice(replace(leased, attempts=1, next_attempt_at=soon, error="later"))
        self.advance(120)
        async with store.begin() as uow:
            assert set(await uow.due("notice")) == {n.id for n in (*due, waiting, held)}
            failed = await uow.lease_notice(due[0].id, 30)
            assert failed is not None
            assert (failed.attempts, failed.error) == (2, "later")
            assert await uow.save_notice(replace(failed, gave_up=True))
            assert due[0].id not in await uow.due("notice")

    async def test_a_repeated_delivery_is_known(self, store: Store) -> None:
        """(channel, key) is unique, until a delivery that could not be acted on is dropped (S-10)."""
        delivery = await self.added_delivery(store, channel="slack", key="1")
        async with store.begin() as uow:
            assert not await uow.add_delivery(a_delivery(channel="slack", key="1"))
            assert await uow.add_delivery(a_delivery(channel="front", key="1"))
            assert await uow.delivery("slack", "1") == delivery
            await uow.drop_delivery("slack", "1")
            assert await uow.delivery("slack", "1") is None
            await uow.drop_delivery("slack", "never came")
            assert await uow.lease_delivery(delivery.id, 30) is None
            assert await uow.add_delivery(a_delivery(channel="slack", key="1"))

    async def test_a_delivery_is_acted_on_by_one(self, store: Store) -> None:
        """Its bytes come back as they came; leased once; due again when the lease ran out; never after it was processed."""
        delivery = await self.added_delivery(store, body=bytes(range(256)), attempts=1, error=ODD)
        async with store.begin() as uow:
            late = await uow.lease_delivery(delivery.id, 30)
            assert late is not None
            assert late == replace(delivery, attempts=2, lease_until=late.lease_until)
            assert await uow.lease_delivery(delivery.id, 30) is None
        self.advance(31)
        async with store.begin() as uow:
            assert list(await uow.due("delivery")) == [delivery.id]
            current = await uow.lease_delivery(delivery.id, 30)
            assert current is not None
            assert not await uow.save_delivery(replace(late, error="late"))
            assert await uow.save_delivery(replace(current, processed_at=BORN))
            assert not await uow.save_delivery(replace(late, error="late"))
        self.advance(31)
        async with store.begin() as uow:
            assert not await uow.due("delivery")
            assert await uow.lease_delivery(delivery.id, 30) is None

    async def test_due_deliveries(self, store: Store) -> None:
        """Due: unprocessed, its next attempt come, its lease free."""
        async with store.read() as uow:
            now = await uow.now()
        soon = now + dt.timedelta(seconds=60)
        due = [await self.added_delivery(store), await self.added_delivery(store, next_attempt_at=now)]
        later = [
            await self.added_delivery(store, next_attempt_at=soon),
            await self.added_delivery(store, lease_until=soon),
        ]
        await self.added_delivery(store, processed_at=BORN)
        async with store.begin() as uow:
            assert list(await uow.due("delivery")) == [delivery.id for delivery in due]
            leased = await uow.lease_delivery(due[0].id, 30)
            assert leased is not None
            assert await uow.save_delivery(replace(leased, attempts=2, next_attempt_at=soon, error="later"))
        self.advance(120)
        async with store.read() as uow:
            assert set(await uow.due("delivery")) == {d.id for d in (*due, *later)}
