"""Things that go wrong, on purpose (E-02, G-14)."""

import time

import httpx
import pytest
import requests
from github import Github, GithubException, RateLimitExceededException

from hitl_middleware.clock import ManualClock
from hitl_middleware.testing.fake_github import (
    FakeGitHub,
    Garbage,
    HangUp,
    LostReply,
    NothingCame,
    Refused,
    SecondaryLimit,
    ServerError,
    ServerErrorAfterAccepting,
    Slow,
)

from tests.kit.github_stage import SHOP, http


def test_a_lost_reply_has_done_its_work(fake: FakeGitHub, hub: Github):
    """The connection closes without a byte, and the comment is there; hanging up before is the other way round."""
    issue = hub.get_repo(SHOP).create_issue("one")
    fake.fail("POST", "*/comments", LostReply(), HangUp(), ServerErrorAfterAccepting())
    for body in ("done", "not done"):
        with pytest.raises(requests.ConnectionError):
            issue.create_comment(body)
    with pytest.raises(GithubException) as refused:
        issue.create_comment("done, too")
    assert refused.value.status == 502
    assert [each.body for each in fake.comments()] == ["done", "done, too"]
    assert issue.create_comment("all is well").body == "all is well"
    assert fake.faults == []


def test_faults_meet_only_the_calls_they_are_for(fake: FakeGitHub, hub: Github):
    """In order, each once; what is refused is not done; what was never met can be forgotten."""
    issue = hub.get_repo(SHOP).create_issue("one")
    fake.fail("POST", "/repos/acme/shop/issues/1/comments", ServerError(503), Refused(401), Garbage())
    issue.edit(title="two")
    for status in (503, 401):
        with pytest.raises(GithubException) as refused:
            issue.create_comment("hello")
        assert refused.value.status == status
    fake.recover()
    issue.create_comment("hello")
    assert [call.status for call in fake.calls[-4:]] == [200, 503, 401, 201]
    assert len(fake.comments()) == 1


def test_the_secondary_limit_says_when_to_come_again(fake: FakeGitHub, hub: Github):
    """403 with Retry-After, in words by which PyGithub knows it."""
    issue = hub.get_repo(SHOP).create_issue("one")
    fake.fail("*", "*/comments", SecondaryLimit(retry_after=30), SecondaryLimit(retry_after=None, status=429))
    with pytest.raises(RateLimitExceededException) as refused:
        issue.create_comment("hello")
    assert refused.value.headers is not None
    assert refused.value.headers["retry-after"] == "30"
    with http(fake) as client:
        answer = client.get(f"/repos/{SHOP}/issues/1/comments")
    assert (answer.status_code, "retry-after" in answer.headers) == (429, False)


def test_the_primary_limit_lasts_an_hour(fake: FakeGitHub, hub: Github, clock: ManualClock):
    """Every answer counts down; at the end 403 until the hour is over, and each token has its own."""
    reset = fake.limit_requests(2)
    repo = hub.get_repo(SHOP)
    assert hub.rate_limiting == (1, 5000)
    assert list(repo.get_labels()) == []
    with pytest.raises(RateLimitExceededException) as refused:
        hub.get_repo(SHOP)
    assert refused.value.headers is not None
    assert refused.value.headers["x-ratelimit-remaining"] == "0"
    assert refused.value.headers["x-ratelimit-reset"] == str(reset)
    assert hub.get_rate_limit().rate.remaining == 0  # asking costs nothing
    with http(fake, fake.add_token("ann")) as other:
        assert other.get("/user").status_code == 200
    clock.advance(3600)
    assert hub.get_repo(SHOP).full_name == SHOP


def test_what_has_not_changed_costs_nothing(fake: FakeGitHub):
    """304 for a right ETag, and not counted; a change makes another; a tag of one token is nothing to another."""
    issue = fake.open_issue(SHOP, "ann", "one")
    address = f"/repos/{SHOP}/issues/{issue.number}/comments"
    with http(fake) as client:
        first = client.get(address)
        tag = {"If-None-Match": first.headers["etag"]}
        same = client.get(address, headers=tag)
        assert (same.status_code, same.content) == (304, b"")
        assert same.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]
        fake.comment(SHOP, issue.number, "ann", "news")
        changed = client.get(address, headers=tag)
        assert changed.status_code == 200
        now = {"If-None-Match": changed.headers["etag"]}
        assert client.get(address, headers=now).status_code == 304
        one = client.get(f"/repos/{SHOP}/issues/{issue.number}")
        since = {"If-Modified-Since": one.headers["last-modified"]}
        assert client.get(f"/repos/{SHOP}/issues/{issue.number}", headers=since).status_code == 304
    with http(fake, fake.add_token("ann")) as other:
        assert other.get(address, headers=now).status_code == 200


def test_nobody_is_there_for_a_while(fake: FakeGitHub):
    """Every connection closes without a byte and nothing is done, until it is over."""
    with http(fake) as client:
        with fake.unreachable(), pytest.raises(httpx.RemoteProtocolError):
            client.post(f"/repos/{SHOP}/issues", json={"title": "one"})
        assert fake.issues == []
        assert client.post(f"/repos/{SHOP}/issues", json={"title": "one"}).status_code == 201
    assert [call.status for call in fake.calls] == [0, 201]


def test_a_slow_answer_comes_after_its_work(fake: FakeGitHub):
    """The client gives up, the issue is there."""
    fake.fail("POST", "*/issues", Slow(30))
    began = time.monotonic()
    with http(fake) as client, pytest.raises(httpx.ReadTimeout):
        client.post(f"/repos/{SHOP}/issues", json={"title": "one"}, timeout=0.05)
    assert fake.wait_for(lambda: fake.issues)[0].title == "one"
    assert time.monotonic() - began < 20


def test_waiting_in_vain_tells_what_there_is(fake: FakeGitHub):
    """Whoever waits is shown the issues, comments and calls that there are."""
    issue = fake.open_issue(SHOP, "ann", "Cart")
    fake.comment(SHOP, issue.number, "ann", "hello")
    assert fake.wait_for_comment("hell", number=issue.number).body == "hello"
    with pytest.raises(NothingCame, match=r"acme/shop#1 \(open\): 'Cart'"):
        fake.wait_for_comment("Approve", timeout=0)
