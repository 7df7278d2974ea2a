"""Counting what waits and what went wrong."""

from __future__ import annotations

from hitl_middleware.ids import new_id
from hitl_middleware.ports import Store
from hitl_middleware.records import Tally
from hitl_middleware.testing.store_contract.case import BORN, StoreCase, a_delivery, a_notice


class TallyContract(StoreCase):
    """What the port says of counting."""

    async def test_an_empty_store_counts_nothing(self, store: Store) -> None:
        """Zeros, and no oldest one (O-02)."""
        async with store.read() as uow:
            before, tally, after = await uow.now(), await uow.tally(), await uow.now()
        assert before <= tally.at <= after
        assert tally == Tally(
            at=tally.at, pending=0, oldest_pending_at=None, unknown=0, failed_deliveries=0, failed_webhooks=0
        )

    async def test_only_what_waits_or_failed_is_counted(self, store: Store) -> None:
        """Pending requests and since when, unknown acts, messages and webhooks that were given up; nothing that is over (O-02)."""
        pending = await self.added_request(store)
        await self.added_request(store, status="approved")
        await self.added_action(store, status="unknown")
        await self.added_action(store, status="succeeded")
        await self.added_card(store, request_id=pending.id, gave_up=True)
        await self.added_card(store, gave_up=True, shown=1)
        async with store.begin() as uow:
            assert await uow.add_notice(a_notice(gave_up=True))
            assert await uow.add_notice(a_notice(gave_up=True, sent_at=BORN))
            assert await uow.add_notice(a_notice(key=new_id()))
            assert await uow.add_delivery(a_delivery(processed_at=BORN, error="it broke"))
            assert await uow.add_delivery(a_delivery(processed_at=BORN))
            assert await uow.add_delivery(a_delivery(error="is tried again"))
        async with store.read() as uow:
            tally = await uow.tally()
        assert tally.oldest_pending_at == BORN
        # The card's own request waits, too.
        assert (tally.pending, tally.unknown) == (2, 1)
        assert (tally.failed_deliveries, tally.failed_webhooks) == (2, 1)
