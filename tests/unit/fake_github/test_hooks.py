"""Webhooks by the API, organisations and teams (E-02, G-09, G-11)."""

import json

import pytest
from github import Github, GithubException, UnknownObjectException

from hitl_middleware.testing.fake_github import FakeGitHub, LostReply
from hitl_middleware.testing.loopback import Loopback

from tests.kit.github_stage import SHOP, Heard, http, pygithub


def test_a_hook_is_made_pinged_changed_and_deleted(fake: FakeGitHub, hub: Github):
    """Its secret is never shown again, and a new config without one signs no more."""
    repo, heard = hub.get_repo(SHOP), Heard()
    with Loopback(heard) as server:
        config = {"url": server.url + "/hooks", "content_type": "json", "secret": "s3cret"}
        hook = repo.create_hook("web", config, ["issue_comment"], active=True)
        fake.finish_deliveries()
        headers, body = heard.requests[-1]
        assert (headers["x-github-event"], json.loads(body)["hook_id"]) == ("ping", hook.id)
        assert "x-hub-signature-256" in headers
        assert [each.config["secret"] for each in repo.get_hooks()] == ["********"]
        with pytest.raises(GithubException, match="Hook already exists on this repository"):
            repo.create_hook("web", config, ["issue_comment"])
        hook.edit("web", {"url": server.url + "/hooks"}, add_events=["issues"])
        fake.open_issue(SHOP, "ann", "one")
        headers, body = heard.requests[-1]
        assert body.startswith(b"payload=")
        assert "x-hub-signature-256" not in headers
        hook.ping()
        fake.finish_deliveries()
        assert [each.event for each in repo.get_hook_deliveries(hook.id)] == ["ping", "issues", "ping"]
        last = repo.get_hook_delivery(hook.id, fake.deliveries[-1].id)
        assert (last.status, last.status_code) == ("OK", 202)
        with http(fake) as client:
            address = f"/repos/{SHOP}/hooks/{hook.id}/deliveries/{fake.deliveries[1].id}/attempts"
            assert client.post(address).status_code == 202
        fake.finish_deliveries()
        assert heard.events == ["issues", "issues"]
    hook.delete()
    assert fake.hooks == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "config"),
        ({"config": {}}, "Config must contain URL for webhooks"),
        ({"config": {"url": "ftp://x"}}, "is not a valid webhook URL"),
        ({"config": {"url": "http://x", "content_type": "xml"}}, "Content type must be"),
        (
            {"config": {"url": "http://x"}, "events": ["comments"]},
            'The \\"comments\\" event is not a valid event.',
        ),
        ({"config": {"url": "http://x"}, "name": "slack"}, "Validation Failed"),
    ],
)
def test_what_no_hook_can_be(fake: FakeGitHub, body: dict[str, object], said: str):
    """422, and none is made."""
    with http(fake) as client:
        answer = client.post(f"/repos/{SHOP}/hooks", json=body)
    assert (answer.status_code, said in answer.text) == (422, True), answer.text
    assert fake.hooks == []


def test_hooks_are_there_for_administrators_only(fake: FakeGitHub):
    """404 for who can only write; 404 for a scope too few; 403 for a permission too few."""
    few = fake.add_token("hitl-bot", scopes=["public_repo"])
    for token in (fake.add_token("ann"), few):
        with pytest.raises(UnknownObjectException):
            list(pygithub(fake, token).get_repo(SHOP).get_hooks())
    fine = fake.add_token("hitl-bot", kind="fine_grained", permissions={"issues": "write"})
    with pytest.raises(GithubException) as refused:
        list(pygithub(fake, fine).get_repo(SHOP).get_hooks())
    assert refused.value.status == 403
    assert refused.value.headers is not None
    assert refused.value.headers["x-accepted-github-permissions"] == "repository_hooks=read"
    right = fake.add_token("hitl-bot", scopes=["public_repo", "read:repo_hook"])
    assert list(pygithub(fake, right).get_repo(SHOP).get_hooks()) == []


def test_a_member_of_a_team_is_active_or_pending(fake: FakeGitHub, hub: Github):
    """Members of a team below are members; who has not accepted is pending, who is not in it 404."""
    fake.team("acme/engineering", members=["eve"], repositories={SHOP: "maintain"})
    fake.team("acme/architects", members=["ann"], pending=["pat"], maintainers=["mia"], parent="engineering")
    team = hub.get_organization("acme").get_team_by_slug("architects")
    found = {login: team.get_team_membership(login) for login in ("ann", "pat", "mia")}
    assert {login: (each.state, each.role) for login, each in found.items()} == {
        "ann": ("active", "member"),
        "pat": ("pending", "member"),
        "mia": ("active", "maintainer"),
    }
    for login in ("eve", "nobody"):
        with pytest.raises(UnknownObjectException):
            team.get_team_membership(login)
    above = hub.get_organization("acme").get_team_by_slug("engineering")
    assert above.get_team_membership("ann").state == "active"
    assert {each.login for each in above.get_members()} == {"eve", "ann", "mia"}
    assert hub.get_repo(SHOP).get_collaborator_role_name("mia") == "maintain"
    assert hub.get_repo(SHOP).get_collaborator_role_name("pat") == "read"
    with http(fake) as client:
        by_name = client.get("/orgs/acme/teams/architects/memberships/ann")
        assert by_name.json()["url"].startswith(f"{fake.url}/organizations/")
        assert client.get("/orgs/acme/members/ann").status_code == 204
        assert client.get("/orgs/acme/members/rob").status_code == 404
        assert client.get("/orgs/acme/memberships/ann").json()["role"] == "member"


def test_teams_are_seen_from_inside(fake: FakeGitHub):
    """A member with read:org or a finer token with members:read; 404 and 403 for others."""
    fake.team("acme/architects", members=["ann"])
    address = "/orgs/acme/teams/architects/memberships/ann"
    for token, status in (
        (fake.add_token("ann"), 200),
        (fake.add_token("ann", scopes=["repo"]), 404),
        (fake.add_token("rob"), 404),
        (fake.add_token("ann", kind="fine_grained", permissions={"members": "read"}), 200),
        (fake.add_token("ann", kind="fine_grained"), 403),
        (None, 401),
    ):
        with http(fake, token) as client:
            assert client.get(address).status_code == status


def test_a_lost_reply_leaves_one_hook(fake: FakeGitHub):
    """Whoever asks again finds it there."""
    fake.fail("POST", "*/hooks", LostReply())
    body = {"config": {"url": "http://127.0.0.1:9/"}, "events": ["issues"]}
    with http(fake) as client:
        with pytest.raises(Exception, match="disconnected"):
            client.post(f"/repos/{SHOP}/hooks", json=body)
        assert client.post(f"/repos/{SHOP}/hooks", json=body).status_code == 422
        assert len(client.get(f"/repos/{SHOP}/hooks").json()) == 1
