"""Which conversations are read, and by which names requests know them.

To GitHub ``Acme/Shop`` is ``acme/shop``, and a repository that was renamed is still found by the name it had; its deliveries bear the new
one (docs.github.com, "Renaming a repository"). A request keeps the name that its run was given. So a conversation may have several names,
and whoever speaks in it is heard once, by all that waits there.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.reading import GitHubReader
from hitl_middleware.channels.github.words import Address
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.ports import Clock
from hitl_middleware.records import ReviewRequest

log = structlog.get_logger("hitl.github")

MARGIN: Final = dt.timedelta(minutes=1)
"""How far GitHub's clock and ours may be apart when we ask for what was written since."""

FRESH_SECONDS: Final = 600.0
"""How long it is believed that a repository still has the name that GitHub gave for it."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """An issue or a pull request, by every name that is known for it here; the name of what has waited longest first."""

    names: tuple[Address, ...]

    @property
    def address(self) -> Address:
        """Where it is read and answered. An old name will do: GitHub sends on."""
        return self.names[0]

    def concerns(self, request: ReviewRequest) -> bool:
        """Whether a request is asked or decided here."""
        here = {name.key for name in self.names}
        return any(
            each.key in here for each in (issue_of(request.labels), pull_request_of(request.labels)) if each
        )


@dataclass(frozen=True, slots=True)
class Watched:
    """A conversation in which something waits: since when, and whether reviews count there."""

    conversation: Conversation
    since: dt.datetime
    reviews: bool


def issue_of(labels: Mapping[str, str]) -> Address | None:
    """The issue that a request's labels name."""
    return Address.of(labels)


def pull_request_of(labels: Mapping[str, str]) -> Address | None:
    """The pull request that a request's labels name."""
    return Address.of({**labels, words.ISSUE: labels.get(words.PULL_REQUEST, "")})


def watched(pending: Iterable[ReviewRequest]) -> list[Watched]:
    """Every conversation in which something waits, with the time of what has waited longest there."""
    found = sorted(_each(pending), key=lambda each: each.since)
    return _together((each.conversation.address.key, each) for each in found)


def _each(pending: Iterable[ReviewRequest]) -> Iterator[Watched]:
    for request in pending:
        since = (request.created_at - MARGIN).replace(microsecond=0)
        for address, reviews in ((issue_of(request.labels), False), (pull_request_of(request.labels), True)):
            if address is not None:
                yield Watched(Conversation((address,)), since, reviews)


def _together(keyed: Iterable[tuple[Hashable, Watched]]) -> list[Watched]:
    """What has one key is one conversation."""
    found: dict[Hashable, Watched] = {}
    for key, each in keyed:
        known = found.get(key, each)
        found[key] = Watched(
            Conversation(tuple(dict.fromkeys(known.conversation.names + each.conversation.names))),
            min(known.since, each.since),
            known.reviews or each.reviews,
        )
    return list(found.values())


class Names:
    """Repositories that were renamed. GitHub is asked only where two conversations have one number: they may be one."""

    def __init__(self, reader: GitHubReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._known: dict[str, tuple[str, float]] = {}

    async def joined(self, places: Sequence[Watched]) -> list[Watched]:
        """The same, with what is one conversation as one."""
        places = _together((each.conversation.address.key, each) for each in places)
        numbers = [each.conversation.address.number for each in places]
        keyed: list[tuple[Hashable, Watched]] = []
        for each, number in zip(places, numbers, strict=True):
            address = each.conversation.address
            alone = numbers.count(number) == 1
            keyed.append((address.key if alone else (await self._now(address.repository), number), each))
        return _together(keyed)

    async def _now(self, repository: str) -> str:
        """The name that a repository has now, in lower case; the given one where GitHub does not say."""
        name = repository.lower()
        known, until = self._known.get(name, (name, float("-inf")))
        if self._clock.monotonic() < until:
            return known
        try:
            found = (await self._reader.name_of(repository)).lower()
        except DeliveryFailed as error:
            log.warning("repository not known", repository=repository, error=str(error))
            return name
        self._known[name] = (found, self._clock.monotonic() + FRESH_SECONDS)
        return found
