"""The GitHub channel where something is wrong, and its one-offs: what is tried again, and what is given up."""

from dataclasses import replace

import pytest

from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.channel import GitHubChannel
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.testing.channel_contract import approved, sample_view
from hitl_middleware.testing.fake_github import (
    FakeGitHub,
    Garbage,
    Refused,
    SecondaryLimit,
)

from tests.kit.github_channel import ISSUE, SHOP, GitHubWorld, fake, now, paths, settings_for, world

__all__ = ["fake", "now", "world"]


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
