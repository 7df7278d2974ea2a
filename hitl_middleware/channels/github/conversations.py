"""Conversations on GitHub, read and judged: when a delivery tells of one, and now and then while something waits there.

GitHub does not repeat a delivery that failed, so a delivery only says where to look. What is found there is judged in the order in which it
was written and each thing once, whoever brought it: this server or another one, a delivery, its copy or the re-reading (G-12). Re-reading
alone is enough where GitHub cannot reach us.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.desk import GitHubDesk
from hitl_middleware.channels.github.events import Commented, Reviewed
from hitl_middleware.channels.github.hints import explain
from hitl_middleware.channels.github.inbound import parse_command
from hitl_middleware.channels.github.judge import Judge
from hitl_middleware.channels.github.reading import Comment, GitHubReader, Review
from hitl_middleware.channels.github.words import Address
from hitl_middleware.errors import DeliveryBusy, DeliveryFailed
from hitl_middleware.ports import Clock
from hitl_middleware.records import ReviewRequest

log = structlog.get_logger("hitl.github")

MARGIN: Final = dt.timedelta(minutes=1)
"""How far GitHub's clock and ours may be apart when we ask for what was written since."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A conversation in which something waits: since when, and whether reviews count there."""

    address: Address
    since: dt.datetime
    reviews: bool


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
        self._next = float("-inf")
        self._etags: dict[Watched, str] = {}

    async def heed(self, told: Commented | Reviewed) -> None:
        """Judge what a delivery tells of, and before it whatever was written earlier and is not judged yet.

        Raises ``DeliveryFailed`` where GitHub cannot be asked and ``DeliveryBusy`` where another process is at it: it comes again.
        """
        waiting = {each.address: each for each in _places(await self._desk.watched())}
        watched = waiting.get(told.address)
        if isinstance(told, Reviewed):
            if watched is not None and watched.reviews:
                await self._read(watched, None)
            return
        since = watched.since if watched else told.created_at
        found = await self._reader.comments_since(told.address, min(since, told.created_at))
        comments = list(found.items if found else ())
        if all(comment.id != told.comment for comment in comments):
            again = await self._reader.comment(told.address, told.comment)  # lists may be behind for a moment
            comments += [again] if again is not None else []
        reviews = await self._reviews(watched) if watched else ()
        await self._judge_all(told.address, comments, reviews, told)

    async def reread(self) -> None:
        """Re-read, where it is time to, every conversation in which something waits. What fails is tried again the next time."""
        now = self._clock.monotonic()
        if now < self._next:
            return
        self._next = now + self._seconds
        places = list(_places(await self._desk.watched()))
        self._etags = {watched: etag for watched, etag in self._etags.items() if watched in places}
        for watched in places:
            try:
                await self._read(watched, self._etags.get(watched))
            except DeliveryBusy:
                continue  # whoever is at it will be done before the next time
            except DeliveryFailed as error:
                log.warning("conversation not read", address=str(watched.address), error=str(error))
                if error.retry_after is not None:
                    self._next = max(self._next, now + error.retry_after)
                    return  # asking for the others would only prolong it

    async def _read(self, watched: Watched, etag: str | None) -> None:
        found = await self._reader.comments_since(watched.address, watched.since, etag)
        reviews = await self._reviews(watched)
        await self._judge_all(watched.address, found.items if found else (), reviews, None)
        if found is not None and found.etag is not None:
            self._etags[watched] = found.etag  # only now: what was not judged is read again

    async def _reviews(self, watched: Watched) -> Sequence[Review]:
        if not watched.reviews:
            return ()
        reviews = await self._reader.reviews(watched.address)
        return [review for review in reviews if review.submitted_at >= watched.since]

    async def _judge_all(
        self,
        address: Address,
        comments: Sequence[Comment],
        reviews: Sequence[Review],
        told: Commented | None,
    ) -> None:
        written: list[Comment | Review] = [*filter(_is_of_concern, comments), *reviews]
        if told is not None:
            written += [each for each in comments if each.id == told.comment and each not in written]
        for each in sorted(written, key=_order):
            await self._judge_once(address, each, told)

    async def _judge_once(self, address: Address, written: Comment | Review, told: Commented | None) -> None:
        if isinstance(written, Review):
            key = f"{address.repository}:review:{written.id}"
            await self._desk.once("github.review", key, lambda: self._judge.review(address, written))
            return
        same = told if told is not None and told.comment == written.id else None
        key = f"{address.repository}:{written.id}"
        await self._desk.once("github.comment", key, lambda: self._judge.comment(address, written, same))


def _is_of_concern(comment: Comment) -> bool:
    return parse_command(comment.body) is not None or explain(comment.body) is not None


def _order(written: Comment | Review) -> tuple[dt.datetime, int]:
    at = written.submitted_at if isinstance(written, Review) else written.created_at
    return at, written.id


def _places(pending: Sequence[ReviewRequest]) -> Iterator[Watched]:
    """Every conversation in which something waits, with the time of what has waited longest there."""
    since: dict[Address, tuple[dt.datetime, bool]] = {}
    for request in pending:
        issue = Address.of(request.labels)
        pull_request = Address.of({**request.labels, words.ISSUE: request.labels.get(words.PULL_REQUEST, "")})
        for address, reviews in ((issue, False), (pull_request, True)):
            if address is not None:
                known, reviewed = since.get(address, (request.created_at, reviews))
                since[address] = (min(known, request.created_at), reviewed or reviews)
    for address, (at, reviews) in since.items():
        yield Watched(address, (at - MARGIN).replace(microsecond=0), reviews)
