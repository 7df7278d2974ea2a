"""Cards: living messages, each carried by one at a time."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace

import pytest

from hitl_middleware.ids import new_id
from hitl_middleware.ports import Store
from hitl_middleware.records import Card, Target
from hitl_middleware.testing.store_contract.case import BORN, ODD, StoreCase, a_card


class CardContract(StoreCase):
    """What the port says of cards."""

    async def leased(self, store: Store, card: Card, owner: str = "me") -> Card:
        """The card under a lease of 30 seconds."""
        async with store.begin() as uow:
            leased = await uow.lease_card(card.id, owner, 30)
        assert leased is not None
        return leased

    async def test_a_card_comes_back_as_it_was(self, store: Store) -> None:
        """Every field is kept; cards of a request come oldest first."""
        request = await self.added_request(store)
        full = await self.added_card(
            store,
            request_id=request.id,
            target=Target(channel="github", address=ODD),
            wanted=9,
            shown=8,
            ref=ODD,
            attempts=2,
            next_attempt_at=BORN,
            error=ODD,
            gave_up=True,
            lease_owner="me",
            lease_until=BORN,
        )
        plain = await self.added_card(store, request_id=request.id)
        await self.added_card(store)
        async with store.read() as uow:
            assert await uow.card(full.id) == full
            assert list(await uow.cards_of(request.id)) == [full, plain]
            assert await uow.card(new_id()) is None

    async def test_a_card_is_found_by_its_message(self, store: Store) -> None:
        """By channel and ref together, once it is posted; what a person does to a message is done to its card (S-11)."""
        first = await self.added_card(store, ref="C1:1.5")
        other = await self.added_card(store, ref="C1:1.6", target=Target(channel="github", address="C1"))
        await self.added_card(store)
        async with store.read() as uow:
            assert await uow.card_at(first.target.channel, "C1:1.5") == first
            assert await uow.card_at("github", "C1:1.6") == other
            assert await uow.card_at("github", "C1:1.5") is None
            assert await uow.card_at(first.target.channel, "C1:1") is None
            assert await uow.card_at(first.target.channel, "") is None

    async def test_a_request_has_one_card_in_a_place(self, store: Store) -> None:
        """(request, channel, address) is unique: no place gets two cards (S-10)."""
        card = await self.added_card(store)
        async with store.begin() as uow:
            assert not await uow.add_card(a_card(card.request_id, wanted=5))
            assert await uow.add_card(a_card(card.request_id, target=Target(channel="slack", address="C2")))
            assert await uow.add_card(a_card(card.request_id, target=Target(channel="web", address="C1")))
            assert await uow.card(card.id) == card
        with pytest.raises(Exception):  # noqa: B017, PT011 – each database has its own words
            async with store.begin() as uow:
                await uow.add_card(a_card(new_id()))

    async def test_a_newer_version_is_wanted_of_every_card(self, store: Store) -> None:
        """All cards of the request become due at once, whatever went wrong before; ``wanted`` is never lowered."""
        late = dt.timedelta(days=365_000)
        given_up = await self.added_card(
            store, attempts=8, next_attempt_at=BORN + late, gave_up=True, error="no"
        )
        ahead = await self.added_card(
            store,
            request_id=given_up.request_id,
            target=Target(channel="web", address="x"),
            wanted=7,
            shown=1,
        )
        await self.added_card(store)
        async with store.begin() as uow:
            wanted = await uow.want_cards(given_up.request_id, 3)
            assert [card.id for card in wanted] == [given_up.id, ahead.id]
            assert list(wanted) == list(await uow.cards_of(given_up.request_id))
            first, second = wanted
            assert (first.wanted, first.attempts, first.next_attempt_at, first.gave_up) == (3, 8, None, False)
            assert (first.shown, first.error) == (0, "no")
            assert second.wanted == 7
            assert not await uow.want_cards(new_id(), 3)
            assert await uow.lease_card(given_up.id, "me", 30) is not None

    async def test_a_card_is_carried_by_one(self, store: Store) -> None:
        """A due card is leased once; when the lease has run out, another may take it."""
        card = await self.added_card(store)
        leased = await self.leased(store, card)
        assert leased == replace(card, attempts=1, lease_owner="me", lease_until=leased.lease_until)
        async with store.begin() as uow:
            assert await uow.lease_card(card.id, "you", 30) is None
            assert not await uow.due("card")
        self.advance(31)
        async with store.begin() as uow:
            assert list(await uow.due("card")) == [card.id]
            assert await uow.lease_card(card.id, "you", 30) is not None
            assert await uow.lease_card(new_id(), "you", 30) is None

    async def test_one_of_many_carries_the_card(self, store: Store) -> None:
        """Twenty that would post one card at the same time: one does (no second message)."""
        card = await self.added_card(store)

        async def lease(owner: str) -> Card | None:
            async with store.begin() as uow:
                return await uow.lease_card(card.id, owner, 30)

        taken = await asyncio.gather(*(lease(f"w{n}") for n in range(20)))
        assert len([one for one in taken if one is not None]) == 1

    async def test_due_cards(self, store: Store) -> None:
        """Due: behind, not given up, its next attempt come, its lease free."""
        async with store.read() as uow:
            now = await uow.now()
        soon, ago = now + dt.timedelta(seconds=60), now - dt.timedelta(seconds=60)
        due = [
            await self.added_card(store),
            await self.added_card(store, wanted=3, shown=2, next_attempt_at=ago),
            await self.added_card(store, lease_owner="x", lease_until=ago),
        ]
        waiting = await self.added_card(store, next_attempt_at=soon)
        held = await self.added_card(store, lease_owner="x", lease_until=soon)
        await self.added_card(store, wanted=2, shown=2)
        given_up = await self.added_card(store, gave_up=True)
        async with store.begin() as uow:
            assert list(await uow.due("card")) == [card.id for card in due]
            assert len(await uow.due("card", limit=1)) == 1
            for other in (waiting, held, given_up):
                assert await uow.lease_card(other.id, "me", 1) is None
        self.advance(120)
        async with store.read() as uow:
            assert list(await uow.due("card")) == [card.id for card in (*due, waiting, held)]

    async def test_saving_a_card_ends_its_lease(self, store: Store) -> None:
        """What became of it is written, and the card is free."""
        card = await self.added_card(store)
        leased = await self.leased(store, card)
        shown = replace(leased, ref="C1/171", shown=1, attempts=3, next_attempt_at=BORN, error=ODD)
        async with store.begin() as uow:
            assert await uow.save_card(shown)
            assert await uow.card(card.id) == replace(shown, lease_owner=None, lease_until=None)

    async def test_a_version_wanted_meanwhile_is_not_lost(self, store: Store) -> None:
        """The request changed while its card was carried: the card stays due for the newer version, even given up."""
        card = await self.added_card(store)
        leased = await self.leased(store, card)
        async with store.begin() as uow:
            await uow.want_cards(card.request_id, 4)
            assert await uow.save_card(replace(leased, shown=1, ref="r")) == 4
            saved = await uow.card(card.id)
            assert saved is not None
            assert (saved.wanted, saved.shown, saved.ref) == (4, 1, "r")
            assert list(await uow.due("card")) == [card.id]
        leased = await self.leased(store, card)
        async with store.begin() as uow:
            await uow.want_cards(card.request_id, 5)
            assert await uow.save_card(replace(leased, gave_up=True, attempts=8, error="channel gone"))
            saved = await uow.card(card.id)
            assert saved is not None
            assert (saved.wanted, saved.gave_up, saved.attempts, saved.error) == (5, False, 8, "channel gone")
            assert list(await uow.due("card")) == [card.id]

    async def test_a_doubt_outlives_a_save(self, store: Store) -> None:
        """Who carries the card meanwhile knows nothing of the doubt, and does not take it away; it is never lowered."""
        card = await self.added_card(store)
        leased = await self.leased(store, card)
        async with store.begin() as uow:
            await uow.doubt_card(card.id, 3)
            await uow.doubt_card(card.id, 2)
            assert await uow.save_card(replace(leased, shown=1, ref="r"))
            saved = await uow.card(card.id)
            assert saved is not None
            assert (saved.doubt, saved.shown, saved.doubtful) == (3, 1, True)
            await uow.doubt_card(new_id(), 1)

    async def test_a_late_save_changes_nothing(self, store: Store) -> None:
        """Who lost the lease of a card – taken over, or ended – does not overwrite what its new carrier knows."""
        card = await self.added_card(store)
        late = await self.leased(store, card, "late")
        self.advance(31)
        current = await self.leased(store, card, "current")
        async with store.begin() as uow:
            assert not await uow.save_card(replace(late, shown=1, ref="late"))
            assert await uow.card(card.id) == current
            assert await uow.save_card(replace(current, shown=1, ref="current"))
            assert not await uow.save_card(replace(late, shown=1, ref="late"))
            assert not await uow.save_card(a_card(card.request_id, lease_owner="late"))
            saved = await uow.card(card.id)
            assert saved is not None
            assert saved.ref == "current"
