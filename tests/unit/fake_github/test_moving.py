"""Repositories that were renamed, as strictly as GitHub keeps their old names (E-02, G-02)."""

import json

import pytest
from github import Github, UnknownObjectException

from hitl_middleware.testing.fake_github import CannotHappen, FakeGitHub
from hitl_middleware.testing.loopback import Loopback

from tests.kit.github_stage import SHOP, Heard, http, pygithub


@pytest.fixture
def renamed(fake: FakeGitHub) -> int:
    """``acme/shop`` with an issue and two comments, now called ``acme/store``; its number."""
    issue = fake.open_issue(SHOP, "ann", "The cart forgets", labels=["bug"])
    fake.comment(SHOP, issue.number, "ann", "one")
    fake.comment(SHOP, issue.number, "rob", "two")
    fake.person("zoe", permission="admin")
    return fake.rename_repository(SHOP, "zoe", "store").id


def test_a_read_of_the_old_name_is_sent_on_with_its_query(fake: FakeGitHub, renamed: int):
    """301, to the address by number, which answers."""
    with http(fake) as client:
        told = client.get(f"/repos/{SHOP}/issues/1/comments?per_page=1&page=2")
        assert (told.status_code, told.json()["message"]) == (301, "Moved Permanently")
        there = told.headers["location"]
        assert there == f"{fake.url}/repositories/{renamed}/issues/1/comments?per_page=1&page=2"
        assert [each["body"] for each in client.get(there).json()] == ["two"]


@pytest.mark.parametrize(("verb", "what"), [("POST", "/issues/1/comments"), ("PATCH", "/issues/1")])
def test_a_write_to_the_old_name_is_not_done(fake: FakeGitHub, renamed: int, verb: str, what: str):
    """307, and nothing changes: whoever takes that for done is wrong."""
    before = (fake.comments("acme/store", 1), fake.issue("acme/store", 1))
    with http(fake) as client:
        told = client.request(verb, f"/repos/{SHOP}{what}", json={"body": "three"})
    assert (told.status_code, told.headers["location"]) == (307, f"{fake.url}/repositories/{renamed}{what}")
    assert (fake.comments("acme/store", 1), fake.issue("acme/store", 1)) == before


def test_everything_moves_along(fake: FakeGitHub, hub: Github, renamed: int):
    """Issues, comments, labels, branches, teams, tokens; PyGithub finds the repository by its old name and learns the new one."""
    assert renamed
    repository = hub.get_repo(SHOP).complete()
    assert (repository.full_name, repository.url) == ("acme/store", f"{fake.url}/repos/acme/store")
    assert [each.body for each in repository.get_issue(1).get_comments()] == ["one", "two"]
    assert [each.name for each in repository.get_issue(1).labels] == ["bug"]
    assert repository.get_branch("main").commit.sha == fake.branches("acme/store")["main"]


def test_who_may_not_see_it_is_not_told_where_it_is(fake: FakeGitHub, renamed: int):
    """404 for a private repository, by any name."""
    assert renamed
    fake.person("zoe", permission="admin")
    fake.rename_repository("acme/vault", "zoe", "safe")
    with pytest.raises(UnknownObjectException):
        pygithub(fake, fake.add_token("max")).get_repo("acme/vault").complete()


def test_another_repository_takes_the_name(fake: FakeGitHub, hub: Github, renamed: int):
    """Then nobody is sent on any more."""
    with pytest.raises(CannotHappen):
        fake.rename_repository("acme/vault", "zoe", "store")
    new = fake.repository(SHOP)
    assert hub.get_repo(SHOP).complete().id == new.id != renamed


def test_webhooks_hear_of_it_and_bear_the_new_name(fake: FakeGitHub):
    """``repository.renamed`` with what it was called; what is delivered from then on is about the new name."""
    fake.person("zoe", permission="admin")
    with Loopback(heard := Heard()) as server:
        fake.connect(f"{server.url}/github/webhooks", events=["repository", "issues"])
        fake.rename_repository(SHOP, "zoe", "store")
        fake.open_issue("acme/store", "ann", "Hello")
    assert heard.events == ["repository", "issues"]
    told = [json.loads(body) for headers, body in heard.requests if headers["x-github-event"] != "ping"]
    assert told[0]["changes"] == {"repository": {"name": {"from": "shop"}}}
    assert [each["repository"]["full_name"] for each in told] == ["acme/store", "acme/store"]


def test_a_transferred_issue(fake: FakeGitHub, hub: Github, heard: Heard):
    """Its old number leads to the new place, and nothing below it does; comments are there; labels that are not there stay behind."""
    issue = fake.open_issue(SHOP, "ann", "The cart forgets", "Always.", labels=["bug"])
    comment = fake.comment(SHOP, issue.number, "rob", "me, too")
    fake.repository("acme/other")
    fake.open_issue("acme/other", "ann", "the first one there")
    with pytest.raises(CannotHappen, match="needs write"):
        fake.transfer_issue(SHOP, issue.number, "rob", "acme/other")
    moved = fake.transfer_issue(SHOP, issue.number, "ann", "acme/other")
    assert (moved.url, moved.body, moved.labels, moved.id != issue.id) == (
        "acme/other#2",
        "Always.",
        (),
        True,
    )
    old = hub.get_repo(SHOP).get_issue(issue.number).complete()
    assert (old.number, old.repository.full_name) == (2, "acme/other")
    assert [each.body for each in hub.get_repo("acme/other").get_issue(2).get_comments()] == ["me, too"]
    with http(fake) as client:
        for verb, what in (
            ("GET", f"issues/{issue.number}/comments"),
            ("POST", f"issues/{issue.number}/comments"),
            ("PATCH", f"issues/{issue.number}"),
            ("GET", f"issues/comments/{comment.id}"),
        ):
            assert client.request(verb, f"/repos/{SHOP}/{what}", json={"body": "x"}).status_code == 404
    told = json.loads(heard.requests[-1][1])
    assert (told["action"], told["repository"]["full_name"]) == ("transferred", SHOP)
    assert (told["changes"]["new_issue"]["number"], told["changes"]["new_repository"]["full_name"]) == (
        2,
        "acme/other",
    )
