"""Stored webhook deliveries: verified and committed first, answered, and acted on afterwards from what is stored."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

import structlog

from hitl_middleware.errors import DeliveryBusy, HitlError
from hitl_middleware.ids import new_id
from hitl_middleware.ports import Dispatcher, Store
from hitl_middleware.records import Delivery
from hitl_middleware.work import unit

log = structlog.get_logger("hitl.inbox")

Handler = Callable[[Delivery], Awaitable[None]]
"""Acts on one delivery. May be called again for the same one after a crash, so it must lead to the same records (use its id)."""

MAX_ATTEMPTS = 14
"""Processes that die in the middle count, too. With the pauses between them about five minutes."""
MOST_PAUSE = 30.0
"""Seconds before the next attempt, at the most: whoever wrote a command waits for it, and ours are mostly held up by a death of our own."""
LEASES = 2
"""A delivery that takes longer than one lease is cut, and after two another process takes it up."""


class Inbox:
    """Receives deliveries and hands each to its channel's handler. ``seconds`` is HITL_LEASE_SECONDS."""

    def __init__(self, store: Store, dispatcher: Dispatcher, *, seconds: float = 30.0) -> None:
        self._seconds = seconds
        self._store = store
        self._dispatcher = dispatcher
        self._handlers: dict[str, Handler] = {}

    @property
    def channels(self) -> Collection[str]:
        """Those whose deliveries somebody here acts on."""
        return tuple(self._handlers)

    def handle(self, channel: str, handler: Handler) -> None:
        """Say who acts on a channel's deliveries."""
        self._handlers[channel] = handler

    async def receive(self, channel: str, key: str, body: bytes) -> bool:
        """Store a verified delivery, to be acted on soon; ``False``: it is known already."""
        async with unit(self._store, self._dispatcher) as work:
            delivery = Delivery(id=new_id(), channel=channel, key=key, body=body, received_at=work.now)
            new = await work.uow.add_delivery(delivery)
            if new:
                work.wake("delivery", delivery.id, channel)
        return new

    async def first_time(self, channel: str, key: str) -> bool:
        """Remember a delivery that is acted on at once; ``False``: it was here before."""
        async with self._store.begin() as uow:
            now = await uow.now()
            seen = Delivery(
                id=new_id(), channel=channel, key=key, body=b"", received_at=now, processed_at=now
            )
            return await uow.add_delivery(seen)

    async def once(self, channel: str, key: str, act: Callable[[], Awaitable[None]]) -> bool:
        """Do ``act`` for this key, under a lease, if it was not done before; ``False``: it was.

        For what may arrive by several ways, and in several processes at once. Raises ``DeliveryBusy`` while another one is at it. An act
        that raises, or dies, may be begun again, so it must lead to the same records.
        """
        async with self._store.read() as uow:
            before = await uow.delivery(channel, key)
        if before is not None and before.processed_at is not None:
            return False  # what is read again and again is mostly done, and writers take turns
        async with self._store.begin() as uow:
            now = await uow.now()
            new = Delivery(id=new_id(), channel=channel, key=key, body=b"", received_at=now)
            await uow.add_delivery(new)
            known = await uow.delivery(channel, key)
            assert known is not None  # noqa: S101 – it was added, or it was there
            if known.processed_at is not None:
                return False
            leased = await uow.lease_delivery(known.id, LEASES * self._seconds)
        if leased is None:
            raise DeliveryBusy(channel=channel, key=key)
        try:
            async with asyncio.timeout(self._seconds):
                await act()
        except Exception as error:
            async with self._store.begin() as uow:
                await uow.save_delivery(replace(leased, error=type(error).__name__))
            raise
        async with self._store.begin() as uow:
            await uow.save_delivery(replace(leased, processed_at=await uow.now(), error=None))
        return True

    async def forget(self, channel: str, key: str) -> None:
        """A delivery that could not be acted on may come again."""
        async with self._store.begin() as uow:
            await uow.drop_delivery(channel, key)

    async def process(self, delivery_id: str) -> None:
        """Act on one stored delivery."""
        async with self._store.begin() as uow:
            delivery = await uow.lease_delivery(delivery_id, LEASES * self._seconds)
        handler = self._handlers.get(delivery.channel) if delivery is not None else None
        if delivery is None or handler is None:
            return  # done, or another process's: the sweep here does not bring it
        error: str | None = None
        try:
            async with asyncio.timeout(self._seconds):
                await handler(delivery)
        except HitlError as problem:
            error = str(problem)
        except Exception as problem:
            log.exception("delivery broke", channel=delivery.channel, delivery=delivery.id)
            error = type(problem).__name__
        async with unit(self._store, self._dispatcher) as work:
            if error is None or delivery.attempts >= MAX_ATTEMPTS:
                await work.uow.save_delivery(replace(delivery, processed_at=work.now, error=error))
            else:
                later = work.now + dt.timedelta(seconds=min(2.0**delivery.attempts, MOST_PAUSE))
                await work.uow.save_delivery(replace(delivery, error=error, next_attempt_at=later))
                work.wake("delivery", delivery.id, delivery.channel, at=later)
        if error is not None:
            log.warning(
                "delivery not processed", channel=delivery.channel, attempt=delivery.attempts, error=error
            )
