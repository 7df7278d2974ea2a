"""A GitHub with a repository and three people, PyGithub on it, and an app that only writes down what is delivered to it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from github import Auth, Github

from hitl_middleware.clock import ManualClock
from hitl_middleware.testing.fake_github import FakeGitHub
from hitl_middleware.testing.loopback import Loopback

from tests.kit.plain import NO_TLS

SHOP = "acme/shop"


@dataclass
class Heard:
    """What an app was sent, and what it answers."""

    requests: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    status: int = 202

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.requests.append((headers, body))
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": b"heard"})

    @property
    def events(self) -> list[str]:
        """The events, without the ping."""
        names = [headers["x-github-event"] for headers, _ in self.requests]
        return [each for each in names if each != "ping"]


def pygithub(fake: FakeGitHub, token: str | None = None, **options: Any) -> Github:
    """The real client, not waiting between requests and not repeating any."""
    return Github(
        base_url=fake.url,
        auth=Auth.Token(token or fake.token),
        seconds_between_requests=0,
        seconds_between_writes=0,
        retry=None,
        **options,
    )


def http(fake: FakeGitHub, token: str | None = "", **headers: str) -> httpx.Client:
    """Plain HTTP where PyGithub would hide something; `token` None: nobody's."""
    credential = {} if token is None else {"Authorization": f"Bearer {token or fake.token}"}
    agent = {"User-Agent": "tests"}
    # Nothing is encrypted here; reading the system's certificates would take longer than a whole test.
    given = {**agent, **credential, **headers}
    return httpx.Client(base_url=fake.url, headers=given, trust_env=False, verify=NO_TLS)


@pytest.fixture
def fake(clock: ManualClock) -> Iterator[FakeGitHub]:
    """A running GitHub: ann may write, rob may read, max has nothing but an account."""
    with FakeGitHub(now=lambda: clock.now().timestamp()) as github:
        github.repository(SHOP)
        github.repository("acme/vault", private=True)
        github.person("ann", permission="write")
        github.person("rob", permission="read")
        github.person("max")
        yield github


@pytest.fixture
def hub(fake: FakeGitHub) -> Iterator[Github]:
    """PyGithub as the bot."""
    client = pygithub(fake)
    yield client
    client.close()


@pytest.fixture
def heard(fake: FakeGitHub) -> Iterator[Heard]:
    """A webhook on everything, and what came there."""
    app = Heard()
    with Loopback(app) as server:
        fake.connect(server.url + "/github/webhooks")
        yield app
        fake.finish_deliveries()
