"""What can be seen from outside when all is over, as plain values: what the API shows, and what stands in Slack and on GitHub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from tests.chaos.storm.outside import Entry, Heard


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSeen:
    """An act, as the API shows it."""

    id: str
    status: str
    request: str | None
    key: str
    amount: int | None
    attempts: int
    settled_by: str | None

    @classmethod
    def of(cls, told: Mapping[str, Any]) -> Self:
        """From the API's JSON."""
        return cls(
            id=told["id"],
            status=told["status"],
            request=told["request_id"],
            key=told["idempotency_key"],
            amount=told["args"].get("amount"),
            attempts=told["attempts"],
            settled_by=told["settled_by"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestSeen:
    """A request, as the API shows it. ``delivered``: what the API says of its cards, by channel."""

    id: str
    status: str
    kind: str
    decided_by: str | None
    issue: int | None
    delivered: Mapping[str, str]

    @classmethod
    def of(cls, told: Mapping[str, Any], cards: Sequence[Mapping[str, Any]]) -> Self:
        """From the API's JSON."""
        issue = told["labels"].get("issue")
        return cls(
            id=told["id"],
            status=told["status"],
            kind=told["kind"],
            decided_by=told["decided_by"],
            issue=int(issue) if issue else None,
            delivered={card["channel"]: card["status"] for card in cards},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSeen:
    """A run with what it asked and did."""

    id: str
    status: str
    issue: int | None
    error: str | None
    requests: Sequence[RequestSeen] = ()
    actions: Sequence[ActionSeen] = ()


@dataclass(frozen=True, slots=True)
class CardSeen:
    """A message about a request: where, its words, and whether it can still be answered."""

    channel: str
    text: str
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """All of it. ``cards``: messages by request, in Slack and on GitHub; ``reacted``: comments that got 🚀 or 👎."""

    runs: Sequence[RunSeen]
    books: Sequence[Entry]
    heard: Heard
    cards: Mapping[str, Sequence[CardSeen]]
    reacted: frozenset[int]
    audit: str = ""
    """What is wrong with the audit's chain; nothing, if it holds."""
