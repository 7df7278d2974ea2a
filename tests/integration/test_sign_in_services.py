"""Signing in with GitHub and Slack, against the strict fakes (issue 6, item 2; P-01)."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import RSAKey

from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.settings import ConfigFile, SignInConfig
from hitl_middleware.testing.fake_github import FakeGitHub
from hitl_middleware.testing.fake_slack import FakeSlack
from hitl_server.sign_in.configured import configured_providers

from tests.kit.effects import Effects
from tests.kit.served import HELLO, Served, served
from tests.kit.world import World

PUBLIC = "http://hitl.example.com"
HTML = {"Accept": "text/html"}
IDS = {"github": "HITL_SIGN_IN_GITHUB_ID", "slack": "HITL_SIGN_IN_SLACK_ID"}
SECRETS = {"github": "HITL_SIGN_IN_GITHUB_SECRET", "slack": "HITL_SIGN_IN_SLACK_SECRET"}
ANN = "U024BE7LH"
"""Of the people, in Slack; on GitHub she is ann."""


class Town:
    """A server that only people who sign in reach, and the two services."""

    def __init__(self, server: Served, github: FakeGitHub, slack: FakeSlack) -> None:
        self.server, self.github, self.slack = server, github, slack
        self.http = server.http

    def begun(self, service: str, back: str = "/requests/7k3m9x2q") -> str:
        """Where the browser is sent."""
        answer = self.http.get(f"/sign-in/{service}", params={"next": back})
        assert answer.status_code == 303
        return answer.headers["location"]

    def allowed(self, service: str, who: str, url: str, *, deny: bool = False) -> str:
        """Path and query of the answer, once somebody has allowed it there."""
        fake = self.github if service == "github" else self.slack
        return fake.allow(who, url, deny=deny).removeprefix(PUBLIC)

    def signed_in(self, service: str, who: str) -> None:
        """All of it."""
        answer = self.http.get(self.allowed(service, who, self.begun(service)))
        assert (answer.status_code, answer.headers["location"]) == (303, "/requests/7k3m9x2q"), answer.text


@pytest.fixture(scope="module")
def open_town() -> Iterator[Town]:
    """Ann is an operator by her Slack name, and one person with ann on GitHub."""
    clock = ManualClock()
    now = lambda: clock.now().timestamp()  # noqa: E731
    with FakeGitHub(now=now) as github, FakeSlack(now=now) as slack, pytest.MonkeyPatch.context() as environ:
        slack.add_user(ANN, name="ann")
        slack.add_user("U0STRANGER", name="stranger")
        github.person("ann")
        github.person("stranger")
        config = ConfigFile(
            people={"ann": (f"slack:{ANN}", "github:ann")},
            operators=(f"slack:{ANN}",),
            sign_in=SignInConfig(slack_team=slack.app.team_id),
        )
        on_github = github.add_oauth_app(f"{PUBLIC}/sign-in/github/callback")
        in_slack = slack.add_sign_in(f"{PUBLIC}/sign-in/slack/callback")
        environ.setenv(IDS["github"], on_github.client_id)
        environ.setenv(SECRETS["github"], on_github.client_secret)
        environ.setenv(IDS["slack"], in_slack.client_id)
        environ.setenv(SECRETS["slack"], in_slack.client_secret)
        environ.setenv("GITHUB_API_URL", github.url)
        environ.setenv("SLACK_API_URL", slack.url)
        world = World(clock=clock, config=config)
        world.public_url = PUBLIC
        with served(world, Effects()) as server:
            yield Town(server, github, slack)


@pytest.fixture
def town(open_town: Town) -> Iterator[Town]:
    """Nobody is signed in."""
    open_town.http.cookies.clear()
    open_town.server.world.time.advance(60)
    yield open_town
    open_town.slack.lie()


SERVICES = pytest.mark.parametrize(("service", "who"), [("github", "ann"), ("slack", ANN)])


@SERVICES
def test_signed_in(town: Town, service: str, who: str):
    """P-01: whichever way she came, she is the operator ann, under the name that the service proved; and back where she wanted to be."""
    town.signed_in(service, who)
    answer = town.http.get("/api/v1/audit")
    assert answer.status_code == 200
    town.http.cookies.clear()
    assert town.http.get("/api/v1/audit").status_code == 401


@pytest.mark.parametrize("back", ["/requests/x", "/requests/xy", "/requests/xyz", "/requests/ä?a=b&c=%2F"])
def test_back_to_any_page(town: Town, back: str):
    """Whatever its address is, and in a cookie that no browser quotes."""
    url = town.begun("github", back)
    assert '"' not in town.http.cookies["hitl_sign_in"]
    answer = town.http.get(town.allowed("github", "ann", url))
    assert (answer.status_code, answer.headers["location"]) == (303, back.replace("ä", "%C3%A4"))


def test_the_ways_are_shown(town: Town):
    """The sign-in page offers both, and keeps where one wants to go; whoever asks without a session is sent there, on loopback too."""
    away = town.http.get("/requests/7k3m9x2q", headers=HTML)
    shown = town.http.get(away.headers["location"]).text
    for service in ("github", "slack"):
        assert f'href="/sign-in/{service}?next=/requests/7k3m9x2q"' in shown
    assert town.http.get("/api/v1/runs").status_code == 401


@pytest.mark.parametrize(("service", "who"), [("github", "stranger"), ("slack", "U0STRANGER")])
def test_a_stranger(town: Town, service: str, who: str):
    """Proven, but nobody here: a sentence that says so and how to be listed, and no session."""
    answer = town.http.get(town.allowed(service, who, town.begun(service)), headers=HTML)
    assert answer.status_code == 403
    assert "nothing here is for you" in answer.text
    assert "hitl_session" not in answer.cookies
    assert town.http.get("/inbox").status_code == 401


def test_whoever_a_waiting_request_lists(town: Town):
    """No file names them, a request that waits does: a reviewer, who sees requests and no audit."""
    town.slack.add_user("U0BOB12345", name="bob")
    town.server.world.begin_run("desk", HELLO)
    town.server.world.step()
    town.signed_in("slack", "U0BOB12345")
    assert town.http.get("/inbox").status_code == 200
    assert town.http.get("/api/v1/audit").status_code == 403


@SERVICES
def test_another_browser(town: Town, service: str, who: str):
    """An answer counts only in the browser that asked: nobody can be made to sign in as somebody else (login CSRF)."""
    answer = town.allowed(service, who, town.begun(service))
    town.http.cookies.clear()
    assert town.http.get(answer).status_code == 401
    town.begun(service)
    assert town.http.get(answer).status_code == 401
    assert town.http.get("/inbox").status_code == 401


@SERVICES
def test_replayed(town: Town, service: str, who: str):
    """The same answer a second time: 401; the attempt was over with the first. With its cookie brought back, the code is spent."""
    url = town.begun(service)
    kept = town.http.cookies["hitl_sign_in"]
    answer = town.allowed(service, who, url)
    assert town.http.get(answer).status_code == 303
    assert "hitl_sign_in" not in town.http.cookies
    town.http.cookies.clear()
    assert town.http.get(answer).status_code == 401
    town.http.cookies.set("hitl_sign_in", kept)
    assert town.http.get(answer).status_code == 401
    assert town.http.get("/inbox").status_code == 401


@SERVICES
@pytest.mark.parametrize("state", ["", "x", "\u00e9"])
def test_a_wrong_state(town: Town, service: str, who: str, state: str):
    """401, and nobody is asked about the code."""
    answer = town.allowed(service, who, town.begun(service))
    code = parse_qs(urlsplit(answer).query)["code"][0]
    path = urlsplit(answer).path
    assert town.http.get(path, params={"code": code, "state": state}).status_code == 401
    assert town.http.get("/inbox").status_code == 401


def test_one_service_s_answer_is_none_of_the_other_s(town: Town):
    """The state of an attempt with Slack does not pass at GitHub's callback (mix-up)."""
    answer = town.allowed("slack", ANN, town.begun("slack"))
    mixed = answer.replace("/sign-in/slack/", "/sign-in/github/")
    assert town.http.get(mixed).status_code == 401


