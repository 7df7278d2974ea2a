"""Who may do what: people's roles, and what tokens let them (E-02, G-09)."""

import pytest
from github import BadCredentialsException, Github, GithubException, UnknownObjectException

from hitl_middleware.clock import ManualClock
from hitl_middleware.testing.fake_github import FakeGitHub

from tests.kit.github_stage import SHOP, http, pygithub


def test_permission_tells_the_role_in_four_words_and_by_name(fake: FakeGitHub, hub: Github):
    """`permission` folds maintain into write and triage into read; `role_name` says which, a custom one included."""
    fake.custom_role("acme", "release-captain", base="maintain")
    for login, role in (("tri", "triage"), ("mia", "maintain"), ("zoe", "admin"), ("cap", "release-captain")):
        fake.collaborator(SHOP, login, role)
    fake.person("own", organizations={"acme": "admin"})
    repo = hub.get_repo(SHOP)
    told = {
        login: (repo.get_collaborator_permission(login), repo.get_collaborator_role_name(login))
        for login in ("ann", "rob", "max", "tri", "mia", "zoe", "cap", "own")
    }
    assert told == {
        "ann": ("write", "write"),
        "rob": ("read", "read"),
        "max": ("read", "read"),  # the repository is public
        "tri": ("read", "triage"),
        "mia": ("write", "maintain"),
        "zoe": ("admin", "admin"),
        "cap": ("write", "release-captain"),
        "own": ("admin", "admin"),
    }
    assert hub.get_repo("acme/vault").get_collaborator_permission("max") == "none"
    with pytest.raises(GithubException, match="nobody is not a user"):
        repo.get_collaborator_permission("nobody")
    assert repo.get_collaborator_permission("ANN") == "write"


def test_a_role_comes_through_a_team_too(fake: FakeGitHub, hub: Github):
    """An active member has what the team has; a pending one not yet."""
    fake.team("acme/architects", members=["tea"], pending=["pat"], repositories={SHOP: "maintain"})
    repo = hub.get_repo(SHOP)
    assert repo.get_collaborator_role_name("tea") == "maintain"
    assert repo.get_collaborator_role_name("pat") == "read"


def test_a_wrong_token_is_401_and_what_it_may_not_see_404(fake: FakeGitHub, clock: ManualClock):
    """Unknown, revoked and expired tokens are bad credentials; a private repository is not there for others."""
    expires = fake.add_token("ann", expires_at=int(clock.now().timestamp()) + 60)
    assert pygithub(fake, expires).get_repo("acme/vault").private
    clock.advance(60)
    revoked = fake.add_token("ann")
    fake.revoke(revoked)
    for token in ("ghp_unknown", revoked, expires):
        with pytest.raises(BadCredentialsException):
            pygithub(fake, token).get_repo(SHOP)
    for token in (fake.add_token("max"), fake.add_token("ann", scopes=["public_repo"])):
        with pytest.raises(UnknownObjectException):
            pygithub(fake, token).get_repo("acme/vault")
        assert pygithub(fake, token).get_repo(SHOP).full_name == SHOP


def test_scopes_stand_in_a_header_that_fine_grained_tokens_do_not_have(fake: FakeGitHub):
    """How one tells the two kinds apart; a scope too few is 404, a permission too few is 403 that names those that would do."""
    issue = fake.open_issue(SHOP, "ann", "one")
    address = f"/repos/{SHOP}/issues/{issue.number}/comments"
    with http(fake, fake.add_token("ann", scopes=["read:org"])) as classic:
        answer = classic.get("/user")
        assert answer.headers["x-oauth-scopes"] == "read:org"
        assert classic.get(address).status_code == 200
        assert classic.post(address, json={"body": "hello"}).status_code == 404
    fine = fake.add_token("ann", kind="fine_grained", permissions={"issues": "read"})
    with http(fake, fine) as client:
        assert "x-oauth-scopes" not in client.get("/user").headers
        refused = client.post(address, json={"body": "hello"})
        assert refused.status_code == 403
        assert refused.json()["message"] == "Resource not accessible by personal access token"
        assert refused.headers["x-accepted-github-permissions"] == "issues=write; pull_requests=write"
    elsewhere = fake.add_token(
        "ann", kind="fine_grained", permissions={"issues": "write"}, repositories=["acme/vault"]
    )
    with http(fake, elsewhere) as client:
        assert client.get("/repos/acme/vault").status_code == 200
        assert client.post(address, json={"body": "hello"}).status_code == 403


def test_others_words_are_changed_by_those_who_can_write(fake: FakeGitHub):
    """Anybody may speak where they can read; they change only their own words, and no labels."""
    issue = fake.open_issue(SHOP, "ann", "one")
    comment = fake.comment(SHOP, issue.number, "ann", "mine")
    repo = pygithub(fake, fake.add_token("rob")).get_repo(SHOP)
    assert repo.get_issue(issue.number).create_comment("hello").user.login == "rob"
    for act in (
        lambda: repo.get_issue(issue.number).get_comment(comment.id).edit("yours"),
        lambda: repo.get_issue(issue.number).add_to_labels("bug"),
        lambda: repo.get_issue(issue.number).edit(title="two"),
        lambda: repo.get_collaborator_permission("ann"),
    ):
        with pytest.raises(GithubException) as refused:
            act()
        assert refused.value.status == 403
    assert fake.comment_now(comment).body == "mine"


def test_nobody_reads_what_is_public_and_writes_nothing(fake: FakeGitHub):
    """Without a token: 200 for reading, 401 for writing, 404 for what is private or no route, 403 without a name."""
    issue = fake.open_issue(SHOP, "ann", "one")
    with http(fake, None) as client:
        assert client.get(f"/repos/{SHOP}/issues/{issue.number}").status_code == 200
        assert client.post(f"/repos/{SHOP}/issues", json={"title": "two"}).status_code == 401
        assert client.get("/repos/acme/vault").status_code == 404
        assert client.get("/no/such/route").json()["message"] == "Not Found"
        assert client.get("/zen", headers={"User-Agent": ""}).status_code == 403
    assert [call.status for call in fake.calls] == [200, 401, 404, 404, 403]
