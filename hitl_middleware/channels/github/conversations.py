"""Conversations on GitHub, read and judged: when a delivery tells of one, and now and then while something waits there.

GitHub does not repeat a delivery that failed, so a delivery only says where to look. What is found there is judged in the order in which it
was written and each thing once, whoever brought it: this server or another one, a delivery, its copy or the re-reading (G-12). Re-reading
alone is enough where GitHub cannot reach us.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

import structlog

from hitl_middleware.channels.github.desk import GitHubDesk
from hitl_middleware.channels.github.events import Commented, Reviewed
from hitl_middleware.channels.github.hints import explain
from hitl_middleware.channels.github.inbound import parse_command
from hitl_middleware.channels.github.judge import Judge
from hitl_middleware.channels.github.places import Conversation, Names, Watched, watched
from hitl_middleware.channels.github.reading import Comment, GitHubReader, Review
from hitl_middleware.errors import DeliveryBusy, DeliveryFailed
from hitl_middleware.ports import Clock

log = structlog.get_logger("hitl.github")

UNKNOWN: Final = dt.datetime.max.replace(tzinfo=dt.UTC)
"""Since when somebody speaks of whom only a review is told."""


class Conversations:
    """Lives on one event loop. ``seconds``: how often a conversation in which something waits is re-read."""

    def __init__(
        self, desk: GitHubDesk, reader: GitHubReader, judge: Judge, clock: Clock, *, seconds: float
    ) -> None:
        self._desk = desk
        self._reader = reader
        self._judge = judge
        self._clock = clock
        self._seconds = seconds
        self._names = Names(reader, clock)
        self._next = float("-inf")
        self._etags: dict[Watched, str] = {}

    async def heed(self, told: Commented | Reviewed) -> None:
        """Judge what a delivery tells of, and before it whatever was written earlier and is not judged yet.

        Raises ``DeliveryFailed`` where GitHub cannot be asked and ``DeliveryBusy`` where another process is at it: it comes again.
        """
        place = await self._place(told)
        if isinstance(told, Reviewed):
            if place.reviews:
                await self._read(place, None)
            return
        address = place.conversation.address
        found = await self._reader.comments_since(address, place.since)
        comments = list(found.items if found else ())
        if all(comment.id != told.comment for comment in comments):
            again = await self._reader.comment(address, told.comment)  # lists may be behind for a moment
            comments += [again] if again is not None else []
        await self._judge_all(place.conversation, comments, await self._reviews(place), told)

    async def _place(self, told: Commented | Reviewed) -> Watched:
        """The conversation that a delivery tells of, with all that waits there."""
        since = told.created_at if isinstance(told, Commented) else UNKNOWN
        spoken = Watched(Conversation((told.address,)), since, reviews=False)
        places = await self._names.joined([*watched(await self._desk.watched()), spoken])
        return next(each for each in places if told.address in each.conversation.names)

    async def reread(self) -> None:
        """Re-read, where it is time to, every conversation in which something waits. What fails is tried again the next time."""
        now = self._clock.monotonic()
        if now < self._next:
            return
        self._next = now + self._seconds
        places = await self._names.joined(watched(await self._desk.watched()))
        self._etags = {place: etag for place, etag in self._etags.items() if place in places}
        for place in places:
            try:
                await self._read(place, self._etags.get(place))
            except DeliveryBusy:
                continue  # whoever is at it will be done before the next time
            except DeliveryFailed as error:
                log.warning(
                    "conversation not read", address=str(place.conversation.address), error=str(error)
                )
                if error.retry_after is not None:
                    self._next = max(self._next, now + error.retry_after)
                    return  # asking for the others would only prolong it

    async def _read(self, place: Watched, etag: str | None) -> None:
        found = await self._reader.comments_since(place.conversation.address, place.since, etag)
        reviews = await self._reviews(place)
        await self._judge_all(place.conversation, found.items if found else (), reviews, None)
        if found is not None and found.etag is not None:
            self._etags[place] = found.etag  # only now: what was not judged is read again

    async def _reviews(self, place: Watched) -> Sequence[Review]:
        if not place.reviews:
            return ()
        reviews = await self._reader.reviews(place.conversation.address)
        return [review for review in reviews if review.submitted_at >= place.since]

    async def _judge_all(
        self,
        where: Conversation,
        comments: Sequence[Comment],
        reviews: Sequence[Review],
        told: Commented | None,
    ) -> None:
        written: list[Comment | Review] = [*filter(_is_of_concern, comments), *reviews]
        if told is not None:
            written += [each for each in comments if each.id == told.comment and each not in written]
        for each in sorted(written, key=_order):
            await self._judge_once(where, each, told)

    async def _judge_once(
        self, where: Conversation, written: Comment | Review, told: Commented | None
    ) -> None:
        # By its number alone, which GitHub gives once: the repository may have several names.
        key = str(written.id)
        if isinstance(written, Review):
            await self._desk.once("github.review", key, lambda: self._judge.review(where, written))
            return
        same = told if told is not None and told.comment == written.id else None
        await self._desk.once("github.comment", key, lambda: self._judge.comment(where, written, same))


def _is_of_concern(comment: Comment) -> bool:
    return parse_command(comment.body) is not None or explain(comment.body) is not None


def _order(written: Comment | Review) -> tuple[dt.datetime, int]:
    at = written.submitted_at if isinstance(written, Review) else written.created_at
    return at, written.id
