"""GitHub Apps, their tokens and their webhook (E-02, G-17)."""

import datetime as dt
import json

import httpx
import jwt
import pytest
from github import (
    Auth,
    BadCredentialsException,
    Github,
    GithubException,
    GithubIntegration,
    UnknownObjectException,
)

from hitl_middleware.clock import ManualClock, SystemClock
from hitl_middleware.testing.fake_github import App, FakeGitHub
from hitl_middleware.testing.loopback import Loopback

from tests.kit.github_stage import SHOP, Heard, http, pygithub


@pytest.fixture
def clock() -> ManualClock:
    """Time, beginning at the real one: PyGithub signs with the machine's clock."""
    return ManualClock(at=SystemClock().now())


@pytest.fixture
def app(fake: FakeGitHub) -> App:
    """An app."""
    return fake.add_app("hitl")


def integration(fake: FakeGitHub, app: App, key: str = "") -> GithubIntegration:
    """PyGithub as an app."""
    auth = Auth.AppAuth(app.id, key or app.private_key)
    return GithubIntegration(
        auth=auth, base_url=fake.url, seconds_between_requests=0, seconds_between_writes=0, retry=None
    )


def test_an_app_does_not_write_in_a_locked_conversation(fake: FakeGitHub, app: App):
    """Whatever its permissions: to GitHub it is no collaborator."""
    issue = fake.open_issue(SHOP, "ann", "one")
    fake.lock(SHOP, issue.number, "ann")
    installed = fake.install(app, "acme")
    auth = Auth.AppInstallationAuth(Auth.AppAuth(app.id, app.private_key), installed.id)
    hub = Github(
        base_url=fake.url, auth=auth, seconds_between_requests=0, seconds_between_writes=0, retry=None
    )
    with pytest.raises(GithubException, match="issue is locked"):
        hub.get_repo(SHOP).get_issue(issue.number).create_comment("hello")


def test_an_app_acts_where_it_is_installed(fake: FakeGitHub, app: App):
    """Its JSON web token says who it is, its installation's token what it may do; what it writes is its bot's."""
    fake.install(app, "acme", repositories=[SHOP])
    asking = integration(fake, app)
    assert asking.get_app().slug == "hitl"
    installed = asking.get_repo_installation("acme", "shop")
    with pytest.raises(UnknownObjectException):
        asking.get_repo_installation("acme", "vault")
    hub = Github(
        base_url=fake.url,
        auth=Auth.AppInstallationAuth(Auth.AppAuth(app.id, app.private_key), installed.id),
        seconds_between_requests=0,
        seconds_between_writes=0,
        retry=None,
    )
    issue = hub.get_repo(SHOP).create_issue("one", labels=["bug"])
    comment = issue.create_comment("hello")
    assert (comment.user.login, comment.user.type) == ("hitl[bot]", "Bot")
    assert comment.performed_via_github_app is not None
    assert comment.performed_via_github_app.slug == "hitl"
    assert fake.issue(SHOP, issue.number).labels == ("bug",)
    comment.edit("hello again")
    with pytest.raises(UnknownObjectException):
        hub.get_repo("acme/vault")
    with pytest.raises(GithubException, match="Resource not accessible by integration"):
        hub.get_user().login  # noqa: B018  # asks


def test_only_its_own_key_opens_an_app(fake: FakeGitHub, app: App, clock: ManualClock):
    """Another key, a time that is over or too far away, no app at all: 401, and 404 for the last."""
    other = fake.add_app("other")
    with pytest.raises(GithubException) as refused:
        integration(fake, app, other.private_key).get_app()
    assert (refused.value.status, "could not be decoded" in str(refused.value)) == (401, True)

    now = clock.now().timestamp()
    for claims, status, said in (
        ({"iat": now - 60, "exp": now - 1, "iss": app.id}, 401, "numeric value representing the future"),
        ({"iat": now, "exp": now + 3600, "iss": app.id}, 401, "too far in the future"),
        ({"iat": now + 60, "exp": now + 120, "iss": app.id}, 401, "'Issued at' claim"),
        ({"iat": now, "exp": now + 60, "iss": 1}, 404, "Integration not found"),
        ({"iat": now, "exp": now + 60, "iss": app.client_id}, 200, ""),
    ):
        named = {**claims, "iss": str(claims["iss"])}
        with http(fake, jwt.encode(named, app.private_key, algorithm="RS256")) as client:
            answer = client.get("/app")
        assert (answer.status_code, said in answer.text) == (status, True), answer.text
    with http(fake) as person:
        assert person.get("/app").status_code == 401
    fresh = {"iat": now, "exp": now + 60, "iss": str(app.id)}
    with http(fake, jwt.encode(fresh, app.private_key, algorithm="RS256")) as client:
        assert client.get(f"/repos/{SHOP}/issues").status_code == 403