@SERVICES
def test_denied(town: Town, service: str, who: str):
    """They said no there: 403 with a sentence, no session."""
    answer = town.http.get(town.allowed(service, who, town.begun(service), deny=True), headers=HTML)
    assert answer.status_code == 403
    assert "access_denied" in answer.text


def test_the_code_needs_its_verifier(town: Town):
    """PKCE: a code that somebody stole is of no use with another browser's attempt."""
    stolen = parse_qs(urlsplit(town.allowed("github", "ann", town.begun("github"))).query)["code"][0]
    state = parse_qs(urlsplit(town.begun("github")).query)["state"][0]
    answer = town.http.get("/sign-in/github/callback", params={"code": stolen, "state": state})
    assert answer.status_code == 401
    assert town.http.get("/inbox").status_code == 401


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "of-another-attempt"},
        {"iss": "https://evil.example"},
        {"aud": "another-app"},
        {"exp": 1_000_000_000},
        {"https://slack.com/team_id": "T0ELSEWHERE"},
        {"https://slack.com/user_id": None},
        {"https://slack.com/user_id": "group:x"},
        {"key": "forged"},
    ],
    ids=lambda lie: next(iter(lie)),
)
def test_an_id_token_that_does_not_hold(town: Town, lie: dict[str, object]):
    """Another attempt's, issuer's, app's, time's or workspace's, or signed by another key: 401, and no session."""
    if "key" in lie:
        lie = {"key": RSAKey.generate_key(2048, parameters={"kid": "fake-slack"})}
    town.slack.lie(**lie)
    answer = town.http.get(town.allowed("slack", ANN, town.begun("slack")))
    assert answer.status_code == 401, answer.text
    assert town.http.get("/inbox").status_code == 401


