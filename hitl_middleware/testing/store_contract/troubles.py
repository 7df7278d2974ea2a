"""What is out of order: bounded pages of what is not finished, and what was given up made due again."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from hitl_middleware.ids import new_id
from hitl_middleware.ports import Store
from hitl_middleware.records import Mail, Target, Undelivered
from hitl_middleware.testing.store_contract.case import BORN, ODD, StoreCase, a_delivery, a_notice


class TroubleContract(StoreCase):
    """What the port says of the diagnosis."""

    async def test_active_runs_come_in_pages(self, store: Store) -> None:
        """Running and suspended ones by thread, each once; nothing that is queued or over."""
        runs = [
            await self.added_run(store, thread_id=f"t-{n}", status="suspended" if n % 2 else "running")
            for n in (3, 1, 4, 2)
        ]
        await self.added_run(store, thread_id="t-1", status="queued")
        await self.added_run(store, thread_id="t-0", status="succeeded")
        async with store.read() as uow:
            first = await uow.active_runs(limit=3)
            assert [run.thread_id for run in first] == ["t-1", "t-2", "t-3"]
            assert first[0] == runs[1]
            assert [run.thread_id for run in await uow.active_runs(after="t-3", limit=3)] == ["t-4"]
            assert not await uow.active_runs(after="t-4")

    async def test_runs_that_nobody_was_asked_about(self, store: Store) -> None:
        """Suspended, at rest, of a named graph, and no request of theirs is pending (G-15)."""
        now = await self._now(store)
        rest = {"status": "suspended", "wanted": 2, "seen": 2}
        asked_before = await self.added_run(store, thread_id="t-1", **rest)
        await self.added_request(store, run_id=asked_before.id, status="superseded")
        free = await self.added_run(store, thread_id="t-2", lease_owner="x", lease_until=now, **rest)
        asking = await self.added_run(store, thread_id="t-3", **rest)
        await self.added_request(store, run_id=asking.id)
        held = now + dt.timedelta(seconds=60)
        await self.added_run(store, thread_id="t-4", lease_owner="x", lease_until=held, **rest)
        await self.added_run(store, thread_id="t-5", **{**rest, "wanted": 3})
        await self.added_run(store, thread_id="t-6", **{**rest, "status": "running"})
        await self.added_run(store, thread_id="t-7", graph="elsewhere", **rest)
        async with store.read() as uow:
            assert list(await uow.unasked_runs(among=["support"])) == [asked_before, free]
            assert list(await uow.unasked_runs(among=["support"], limit=1)) == [asked_before]
            assert list(await uow.unasked_runs(among=["support"], after="t-1")) == [free]
            assert not await uow.unasked_runs(among=[])

    async def test_unknown_acts_come_in_pages(self, store: Store) -> None:
        """Oldest first; no other act."""
        acts = [await self.added_action(store, status="unknown") for _ in range(3)]
        await self.added_action(store, status="executing")
        async with store.read() as uow:
            assert list(await uow.unknown_actions(limit=2)) == acts[:2]
            assert list(await uow.unknown_actions(after=acts[1].id)) == acts[2:]

    async def test_cards_that_were_given_up(self, store: Store) -> None:
        """Told with place, error and request; due again at once, as after a first attempt, and only once (G-14)."""
        place = Target(channel="github", address=ODD)
        card = await self.added_card(store, target=place, gave_up=True, attempts=12, error=ODD)
        await self.added_card(store, gave_up=True, shown=1)
        await self.added_card(store, error="is tried again")
        told = Undelivered(
            id=card.id, topic="card", channel="github", address=ODD, attempts=12, error=ODD, since=BORN,
            request_id=card.request_id,
        )  # fmt: skip
        assert await self._undelivered(store, "card") == [told]
        late = BORN + dt.timedelta(days=365_000)
        await self._given_up_until(store, card.id, late)
        await self._again(store, "card", card.id)
        async with store.begin() as uow:
            assert card.id in await uow.due("card")
            leased = await uow.lease_card(card.id, "me", 30)
            assert leased is not None
            assert (leased.attempts, leased.error) == (2, ODD)

    async def test_notices_that_were_given_up(self, store: Store) -> None:
        """The same."""
        notice = a_notice(channel="github", gave_up=True, attempts=12, error=ODD, next_attempt_at=BORN)
        async with store.begin() as uow:
            assert await uow.add_notice(notice)
            assert await uow.add_notice(a_notice(gave_up=True, sent_at=BORN))
            assert await uow.add_notice(a_notice(error="is tried again"))
        told = Undelivered(
            id=notice.id, topic="notice", channel="github", address="C1", attempts=12, error=ODD, since=BORN
        )
        assert await self._undelivered(store, "notice") == [told]
        await self._again(store, "notice", notice.id)
        async with store.begin() as uow:
            leased = await uow.lease_notice(notice.id, 30)
            assert leased is not None
            assert (leased.attempts, leased.error) == (2, ODD)

    async def test_webhooks_that_nobody_could_act_on(self, store: Store) -> None:
        """The same for stored deliveries that ended with an error; its bytes are still there."""
        failed = a_delivery(processed_at=BORN, attempts=8, error=ODD, body=b"\x00{}")
        async with store.begin() as uow:
            assert await uow.add_delivery(failed)
            assert await uow.add_delivery(a_delivery(processed_at=BORN))
            assert await uow.add_delivery(a_delivery(error="is tried again"))
        told = Undelivered(
            id=failed.id, topic="delivery", channel="front", address=failed.key, attempts=8, error=ODD,
            since=BORN,
        )  # fmt: skip
        assert await self._undelivered(store, "delivery") == [told]
        await self._again(store, "delivery", failed.id)
        async with store.begin() as uow:
            leased = await uow.lease_delivery(failed.id, 30)
            assert leased is not None
            assert (leased.attempts, leased.body) == (2, b"\x00{}")

    async def test_what_was_given_up_comes_in_pages(self, store: Store) -> None:
        """Oldest first, each once."""
        for _ in range(3):
            await self.added_card(store, gave_up=True)
        async with store.read() as uow:
            first = await uow.undelivered("card", limit=2)
            rest = await uow.undelivered("card", after=first[-1].id, limit=2)
        ids = [each.id for each in (*first, *rest)]
        assert (len(ids), ids) == (3, sorted(ids))

    async def test_making_due_again_is_a_change(self, store: Store) -> None:
        """A unit of work that only reads refuses it; what is not there changes nothing."""
        async with store.read() as uow:
            with pytest.raises(Exception):  # noqa: B017, PT011 – each database has its own words
                await uow.deliver_again("card", new_id())
        async with store.begin() as uow:
            for topic in ("card", "notice", "delivery"):
                assert not await uow.deliver_again(topic, new_id())

    async def _now(self, store: Store) -> dt.datetime:
        async with store.read() as uow:
            return await uow.now()

    async def _undelivered(self, store: Store, topic: Mail) -> list[Undelivered]:
        async with store.read() as uow:
            return list(await uow.undelivered(topic))

    async def _given_up_until(self, store: Store, card_id: str, at: dt.datetime) -> None:
        """Have a card that was given up wait for an attempt that never comes."""
        async with store.begin() as uow:
            card = await uow.card(card_id)
            assert card is not None
            assert await uow.save_card(replace(card, next_attempt_at=at))

    async def _again(self, store: Store, topic: Mail, key: str) -> None:
        async with store.begin() as uow:
            assert await uow.deliver_again(topic, key)
            assert not await uow.deliver_again(topic, key)
            assert not await uow.undelivered(topic)
            assert key in await uow.due(topic)