def test_a_token_has_no_more_than_its_installation(fake: FakeGitHub, app: App, clock: ManualClock):
    """Fewer permissions and repositories can be asked for, not more; it lasts an hour, and not beyond a suspension."""
    installed = fake.install(app, "acme")
    asking = integration(fake, app)
    small = asking.get_access_token(installed.id, permissions={"issues": "read"})
    assert small.expires_at == clock.now().replace(microsecond=0) + dt.timedelta(hours=1)
    hub = pygithub(fake, small.token)
    fake.open_issue(SHOP, "ann", "one")
    assert hub.get_repo(SHOP).get_issue(1).title == "one"
    with pytest.raises(GithubException) as refused:
        hub.get_repo(SHOP).create_issue("two")
    assert refused.value.status == 403
    assert refused.value.headers is not None
    assert refused.value.headers["x-accepted-github-permissions"] == "issues=write"
    with pytest.raises(GithubException, match="not granted to this installation"):
        asking.get_access_token(installed.id, permissions={"administration": "write"})

    token = jwt.encode(
        {"iat": int(clock.now().timestamp()), "exp": int(clock.now().timestamp()) + 60, "iss": str(app.id)},
        app.private_key,
        algorithm="RS256",
    )
    with http(fake, token) as client:
        address = f"/app/installations/{installed.id}/access_tokens"
        one = client.post(address, json={"repositories": ["shop"]})
        assert one.json()["repositories"][0]["full_name"] == SHOP
        assert client.post(address, json={"repositories": ["nowhere"]}).status_code == 422
        fake.suspend(installed)
        assert client.post(address, json={}).status_code == 403
        fake.suspend(installed, suspended=False)
    with http(fake, one.json()["token"]) as narrow:
        assert narrow.get("/repos/acme/vault").status_code == 404
        assert narrow.get("/installation/repositories").json()["total_count"] == 1
        assert narrow.delete("/installation/token").status_code == 204
        assert narrow.get(f"/repos/{SHOP}").status_code == 401
    clock.advance(3600)
    with pytest.raises(BadCredentialsException):
        hub.get_repo(SHOP)


def test_an_app_that_is_taken_away_does_nothing_more(fake: FakeGitHub, app: App):
    """Revoked tokens are worthless and can be had anew; after it is uninstalled, there is nothing to ask."""
    installed = fake.install(app, "acme")
    asking = integration(fake, app)
    first = pygithub(fake, asking.get_access_token(installed.id).token)
    fake.revoke_tokens(installed)
    second = pygithub(fake, asking.get_access_token(installed.id).token)
    assert second.get_repo("acme/vault").private
    fake.uninstall(installed)
    for hub in (first, second):
        with pytest.raises(BadCredentialsException):
            hub.get_repo(SHOP)
    with pytest.raises(UnknownObjectException):
        asking.get_repo_installation("acme", "shop")


def test_the_apps_own_webhook_hears_where_it_is_installed(fake: FakeGitHub, app: App):
    """One address for all installations; each delivery says which, and is signed with the app's secret."""
    installed = fake.install(app, "acme", repositories=[SHOP])
    heard = Heard()
    with Loopback(heard) as server:
        fake.connect(server.url + "/github/webhooks", app=app)
        fake.open_issue(SHOP, "ann", "one")
        fake.open_issue("acme/vault", "ann", "two")
    assert heard.events == ["issues"]
    headers, body = heard.requests[-1]
    assert json.loads(body)["installation"]["id"] == installed.id
    assert headers["x-github-hook-installation-target-type"] == "integration"
    assert headers["x-github-hook-installation-target-id"] == str(app.id)
    forged = dict(fake.forge(body, secret=app.webhook_secret).headers)
    assert headers["x-hub-signature-256"] == forged["X-Hub-Signature-256"]
    assert httpx.get(fake.url + "/app/hook/config", trust_env=False).status_code == 401
