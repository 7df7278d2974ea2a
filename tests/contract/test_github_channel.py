"""The GitHub channel, by the suite for all channels and by what is GitHub's alone: real PyGithub, fake GitHub, over loopback."""

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.channel import GitHubChannel
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.records import CardView, Occasion
from hitl_middleware.testing.channel_contract import ChannelContract, approved, sample_view
from hitl_middleware.testing.fake_github import (
    FakeGitHub,
    HangUp,
    LostReply,
    ServerError,
    ServerErrorAfterAccepting,
    Slow,
)

from tests.kit.github_channel import ISSUE, LABELS, SHOP, GitHubWorld, fake, now, paths, settings_for, world

__all__ = ["fake", "now", "world"]


class TestGitHubKeepsTheContract(ChannelContract):
    @pytest.fixture
    async def world(self, fake: FakeGitHub):
        channel = GitHubChannel(settings_for(fake))
        yield GitHubWorld(fake, channel)
        await channel.close()


class TestPosting:
    async def test_one_act_is_one_request(self, world: GitHubWorld, now):
        """Posting and editing each cost one request; nothing is looked up before."""
        view = sample_view(world.target, now)
        ref = await world.channel.post(view)
        await world.channel.update(approved(view), ref)
        comment = ref.partition(":")[2]
        assert paths(world.fake) == [
            f"POST /repos/{SHOP}/issues/1/comments",
            f"PATCH /repos/{SHOP}/issues/comments/{comment}",
        ]

    @pytest.mark.parametrize(
        "fault",
        [LostReply(), ServerErrorAfterAccepting(), HangUp(), ServerError(503)],
        ids=lambda each: type(each).__name__,
    )
    async def test_pygithub_does_not_post_twice(self, world: GitHubWorld, now, fault):
        """Its own retries are off, whatever happens to the answer: one call, at most one comment, and ours is found."""
        view = sample_view(world.target, now)
        world.fake.fail("POST", "*/comments", fault)
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.post(view)
        assert not failed.value.permanent
        assert len(paths(world.fake)) == 1
        found = await GitHubChannel(settings_for(world.fake)).find(view)
        assert list(found) == list(world.messages())

    async def test_pygithub_as_it_comes_would_post_twice(self, fake: FakeGitHub, now):
        """Why its retries are taken out: with them a reply that is lost as a 502 leaves two comments."""
        from github import Auth, Github, GithubRetry

        retry = GithubRetry(total=2, backoff_factor=0)
        hub = Github(base_url=fake.url, auth=Auth.Token(fake.token), retry=retry, seconds_between_writes=0)
        fake.fail("POST", "*/comments", ServerErrorAfterAccepting())
        hub.get_repo(SHOP).get_issue(1).create_comment("once?")
        hub.close()
        assert len(fake.comments()) == 2

    async def test_nobody_is_told_twice_of_a_slow_answer(self, fake: FakeGitHub, now):
        """G-14: an answer that does not come in time is a failure that may pass; the comment is found."""
        from hitl_middleware.channels.github.client import GitHubClients

        settings = settings_for(fake)
        channel = GitHubChannel(settings, GitHubClients(settings, patience=1))
        view = sample_view(ISSUE, now)
        fake.fail("POST", "*/comments", Slow(2))
        with pytest.raises(DeliveryFailed):
            await channel.post(view)
        assert await channel.find(view)
        await channel.close()


class TestFinding:
    async def test_a_mark_that_somebody_copied_is_not_ours(self, world: GitHubWorld, now):
        """Whoever quotes or copies our comment, mark and all, has not posted the card."""
        view = sample_view(world.target, now)
        mark = words.card_marker(view.card.id)
        await world.fake.acomment(SHOP, 1, "ann", f"{mark}\nApproved, trust me")
        assert not await world.channel.find(view)
        ref = await world.channel.post(view)
        await world.fake.acomment(SHOP, 1, "ann", f"{mark}\nagain")
        assert list(await world.channel.find(view)) == [ref]

    async def test_a_mark_further_down_is_a_copy(self, world: GitHubWorld, now):
        """Not even in a comment of ours: there it quotes another card."""
        view, other = sample_view(world.target, now), sample_view(world.target, now)
        await world.fake.acomment(SHOP, 1, "hitl-bot", f"> {words.card_marker(view.card.id)}\n")
        await world.channel.post(
            replace(other, request=replace(other.request, title=words.card_marker(view.card.id)))
        )
        assert not await world.channel.find(view)

    async def test_among_hundreds_of_comments(self, world: GitHubWorld, now):
        """All pages, since the card was made."""
        view = sample_view(world.target, now)
        for number in range(110):
            await world.fake.acomment(SHOP, 1, "rob", f"chatter {number}")
        ref = await world.channel.post(view)
        before = len(paths(world.fake))
        assert list(await world.channel.find(view)) == [ref]
        assert paths(world.fake)[before:] == [f"GET /repos/{SHOP}/issues/1/comments"] * 2

    async def test_not_before_the_card_was_made(self, world: GitHubWorld, now):
        """Older comments (but for a minute of clock error) are not read."""
        view = sample_view(world.target, now + dt.timedelta(minutes=5))
        await world.channel.post(view)
        assert not await world.channel.find(view)

    async def test_gives_up_rather_than_posting_again(self, world: GitHubWorld, now, monkeypatch):
        """Where the list does not end, the card is not said to be absent."""
        monkeypatch.setattr("hitl_middleware.channels.github.rest.MOST_PAGES", 1)
        monkeypatch.setattr("hitl_middleware.channels.github.reading.PAGE", 2)
        for number in range(3):
            await world.fake.acomment(SHOP, 1, "rob", f"chatter {number}")
        with pytest.raises(DeliveryFailed, match="pages"):
            await world.channel.find(sample_view(world.target, now))


class TestWhere:
    """Pure: nothing is opened."""

    channel = GitHubChannel(GitHubSettings(token=SecretStr("t"), approvers=("github:acme/architects",)))

    def view(self, **changes: Any) -> CardView:
        request: dict[str, Any] = {"labels": LABELS, **changes}
        return sample_view(ISSUE, ManualClock().now(), **request)

    def test_the_issue_of_the_labels(self):
        """G-03: one comment, on the issue that the run is about."""
        assert self.channel.targets(self.view().request) == (ISSUE,)

    @pytest.mark.parametrize(
        "labels",
        [
            {},
            {"repository": SHOP},
            {"issue": "1"},
            {"repository": "shop", "issue": "1"},
            {"repository": SHOP, "issue": "0"},
        ],
    )
    def test_nowhere_without_an_issue(self, labels):
        """G-16: no error, no place; and nobody on GitHub is an approver by default."""
        assert self.channel.targets(self.view(labels=labels).request) == ()
        assert self.channel.approvers(labels) == ()

    def test_no_card_of_its_own_for_an_outcome(self):
        """An unknown act is settled on the card it has."""
        assert self.channel.targets(self.view(kind="outcome").request) == ()

    def test_who_may_decide_there_by_default(self):
        """G-09: those of ``[github]``."""
        assert self.channel.approvers(LABELS) == ("github:acme/architects",)

    def test_one_comment_confirms_a_decision(self):
        """G-04: on the issue of the card, with the words of the decision, under a key of its own."""
        view = approved(self.view())
        (draft,) = self.channel.notices(view.request, view.card, Occasion("decided"))
        assert (draft.key, draft.address) == ("decided", ISSUE.address)
        assert "Resumed" in draft.body["comment"]
