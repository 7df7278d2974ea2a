"""Who fails to show who they are is told to wait; nobody who succeeds ever is (O-08)."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog.testing

from hitl_middleware.clock import ManualClock
from hitl_server.limits import Failures, Limited, source_of, told_to_wait
from hitl_server.listener import PROXIES, Listener, bind

WEBHOOK = ("POST", "/slack/events")


def failures(clock: ManualClock, **sizes: int) -> Failures:
    """Three at once, one more every ten seconds."""
    return Failures(clock.monotonic, most=3, seconds=10, **sizes)


def test_so_many_at_once_and_then_now_and_then(clock: ManualClock) -> None:
    """O-08: three pass, the fourth waits until one is forgotten, and after that it is one in ten seconds."""
    counted = failures(clock)
    assert [counted.count("a") for _ in range(4)] == [0, 0, 0, 10]
    clock.advance(4)
    assert counted.count("a") == 6
    clock.advance(6)
    assert [counted.count("a"), counted.count("a")] == [0, 10]
    clock.advance(3600)
    assert [counted.count("a") for _ in range(4)] == [0, 0, 0, 10]


def test_each_address_by_itself(clock: ManualClock) -> None:
    """O-08: what one does wrong is not held against another."""
    counted = failures(clock)
    for _ in range(10):
        counted.count("a")
    assert counted.count("b") == 0


def test_memory_is_bounded(clock: ManualClock) -> None:
    """O-08: however many addresses fail, so many are remembered: those that failed last."""
    counted = failures(clock, addresses=100)
    for number in range(1_000):
        counted.count(f"10.0.{number // 256}.{number % 256}")
    assert len(counted) == 100
    for _ in range(3):
        counted.count("10.0.3.231")
    assert counted.count("10.0.3.231") == 10


@pytest.mark.parametrize(
    ("client", "source"),
    [
        (("192.0.2.7", 5), "192.0.2.7"),
        (("2001:db8:1:2:3:4:5:6", 5), "2001:db8:1:2::/64"),
        (("2001:db8:1:2::9", 5), "2001:db8:1:2::/64"),
        (("::ffff:192.0.2.7", 5), "192.0.2.7"),
        (("testclient", 5), "testclient"),
        (None, ""),
    ],
)
def test_an_address(client: tuple[str, int] | None, source: str) -> None:
    """O-08: nobody gets a fresh count by taking another address of their own IPv6 network, and no header says where one is from."""
    assert source_of({"client": client, "headers": [(b"x-forwarded-for", b"198.51.100.1")]}) == source


class App:
    """Answers what it is told to; the limit stands before it."""

    def __init__(self, clock: ManualClock) -> None:
        self.answer = 401
        self.told_to_wait = False
        self.asked = 0
        self.limited = Limited(self, failures(clock), {WEBHOOK})

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked += 1
        self.told_to_wait = told_to_wait(scope)
        await send({"type": "http.response.start", "status": self.answer, "headers": []})
        await send({"type": "http.response.body", "body": b"the app's own words"})

    async def ask(
        self, answer: int, at: tuple[str, str] = WEBHOOK, source: str = "192.0.2.7"
    ) -> tuple[int, dict[str, str], bytes]:
        """What comes back."""
        self.answer = answer
        got: list[Any] = []

        async def send(message: Any) -> None:
            got.append(message)

        method, path = at
        scope = {"type": "http", "method": method, "path": path, "client": (source, 1), "headers": []}
        await self.limited(scope, None, send)  # type: ignore[arg-type]
        start, *rest = got
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], headers, b"".join(message["body"] for message in rest)


async def test_a_signed_request_is_served_at_any_time(clock: ManualClock) -> None:
    """O-08, issue 5: an address that is far over its limit is still checked, and what passes is answered by the app itself."""
    app = App(clock)
    answers = [(await app.ask(401))[0] for _ in range(6)]
    assert answers == [401, 401, 401, 429, 429, 429]
    assert await app.ask(200) == (200, {}, b"the app's own words")
    assert (await app.ask(422))[0] == 422
    assert (await app.ask(503))[0] == 503
    assert app.asked == 9


async def test_what_is_said(clock: ManualClock) -> None:
    """O-08, E-04: a problem document that says when to try again, and not a word of the answer it stands for."""
    app = App(clock)
    for _ in range(3):
        await app.ask(401)
    clock.advance(0.5)
    status, headers, body = await app.ask(401)
    assert (status, headers["retry-after"], headers["content-type"]) == (
        429,
        "10",
        "application/problem+json",
    )
    told = json.loads(body)
    assert (told["status"], told["title"]) == (429, "Too Many Requests")
    assert "Try again in 10 s." in told["detail"]


async def test_a_flood_is_one_line(clock: ManualClock) -> None:
    """O-08: the log says once that an address is told to wait, and is silent about what it sends until it may try again."""
    app = App(clock)
    with structlog.testing.capture_logs() as told:
        quiet = []
        for _ in range(20):
            await app.ask(401)
            quiet.append(app.told_to_wait)
    assert [line["event"] for line in told] == ["http.rate_limited"]
    assert quiet == [False] * 3 + [True] * 17
    clock.advance(10)
    await app.ask(200)
    assert app.told_to_wait is False


async def test_only_what_was_not_shown_counts(clock: ManualClock) -> None:
    """O-08: before a signature a body that is too large or too slow counts; behind a token it is an authorised caller's mistake."""
    app = App(clock)
    for status in (400, 404, 422, 503):
        for _ in range(5):
            assert (await app.ask(status))[0] == status
    for _ in range(10):
        assert (await app.ask(413, ("POST", "/api/v1/runs")))[0] == 413
    assert [(await app.ask(413))[0] for _ in range(4)] == [413, 413, 413, 429]
    assert (await app.ask(408))[0] == 429
    assert (await app.ask(401, source="192.0.2.8"))[0] == 401


async def heard_from(proxies: str | None, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where a request is taken to be from that a proxy at 10.0.0.1 passes on."""
    if proxies is None:
        monkeypatch.delenv(PROXIES, raising=False)
    else:
        monkeypatch.setenv(PROXIES, proxies)
    heard: list[Any] = []

    async def app(scope: Any, _receive: Any, _send: Any) -> None:
        heard.append(source_of(scope))

    with bind("127.0.0.1", 0) as bound:
        listener = Listener(app, bound, lambda: None)  # type: ignore[arg-type]
        listener.config.load()
        headers = [(b"x-forwarded-for", b"127.0.0.1, 198.51.100.1")]
        scope = {"type": "http", "client": ("10.0.0.1", 1), "headers": headers}
        loaded: Any = listener.config.loaded_app
        await loaded(scope, None, None)
    (source,) = heard
    return str(source)


@pytest.mark.parametrize(
    ("proxies", "source"),
    [(None, "10.0.0.1"), ("127.0.0.1", "10.0.0.1"), ("10.0.0.0/8", "198.51.100.1")],
)
async def test_behind_a_proxy(proxies: str | None, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """O-08: ``X-Forwarded-For`` is believed of the proxies that uvicorn's FORWARDED_ALLOW_IPS names, and of nobody by default."""
    assert await heard_from(proxies, monkeypatch) == source
