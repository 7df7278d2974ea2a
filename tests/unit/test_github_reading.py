"""What people wrote, read from GitHub (G-12): every page, nothing twice, nothing of another issue, unchanged at no cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator

import pytest
from pydantic import SecretStr

from hitl_middleware.channels.github.client import GitHubClients
from hitl_middleware.channels.github.reading import GitHubReader
from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.channels.github.words import Address
from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import DeliveryFailed
from hitl_middleware.testing.fake_github import FakeGitHub, Garbage, Refused, ServerError

from tests.kit.github_stage import SHOP, fake

__all__ = ["fake"]

ISSUE = Address(SHOP, 1)


@pytest.fixture
async def reader(fake: FakeGitHub) -> AsyncIterator[GitHubReader]:
    """Reads as the fake's own token; two issues are there."""
    fake.open_issue(SHOP, "ann", "Cart forgets its coupon")
    fake.open_issue(SHOP, "ann", "Another")
    clients = GitHubClients(GitHubSettings(token=SecretStr(fake.token), api_url=fake.url))
    yield GitHubReader(clients)
    await clients.close()


async def since(reader: GitHubReader, when: dt.datetime, etag: str | None = None):
    """The comments; there are some to be told of."""
    told = await reader.comments_since(ISSUE, when, etag)
    assert told is not None
    return told


class TestRenamed:
    async def test_by_its_present_name_from_the_second_time_on(self, reader, fake, clock: ManualClock):
        """G-12, G-14: what is old does not come back, and unchanged comments cost nothing again, though nobody told us the new name."""
        for number in range(35):
            await fake.acomment(SHOP, 1, "ann", f"old {number}")
        clock.advance(60)
        begun = clock.now()
        await fake.acomment(SHOP, 1, "ann", "new")
        fake.person("zoe", permission="admin")
        await fake.arename_repository(SHOP, "zoe", "store")
        first = await since(reader, begun)
        assert ([each.body for each in first.items], first.etag) == (["new"], None)
        second = await since(reader, begun)
        assert [each.body for each in second.items] == ["new"]
        assert fake.calls[-1].path == "/repos/acme/store/issues/1/comments"
        assert "since" in fake.calls[-1].query
        assert await reader.comments_since(ISSUE, begun, second.etag) is None
        assert fake.calls[-1].status == 304

    async def test_a_name_that_leads_nowhere_is_forgotten(self, reader, fake, clock: ManualClock):
        """Then the one that the request has is tried again."""
        begun = clock.now()
        await fake.acomment(SHOP, 1, "ann", "new")
        fake.person("zoe", permission="admin")
        await fake.arename_repository(SHOP, "zoe", "store")
        await since(reader, begun)
        fake.fail("GET", "*/acme/store/*", Refused(404))
        with pytest.raises(DeliveryFailed):
            await since(reader, begun)
        assert [each.body for each in (await since(reader, begun)).items] == ["new"]
        assert fake.calls[-1].path.startswith("/repositories/")


