"""The GitHub channel, by the suite for all channels and by what is GitHub's alone: real PyGithub, fake GitHub, over loopback."""

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from pydantic import SecretStr

from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.channel import GitHubChannel
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.clock import ManualClock, SystemClock
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.records import CardView, Notice, Occasion, Target
from hitl_middleware.testing.channel_contract import ChannelContract, approved, sample_view
from hitl_middleware.testing.fake_github import (
    Comment,
    FakeGitHub,
    Garbage,
    HangUp,
    LostReply,
    Refused,
    SecondaryLimit,
    ServerError,
    ServerErrorAfterAccepting,
    Slow,
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


class TestFailures:
    @pytest.mark.parametrize(
        ("fault", "permanent", "says"),
        [
            (Refused(401), False, "does not accept GITHUB_TOKEN"),
            (Refused(403), False, "may not do this"),
            (Refused(404), False, "may lack access"),
            (Refused(410, "This issue was deleted"), True, "deleted"),
            (Refused(422, "body is too long (maximum is 65536 characters)"), True, "too long"),
            (Garbage(), False, "no usable answer"),
            (Garbage(b""), False, "no usable answer"),
            (Garbage(b"[1]"), False, "no usable answer"),
            (Garbage(b"{}"), False, "no usable answer"),
        ],
        ids=lambda each: f"{type(each).__name__}{getattr(each, 'status', '')}" if not isinstance(each, bool | str) else "",
    )  # fmt: skip
    async def test_only_what_nobody_can_mend_is_permanent(
        self, world: GitHubWorld, now, fault, permanent, says
    ):
        """G-14: the sentence says what to mend, and not with which token."""
        world.fake.fail("POST", "*/comments", fault)
        with pytest.raises(DeliveryFailed, match=says) as failed:
            await world.channel.post(sample_view(world.target, now))
        assert failed.value.permanent is permanent
        assert (
            world.fake.token
            not in f"{failed.value!r} {failed.value.__cause__!r} {failed.value.__context__!r}"
        )

    async def test_the_primary_limit(self, fake: FakeGitHub, now):
        """G-14: where the hour's requests are used up, the wait is until GitHub's own reset, and the token is left alone."""
        channel = GitHubChannel(settings_for(fake))
        reset = fake.limit_requests(0)
        with pytest.raises(DeliveryFailed) as failed:
            await channel.post(sample_view(ISSUE, now))
        left = reset - now.timestamp()
        assert failed.value.retry_after == pytest.approx(left, abs=5)
        await channel.close()

    async def test_a_comment_we_may_not_see_for_now_is_tried_again(self, world: GitHubWorld, now):
        """GitHub says 404 of a deleted comment and of one that the token may no longer see; only the former is for good."""
        view = sample_view(world.target, now)
        ref = await world.channel.post(view)
        world.fake.fail("*", "*", Refused(404), times=2)
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.update(approved(view), ref)
        assert not failed.value.permanent
        await world.channel.update(approved(view), ref)
        assert "Approved" in world.words(ref)

    async def test_a_place_that_is_none(self, world: GitHubWorld, now):
        """A stored address or ref of another form is refused for good, and GitHub is not asked."""
        view = sample_view(replace(world.target, address="../../user#1"), now)
        for act in (world.channel.post(view), world.channel.find(view), world.channel.update(view, "x:y")):
            with pytest.raises(DeliveryFailed) as failed:
                await act
            assert failed.value.permanent
        assert paths(world.fake) == []


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


class TestNotices:
    async def test_a_lost_reply_is_looked_for(self, world: GitHubWorld):
        """A second attempt posts nothing where the first one stands; a copy of somebody else's is not it."""
        notice = world.notice()
        await world.fake.acomment(SHOP, 1, "ann", f"{words.notice_marker(notice.id)}\nNothing was changed.")
        world.lose_next_reply()
        with pytest.raises(DeliveryFailed):
            await world.channel.notify(notice)
        await world.channel.notify(replace(notice, attempts=2))
        assert [each.user for each in world.fake.comments()] == ["ann", "hitl-bot"]

    async def test_a_second_attempt_posts_where_the_first_one_failed(self, world: GitHubWorld):
        """Nothing was posted, so it is now."""
        world.fail_next()
        with pytest.raises(DeliveryFailed):
            await world.channel.notify(world.notice())
        await world.channel.notify(replace(world.notice(), attempts=2))
        assert list(world.notes()) == ["Nothing was changed."]

    @pytest.mark.parametrize("reaction", ["eyes", "rocket", "-1"])
    async def test_reactions(self, world: GitHubWorld, reaction):
        """G-10: a reaction on a comment; the same one again is no second one."""
        comment = await world.fake.acomment(SHOP, 1, "ann", "/approve")
        notice = replace(world.notice(), body={"reaction": reaction, "to": str(comment.id)})
        await world.channel.notify(notice)
        await world.channel.notify(replace(notice, attempts=2))
        assert world.fake.reactions(comment) == [("hitl-bot", reaction)]
        assert len(world.fake.comments()) == 1

    async def test_a_reaction_to_a_deleted_comment_is_given_up(self, world: GitHubWorld):
        """There is nothing left to react to."""
        comment = await world.fake.acomment(SHOP, 1, "ann", "/approve")
        await world.fake.adelete_comment(comment, "ann")
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.notify(
                replace(world.notice(), body={"reaction": "eyes", "to": str(comment.id)})
            )
        assert failed.value.permanent

    async def test_no_reaction_in_a_locked_conversation(self, world: GitHubWorld):
        """G-10, G-14: nobody may react there, so none is missing: it is no failed delivery. Another 403 is one."""
        comment = await world.fake.acomment(SHOP, 1, "ann", "/approve")
        notice = replace(world.notice(), body={"reaction": "eyes", "to": str(comment.id)})
        world.fake.fail("POST", "*/reactions", Refused(403))
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.notify(notice)
        assert not failed.value.permanent
        world.fake.lock(SHOP, 1, "ann")
        await world.channel.notify(notice)
        assert world.fake.reactions(comment) == []

    async def test_a_limit_is_no_lock(self, world: GitHubWorld):
        """G-14: GitHub answers 403 to who goes too fast, too; then it is asked nothing further, and the reaction comes later."""
        comment = await world.fake.acomment(SHOP, 1, "ann", "/approve")
        world.fake.lock(SHOP, 1, "ann")
        world.fake.fail("POST", "*/reactions", SecondaryLimit(retry_after=7))
        before = len(world.fake.calls)
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.notify(
                replace(world.notice(), body={"reaction": "eyes", "to": str(comment.id)})
            )
        assert (failed.value.retry_after, len(world.fake.calls) - before) == (7, 1)

    async def test_a_deleted_issue_is_given_up(self, world: GitHubWorld, now):
        """G-14: GitHub says 404 of its comments and 410 of the issue; nobody can bring it back."""
        view = sample_view(world.target, now)
        ref = await world.channel.post(view)
        world.fake.person("zoe", permission="admin")
        await world.fake.adelete_issue(SHOP, 1, "zoe")
        with pytest.raises(DeliveryFailed, match="the issue was deleted") as failed:
            await world.channel.update(approved(view), ref)
        assert failed.value.permanent

    async def test_a_transferred_issue_is_given_up(self, world: GitHubWorld, now):
        """G-14: its comments are not to be found under the old number, which leads to the new place. The reason says so."""
        view = sample_view(world.target, now)
        ref = await world.channel.post(view)
        world.fake.repository("acme/other")
        await world.fake.aopen_issue("acme/other", "ann", "the first one there")
        await world.fake.atransfer_issue(SHOP, 1, "ann", "acme/other")
        for act in (world.channel.update(approved(view), ref), world.channel.post(view)):
            with pytest.raises(DeliveryFailed, match="transferred to another repository") as failed:
                await act
            assert failed.value.permanent

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"comment": 7},
            {"reaction": "eyes"},
            {"reaction": "smirk", "to": "1"},
            {"reaction": "eyes", "to": "../1"},
        ],
    )
    async def test_a_note_that_is_none_is_given_up(self, world: GitHubWorld, body):
        """Incomplete: permanent, and GitHub is not asked."""
        with pytest.raises(DeliveryFailed) as failed:
            await world.channel.notify(replace(world.notice(), body=body))
        assert failed.value.permanent
        assert paths(world.fake) == []


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
