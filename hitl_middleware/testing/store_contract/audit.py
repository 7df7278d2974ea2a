"""Audit events: appended unlinked, sealed in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from hitl_middleware.ports import Store
from hitl_middleware.records import AuditEvent, ChainHead
from hitl_middleware.testing.store_contract.case import StoreCase, an_event


class AuditContract(StoreCase):
    """What the port says of the audit."""

    async def appended(self, store: Store, *events: AuditEvent) -> Sequence[AuditEvent]:
        """Events in the store."""
        async with store.begin() as uow:
            for event in events:
                await uow.append(event)
        return events

    async def sealed(self, store: Store, limit: int = 100) -> None:
        """Seal what is unsealed, as the sealer does."""
        async with store.begin() as uow:
            head = await uow.chain_head(lock=True)
            events = await uow.unsealed(limit)
            numbered = [
                replace(event, seq=head.seq + n, hash=f"hash-{head.seq + n}")
                for n, event in enumerate(events, 1)
            ]
            if numbered:
                await uow.seal(
                    numbered, ChainHead(head.seq + len(numbered), f"hash-{head.seq + len(numbered)}")
                )

    async def test_the_chain_begins_empty(self, store: Store) -> None:
        """Before the first event the head is 0 and nothing is listed (O-01)."""
        async with store.begin() as uow:
            assert await uow.chain_head(lock=True) == ChainHead(0, "")
            assert not await uow.unsealed(10)
            assert not await uow.list_audit()

    async def test_events_are_sealed_in_the_order_of_their_ids(self, store: Store) -> None:
        """Whatever order they were committed in, the oldest id is sealed first; then the chain lists them whole (O-01)."""
        first, second, third = an_event(), an_event(via=None, run_id=None, data={}), an_event()
        await self.appended(store, third)
        await self.appended(store, second, first)
        async with store.begin() as uow:
            assert list(await uow.unsealed(2)) == [first, second]
            assert list(await uow.unsealed(9)) == [first, second, third]
            assert not await uow.list_audit()
        await self.sealed(store, 2)
        async with store.begin() as uow:
            assert list(await uow.unsealed(9)) == [third]
            assert await uow.chain_head() == ChainHead(2, "hash-2")
        late = an_event()
        await self.appended(store, late)
        await self.sealed(store)
        async with store.read() as uow:
            assert list(await uow.list_audit()) == [
                replace(event, seq=n, hash=f"hash-{n}")
                for n, event in enumerate((first, second, third, late), 1)
            ]
            assert await uow.chain_head() == ChainHead(4, "hash-4")

    async def test_the_audit_is_read_in_pages_and_by_matter(self, store: Store) -> None:
        """After a number, up to a limit, of one run or one request (O-01)."""
        await self.appended(
            store,
            *(an_event(run_id=f"run-{n % 2}", request_id=f"request-{n % 3}") for n in range(6)),
        )
        await self.sealed(store)
        await self.appended(store, an_event(run_id="run-1"))
        async with store.read() as uow:
            assert [e.seq for e in await uow.list_audit(limit=4)] == [1, 2, 3, 4]
            assert [e.seq for e in await uow.list_audit(after=4, limit=4)] == [5, 6]
            assert [e.seq for e in await uow.list_audit(run_id="run-1")] == [2, 4, 6]
            assert [e.seq for e in await uow.list_audit(request_id="request-0", after=1)] == [4]
            assert [e.seq for e in await uow.list_audit(run_id="run-1", request_id="request-2")] == [6]

    async def test_a_sealed_event_stays_as_it_is(self, store: Store) -> None:
        """Sealing again neither renumbers nor rewrites; an event is appended once (O-01: append-only)."""
        (event,) = await self.appended(store, an_event())
        await self.sealed(store)
        async with store.begin() as uow:
            await uow.seal([replace(event, seq=7, hash="other")], ChainHead(1, "hash-1"))
        with pytest.raises(Exception):  # noqa: B017, PT011 – each database has its own words
            await self.appended(store, replace(event, actor="somebody else"))
        async with store.read() as uow:
            assert list(await uow.list_audit()) == [replace(event, seq=1, hash="hash-1")]
