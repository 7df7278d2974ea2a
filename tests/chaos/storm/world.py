"""What people see and use, and who they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hitl_middleware.testing.fake_github import FakeGitHub
from hitl_middleware.testing.fake_slack import FakeSlack
from hitl_middleware.testing.fake_slack.records import Message

from tests.chaos.storm.outside import Api, Books, Heard

ANN: Final = "U0ANN"
BOB: Final = "U0BOB"
SHOP: Final = "acme/shop"
REVIEWER: Final = "ann"
"""Who decides on GitHub."""
LABEL: Final = "bug"


@dataclass(frozen=True, slots=True)
class World:
    """What people see and use."""

    api: Api
    slack: FakeSlack
    github: FakeGitHub
    books: Books
    heard: Heard
    seed: str


def card_of(slack: FakeSlack, request: str) -> Message | None:
    """The card of a request."""
    return found[-1] if (found := cards_of(slack, request)) else None


def cards_of(slack: FakeSlack, request: str) -> list[Message]:
    """Every message that says it is this request's card."""
    return [each for each in slack.messages if _request_of(each) == request]


def _request_of(message: Message) -> str | None:
    found: str | None = (message.metadata or {}).get("event_payload", {}).get("request_id")
    return found
