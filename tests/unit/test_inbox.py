"""Stored deliveries: acted on once, tried again after trouble, given up in the end."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from hitl_middleware.clock import ManualClock
from hitl_middleware.dispatch.local import LocalDispatcher
from hitl_middleware.errors import DeliveryBusy, NotFound
from hitl_middleware.inbox import MAX_ATTEMPTS, MOST_PAUSE, Inbox
from hitl_middleware.records import Delivery
from hitl_middleware.stores import open_store

HOUR = 3600.0


@pytest.fixture
def clock() -> ManualClock:
    """Time, turned by hand."""
    return ManualClock()


@pytest.fixture
async def inbox(clock):
    """An inbox over a store in memory; nothing is woken."""
    store = open_store("memory://", clock=clock)
    await store.prepare()
    return Inbox(store, LocalDispatcher())


async def due(inbox: Inbox) -> list[str]:
    """What a sweep would find."""
    async with inbox._store.read() as uow:
        return list(await uow.due("delivery"))


async def test_a_delivery_is_acted_on_once(inbox, clock):
    """S-01: received twice it is one; processed it is never due again, however long one waits."""
    seen: list[bytes] = []

    async def handler(delivery: Delivery) -> None:
        seen.append(delivery.body)

    inbox.handle("front", handler)
    assert await inbox.receive("front", "d1", b"hello")
    assert not await inbox.receive("front", "d1", b"hello")
    (delivery_id,) = await due(inbox)
    await inbox.process(delivery_id)
    clock.advance(HOUR)
    assert await due(inbox) == []
    await inbox.process(delivery_id)
    assert seen == [b"hello"]


async def test_trouble_is_tried_again_and_given_up_in_the_end(inbox, clock):
    """O-08: a delivery that cannot be processed comes back later, at most ``MAX_ATTEMPTS`` times; nothing is lost silently before."""
    tries = 0

    async def handler(delivery: Delivery) -> None:
        nonlocal tries
        tries += 1
        raise NotFound(kind="thing", key=delivery.key)

    inbox.handle("front", handler)
    await inbox.receive("front", "d1", b"hello")
    for _ in range(MAX_ATTEMPTS + 3):
        for delivery_id in await due(inbox):
            await inbox.process(delivery_id)
        assert await due(inbox) == []
        clock.advance(HOUR)
    assert tries == MAX_ATTEMPTS


async def test_whoever_waits_is_not_forgotten_for_long(inbox, clock):
    """O-08: pauses grow, and not beyond half a minute, though deaths of ours count as attempts; it is tried for about five minutes."""
    tried: list[float] = []

    async def handler(delivery: Delivery) -> None:
        tried.append(clock.monotonic())
        raise NotFound(kind="thing", key=delivery.key)

    inbox.handle("front", handler)
    await inbox.receive("front", "d1", b"hello")
    for _ in range(400):
        for delivery_id in await due(inbox):
            await inbox.process(delivery_id)
        clock.advance(1)
    pauses = [then - before for before, then in pairwise(tried)]
    assert pauses[:5] == [2, 4, 8, 16, 30]
    assert max(pauses) == MOST_PAUSE
    assert len(tried) == MAX_ATTEMPTS
    assert 240 < tried[-1] - tried[0] < 360


async def test_what_was_answered_at_once_is_remembered_until_it_is_forgotten(inbox):
    """S-10: a repetition is known; a delivery that could not be acted on may come again."""
    assert await inbox.first_time("slack", "k")
    assert not await inbox.first_time("slack", "k")
    await inbox.forget("slack", "k")
    assert await inbox.first_time("slack", "k")
    assert await due(inbox) == []


async def test_something_that_comes_by_several_ways_is_done_once(inbox, clock):
    """G-12: whoever brings it second is told that it was done; while it is being done, that it comes again."""
    done: list[str] = []

    async def act() -> None:
        with pytest.raises(DeliveryBusy):
            await inbox.once("github.comment", "1", act)
        done.append("1")

    assert await inbox.once("github.comment", "1", act)
    assert not await inbox.once("github.comment", "1", act)
    clock.advance(HOUR)
    assert not await inbox.once("github.comment", "1", act)
    assert done == ["1"]
    assert await due(inbox) == []


async def test_what_failed_or_died_half_way_is_begun_again(inbox, clock):
    """G-12: at once after an error, when the lease has run out after a death; nothing is lost."""
    tries = 0

    async def fails() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError
        if tries == 2:
            raise asyncio.CancelledError

    with pytest.raises(OSError):  # noqa: PT011 – that one
        await inbox.once("github.comment", "1", fails)
    with pytest.raises(asyncio.CancelledError):
        await inbox.once("github.comment", "1", fails)
    with pytest.raises(DeliveryBusy):
        await inbox.once("github.comment", "1", fails)
    clock.advance(HOUR)
    assert await inbox.once("github.comment", "1", fails)
    assert tries == 3