class TestComments:
    async def test_as_they_are(self, reader, fake, clock: ManualClock):
        """Who wrote what, when, and whether it was edited since; in their order, those of this issue alone."""
        begun = clock.now()
        first = await fake.acomment(SHOP, 1, "ann", "/approve\r\nthe café 🎉")
        await fake.acomment(SHOP, 2, "ann", "elsewhere")
        fake.bot("renovate[bot]", permission="write")
        second = await fake.acomment(SHOP, 1, "renovate[bot]", "/approve")
        clock.advance(60)
        await fake.aedit_comment(first, "ann", "/reject")
        told = await since(reader, begun)
        assert [each.id for each in told.items] == [first.id, second.id]
        assert [each.body for each in told.items] == ["/reject", "/approve"]
        assert [(each.author.login, each.author.person) for each in told.items] == [
            ("ann", True), ("renovate[bot]", False),
        ]  # fmt: skip
        assert [each.edited for each in told.items] == [True, False]
        assert {each.number for each in told.items} == {1}
        assert told.items[0].updated_at - told.items[0].created_at == dt.timedelta(seconds=60)
        assert told.items[0].created_at.tzinfo is dt.UTC

    async def test_since_a_time(self, reader, fake, clock: ManualClock):
        """Older ones are left out; one that was edited since is told again."""
        old = await fake.acomment(SHOP, 1, "ann", "old")
        clock.advance(60)
        noon = clock.now()
        new = await fake.acomment(SHOP, 1, "ann", "new")
        assert [each.id for each in (await since(reader, noon)).items] == [new.id]
        await fake.aedit_comment(old, "ann", "older")
        assert [each.id for each in (await since(reader, noon)).items] == [old.id, new.id]

    async def test_unchanged_costs_nothing(self, reader, fake, clock: ManualClock):
        """With the etag of the last answer: None until something was written or edited, and then everything."""
        begun = clock.now()
        first = await fake.acomment(SHOP, 1, "ann", "one")
        told = await since(reader, begun)
        assert told.etag is not None
        assert await reader.comments_since(ISSUE, begun, told.etag) is None
        await fake.acomment(SHOP, 2, "ann", "elsewhere")
        assert await reader.comments_since(ISSUE, begun, told.etag) is None
        await fake.acomment(SHOP, 1, "ann", "two")
        again = await since(reader, begun, told.etag)
        assert [each.body for each in again.items] == ["one", "two"]
        clock.advance(1)
        await fake.aedit_comment(first, "ann", "1")
        assert [each.body for each in (await since(reader, begun, again.etag)).items] == ["1", "two"]

    async def test_nothing_yet_can_be_a_condition_too(self, reader, fake, clock: ManualClock):
        """An empty list has an etag; the first comment ends it."""
        told = await since(reader, clock.now())
        assert (told.items, told.etag is None) == ((), False)
        await fake.acomment(SHOP, 1, "ann", "one")
        assert (await since(reader, clock.now(), told.etag)).items[0].body == "one"

    async def test_all_pages(self, reader, fake, clock: ManualClock, monkeypatch):
        """Nothing is missed behind the first page; and a page that is full is no condition, for the next comment is on another one."""
        monkeypatch.setattr("hitl_middleware.channels.github.reading.PAGE", 3)
        begun = clock.now()
        for number in range(3):
            await fake.acomment(SHOP, 1, "rob", f"{number}")
        full = await since(reader, begun)
        assert (len(full.items), full.etag) == (3, None)
        for number in range(3, 8):
            await fake.acomment(SHOP, 1, "rob", f"{number}")
        told = await since(reader, begun)
        assert [each.body for each in told.items] == [str(number) for number in range(8)]
        assert told.etag is None

    async def test_one_comment(self, reader, fake):
        """As it is now; None for one that was deleted, never was, or stands on another issue."""
        comment = await fake.acomment(SHOP, 1, "ann", "/approve")
        found = await reader.comment(ISSUE, comment.id)
        assert found is not None
        assert (found.id, found.body, found.author.login) == (comment.id, "/approve", "ann")
        assert await reader.comment(Address(SHOP, 2), comment.id) is None
        assert await reader.comment(ISSUE, comment.id + 1) is None
        await fake.adelete_comment(comment, "ann")
        assert await reader.comment(ISSUE, comment.id) is None

    @pytest.mark.parametrize(
        "trouble",
        [
            ServerError(),
            Refused(401),
            Refused(403),
            Refused(404),
            Garbage(),
            Garbage(b"{}"),
            Garbage(b"[1]"),
            Garbage(b"[{}]"),
        ],
        ids=repr,
    )
    async def test_what_cannot_be_read_is_a_failure(self, reader, fake, clock, trouble):
        """Nobody takes it for “there is nothing”."""
        fake.fail("GET", "*/comments", trouble)
        with pytest.raises(DeliveryFailed):
            await reader.comments_since(ISSUE, clock.now())

    @pytest.mark.parametrize("trouble", [ServerError(), Refused(403), Garbage(b"[]")], ids=repr)
    async def test_a_comment_that_cannot_be_read_is_not_gone(self, reader, fake, trouble):
        """Only 404 says that it is not there."""
        comment = await fake.acomment(SHOP, 1, "ann", "/approve")
        fake.fail("GET", "*/comments/*", trouble)
        with pytest.raises(DeliveryFailed):
            await reader.comment(ISSUE, comment.id)


class TestReviews:
    async def test_as_they_are(self, reader, fake):
        """G-13: who, what, on which commit, in their order; a word on the diff is none of ours."""
        fake.push(SHOP, "ann", "fix", {"cart.py": "coupon = 1\n"})
        pull = fake.open_pull(SHOP, "ann", "fix", "Keep the coupon")
        fake.person("zoe", permission="write")
        first = await fake.areview(SHOP, pull.number, "zoe", "request_changes", "Name it.")
        old = fake.pull(SHOP, pull.number).head_sha
        fake.push(SHOP, "ann", "fix", {"cart.py": "basket_coupon = 1\n"})
        second = await fake.areview(SHOP, pull.number, "zoe", "approve")
        told = await reader.reviews(Address(SHOP, pull.number))
        assert [(each.id, each.state, each.body) for each in told] == [
            (first.id, "CHANGES_REQUESTED", "Name it."), (second.id, "APPROVED", ""),
        ]  # fmt: skip
        assert told[0].commit_id == old != told[1].commit_id
        assert {each.author.login for each in told} == {"zoe"}
        assert await reader.review(Address(SHOP, pull.number), second.id) == told[1]
        assert await reader.review(Address(SHOP, pull.number), second.id + 1) is None
        await fake.adismiss_review(second, "ann")
        now = await reader.review(Address(SHOP, pull.number), second.id)
        assert now is not None
        assert now.state == "DISMISSED"

    async def test_of_what_is_no_pull_request(self, reader):
        """An issue has no reviews; nobody takes that for “nobody has reviewed it”."""
        with pytest.raises(DeliveryFailed):
            await reader.reviews(ISSUE)