def test_a_service_that_is_away(town: Town):
    """503 with a sentence; no traceback."""
    answer = town.allowed("github", "ann", town.begun("github"))
    with town.github.unreachable():
        told = town.http.get(answer)
    assert told.status_code == 503
    assert "GitHub does not answer" in told.json()["detail"]


def test_nothing_secret_is_logged(town: Town, capfd: pytest.CaptureFixture[str]):
    """Neither codes, states, cookies nor client secrets stand in the log; who came in, does."""
    answer = town.allowed("github", "ann", town.begun("github"))
    kept = town.http.cookies["hitl_sign_in"]
    assert town.http.get(answer).status_code == 303
    secret = town.http.cookies["hitl_session"]
    town.http.get(answer)
    told = "".join(capfd.readouterr())
    assert "sign_in.begun" in told
    query = parse_qs(urlsplit(answer).query)
    for each in (secret, kept, kept.partition(".")[0], query["code"][0], query["state"][0]):
        assert each not in told


@pytest.mark.parametrize("service", ["github", "slack"])
@pytest.mark.parametrize("which", [IDS, SECRETS])
def test_configured_in_part(service: str, which: dict[str, str]):
    """Stops the server with a sentence that names both variables and both ways out, and no value."""
    with pytest.raises(ConfigurationError) as stopped:
        configured_providers(ConfigFile(), {which[service]: "s3cret"})
    for word in (IDS[service], SECRETS[service], "unset"):
        assert word in str(stopped.value)
    assert "s3cret" not in str(stopped.value)


def test_slack_without_a_workspace():
    """Anybody with a Slack of their own could come: the server wants to know whose people."""
    with pytest.raises(ConfigurationError, match="slack_team"):
        configured_providers(ConfigFile(), {IDS["slack"]: "1", SECRETS["slack"]: "2"})


def test_servers_of_one_s_own():
    """GitHub's pages are where its API is: github.com, or the server of one's own."""
    environ = {IDS["github"]: "1", SECRETS["github"]: "2"}
    (provider,) = configured_providers(ConfigFile(), environ)
    assert (provider.web, provider.api) == ("https://github.com", "https://api.github.com")
    (provider,) = configured_providers(
        ConfigFile(), {**environ, "GITHUB_API_URL": "https://git.acme.org/api/v3/"}
    )
    assert (provider.web, provider.api) == ("https://git.acme.org", "https://git.acme.org/api/v3")
