"""A channel to a fake GitHub with one issue, for the tests of the channel."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.channel import GitHubChannel
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.clock import SystemClock
from hitl_middleware.records import Notice, Target
from hitl_middleware.testing.fake_github import (
    Comment,
    FakeGitHub,
    LostReply,
    Refused,
    SecondaryLimit,
    ServerError,
)

SHOP = "acme/shop"
ISSUE = Target(channel="github", address=f"{SHOP}#1")
LABELS = {"repository": SHOP, "issue": "1"}


def settings_for(fake: FakeGitHub, **more: object) -> GitHubSettings:
    """What the app knows of this GitHub."""
    return GitHubSettings.model_validate({"token": fake.token, "api_url": fake.url, **more})


@dataclass(frozen=True)
class GitHubWorld:
    fake: FakeGitHub
    channel: GitHubChannel
    target: Target = ISSUE

    def comment(self, ref: str) -> Comment:
        return self.fake.comment_now(words.CommentRef.parse(ref).comment)

    def messages(self) -> Sequence[str]:
        return [f"{SHOP}:{each.id}" for each in self.fake.comments() if words.card_in(each.body)]

    def words(self, ref: str) -> str:
        return self.fake.seen(self.comment(ref)).text

    def parsed(self, ref: str) -> str:
        # What stands in code is shown to the letter; GitHub makes something of everything else.
        return re.sub(r"<(code|pre)\b.*?</\1>", "", self.fake.seen(self.comment(ref)).html, flags=re.DOTALL)

    def notes(self) -> Sequence[str]:
        return [self.fake.seen(each).text for each in self.fake.comments() if words.notice_in(each.body)]

    def notice(self) -> Notice:
        body = {"comment": "Nothing was changed."}
        now = SystemClock().now()
        return Notice(
            id="n1", key="k1", channel="github", address=str(self.target.address), body=body, created_at=now
        )

    def lose_next_reply(self) -> None:
        self.fake.fail("*", "*", LostReply())

    def fail_next(self) -> None:
        self.fake.fail("*", "*", ServerError())

    def limit_next(self, seconds: int) -> None:
        self.fake.fail("*", "*", SecondaryLimit(retry_after=seconds))

    def refuse_next_for_good(self) -> None:
        self.fake.fail("*", "*", Refused(422))

    def delete(self, ref: str) -> None:
        self.fake.delete_comment(self.comment(ref), "ann")


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    """A repository with an issue; ann may write there, rob may read."""
    with FakeGitHub() as github:
        github.repository(SHOP)
        github.person("ann", permission="write")
        github.person("rob", permission="read")
        github.open_issue(SHOP, "ann", "Cart forgets its coupon")
        yield github


@pytest.fixture
async def world(fake: FakeGitHub):
    """The repository and our channel in it."""
    channel = GitHubChannel(settings_for(fake))
    yield GitHubWorld(fake, channel)
    await channel.close()


@pytest.fixture
def now() -> dt.datetime:
    """The machine's time: the fake's comments have it, too."""
    return SystemClock().now()


def paths(fake: FakeGitHub) -> list[str]:
    """What the API was asked for."""
    return [f"{call.method} {call.path}" for call in fake.calls]
