"""``publish(card)``: make a posted message show what is stored; and deliver notices once.

A reconciler like ``advance``: whatever bumped the request's version, this is the one path that makes its messages true.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import zlib
from collections.abc import Iterable
from dataclasses import replace

import structlog

from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.logged import log_facts
from hitl_middleware.ports import Dispatcher, ReviewChannel, Store
from hitl_middleware.records import Card, CardView, Notice
from hitl_middleware.views import card_view
from hitl_middleware.work import unit

log = structlog.get_logger("hitl.publish")

LEASES = 2
"""A delivery that takes longer than one lease is cut, and after two another process takes it up: never two of them at once."""

MAX_ATTEMPTS = 12
BACKOFF = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds before the next attempt; the last one repeats. With 12 attempts about 30 minutes; a later version tries again."""


class Publisher:
    """Posts and updates cards, delivers notices.

    ``public_url``: where request pages are served, for links. ``seconds`` is HITL_LEASE_SECONDS.
    """

    def __init__(
        self,
        store: Store,
        channels: Iterable[ReviewChannel],
        dispatcher: Dispatcher,
        *,
        owner: str,
        public_url: str | None,
        seconds: float,
    ) -> None:
        self._store = store
        self._channels = {channel.name: channel for channel in channels}
        self._dispatcher = dispatcher
        self._owner = owner
        self._seconds = seconds
        self._url = public_url

    async def publish(self, card_id: str) -> None:
        """Bring one card up to its request's version."""
        async with self._store.begin() as uow:
            known = await uow.card(card_id)
            channel = self._channels.get(known.target.channel) if known is not None else None
            if channel is None:
                return  # another process of this database has the channel, or it is switched off: nothing is touched
            card = await uow.lease_card(card_id, self._owner, LEASES * self._seconds)
        if card is None or (view := await self._view(card)) is None:
            return
        try:
            async with asyncio.timeout(self._seconds):
                ref, new = await _show(channel, view)
        except DeliveryFailed as error:
            await self._failed(card, view, error)
            return
        except TimeoutError:
            await self._failed(card, view, self._too_slow())
            return
        except Exception as error:
            log.exception("delivery broke", channel=channel.name, card=card.id)
            await self._failed(card, view, DeliveryFailed(type(error).__name__, unheard=True))
            return
        done = replace(card, ref=ref, attempts=0, error=None)
        if new and card.shown < card.doubt:
            # A post that nobody heard of may still come: this one does not count as shown before the place was looked at once more.
            await self._save(card, done, wait=LEASES * self._seconds)
        else:
            await self._save(card, replace(done, shown=view.request.version))
        log.info("review card published", **_facts(view, posted=card.ref is None))

    async def _view(self, card: Card) -> CardView | None:
        async with self._store.read() as uow:
            return await card_view(uow, card, public_url=self._url)

    async def _failed(self, card: Card, view: CardView, error: DeliveryFailed) -> None:
        gave_up = error.permanent or card.attempts >= MAX_ATTEMPTS
        wait = _wait(error, card.attempts, card.id)
        doubt = view.request.version if error.unheard and card.ref is None else None
        await self._save(card, replace(card, error=_reason(error), gave_up=gave_up), wait=wait, doubt=doubt)
        again = None if gave_up else wait
        log.warning(
            "delivery gave up" if gave_up else "delivery failed",
            **_facts(view, attempt=card.attempts, error=_reason(error), retry_in=again),
        )

    def _too_slow(self) -> DeliveryFailed:
        return DeliveryFailed(f"no answer within {self._seconds:g} s", unheard=True)

    async def _save(
        self, leased: Card, card: Card, *, wait: float | None = None, doubt: int | None = None
    ) -> None:
        """``card`` is what became of ``leased``."""
        async with unit(self._store, self._dispatcher) as work:
            later = None if wait is None else work.now + dt.timedelta(seconds=wait)
            wanted = await work.uow.save_card(replace(card, next_attempt_at=later))
            if wanted is not None:
                if doubt is not None:
                    await work.uow.doubt_card(card.id, doubt)
                if later is not None and not card.gave_up:
                    work.wake("card", card.id, card.target.channel, at=later)
                elif later is None and wanted > card.shown:  # who asked for more meanwhile found it taken
                    work.wake("card", card.id, card.target.channel)
                return
            # This process was away for so long that another one took the card over, and what it sent may have come last.
            request = await work.uow.request(card.request_id, lock=True)
            if request is not None:
                newer = replace(request, version=request.version + 1, updated_at=work.now)
                await work.show(newer)
                if leased.ref is None:  # … or may stand there beside the other one's
                    await work.uow.doubt_card(card.id, newer.version)

    async def notify(self, notice_id: str) -> None:
        """Deliver one notice."""
        async with self._store.begin() as uow:
            notice = await uow.lease_notice(notice_id, LEASES * self._seconds)
        if notice is None:
            return
        channel = self._channels.get(notice.channel)
        try:
            if channel is None:
                missing = f"channel {notice.channel!r} is not configured here"
                raise DeliveryFailed(missing, permanent=True)
            async with asyncio.timeout(self._seconds):
                await channel.notify(notice)
        except DeliveryFailed as error:
            await self._notice_failed(notice, error)
            return
        except TimeoutError:
            await self._notice_failed(notice, self._too_slow())
            return
        except Exception as error:
            log.exception("notice broke", channel=notice.channel, notice=notice.id)
            await self._notice_failed(notice, DeliveryFailed(type(error).__name__))
            return
        async with self._store.begin() as uow:
            await uow.save_notice(replace(notice, sent_at=await uow.now(), error=None))

    async def _notice_failed(self, notice: Notice, error: DeliveryFailed) -> None:
        gave_up = error.permanent or notice.attempts >= MAX_ATTEMPTS
        wait = _wait(error, notice.attempts, notice.id)
        async with unit(self._store, self._dispatcher) as work:
            later = work.now + dt.timedelta(seconds=wait)
            failed = replace(notice, error=_reason(error), gave_up=gave_up, next_attempt_at=later)
            await work.uow.save_notice(failed)
            if not gave_up:
                work.wake("notice", notice.id, notice.channel, at=later)
        log.warning(
            "notice gave up" if gave_up else "notice failed",
            channel=notice.channel, notice=notice.id, key=notice.key, attempt=notice.attempts, error=_reason(error),
        )  # fmt: skip


def _facts(view: CardView, **more: object) -> dict[str, object]:
    """What the log says of a card."""
    request = view.request
    decision = request.decision.type if request.decision is not None else None
    return log_facts(
        view.run.labels, channel=view.card.target.channel, request=request.id, run=view.run.id, step=request.step,
        tool=request.tool, status=request.status, version=request.version, decision=decision, **more,
    )  # fmt: skip


def _reason(error: DeliveryFailed) -> str:
    """Without the words that every failed delivery has."""
    return str(error.facts["reason"])


async def _show(channel: ReviewChannel, view: CardView) -> tuple[str, bool]:
    """Post or update; the message's ref, and whether it is a new one.

    Where an earlier post may have got there unheard, it is looked for before anything is posted; of several messages one remains.
    """
    card = view.card
    found = await channel.find(view) if card.doubtful else ()
    ref = card.ref or next(iter(found), None)
    if ref is None:
        return await channel.post(view), True
    await channel.update(view, ref)
    for stray in found:
        if stray != ref:
            await channel.remove(stray)
    return ref, False


def _wait(error: DeliveryFailed, attempts: int, key: str) -> float:
    """Seconds before the next attempt; a place that says when is taken at its word, the first time.

    When many are told to come again in a second, many come in that second, one gets through (Slack takes one message a second in a channel:
    docs.slack.dev, "Rate limits"), and the attempts of the others run out. So whoever is told so again comes later, each at its own time.
    """
    wait = _backoff(attempts)
    if error.retry_after is None or attempts <= 1:
        return wait if error.retry_after is None else error.retry_after
    return max(error.retry_after, wait) * (1 + zlib.crc32(key.encode()) / 2**32)


def _backoff(attempts: int) -> float:
    return BACKOFF[min(max(attempts, 1), len(BACKOFF)) - 1]
