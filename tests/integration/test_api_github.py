"""``POST /github/webhooks`` through the whole server: who is let in, what is stored, and what the sender is told (G-11, O-08)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx
import pytest

from hitl_middleware.channels.github.signature import sign
from hitl_middleware.settings import ConfigFile

from tests.kit.effects import Effects
from tests.kit.served import Served, served
from tests.kit.world import World

SECRET, BEFORE = "the present secret", "the one before"
SET = {
    "GITHUB_TOKEN": "t",
    "GITHUB_WEBHOOK_SECRET": SECRET,
    "GITHUB_WEBHOOK_SECRET_PREVIOUS": BEFORE,
    "GITHUB_API_URL": "http://127.0.0.1:9",
}
COMMENT = {
    "action": "created",
    "issue": {"number": 1},
    "repository": {"full_name": "acme/shop"},
    "comment": {
        "id": 5,
        "body": "/approve",
        "user": {"login": "ann"},
        "created_at": "2026-01-05T09:00:00Z",
    },
}


@pytest.fixture(scope="module")
def server(_no_channels: None) -> Iterator[Served]:
    """GitHub is configured, with two secrets, and answers nobody: a delivery is taken all the same. Nothing stored is acted on."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in SET.items():
            environment.setenv(name, value)
        with served(World(), Effects()) as opened:
            yield opened


@pytest.fixture
def before(server: Served) -> int:
    """How many deliveries are stored already."""
    return kept(server)


def sent(
    server: Served,
    payload: Any = COMMENT,
    headers: Mapping[str, str | None] = {},
    *,
    secret: str = SECRET,
    delivery: str = "1",
) -> httpx.Response:
    """One delivery; ``headers`` replaces some, ``None`` takes one away."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    said: dict[str, str | None] = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "issue_comment",
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": sign(secret, body),
        **headers,
    }
    return server.http.post(
        "/github/webhooks",
        content=body,
        headers={name: value for name, value in said.items() if value is not None},
    )


def kept(server: Served) -> int:
    """How many deliveries wait to be acted on."""

    async def count() -> int:
        async with server.world.store.read() as uow:
            return len(await uow.due("delivery"))

    return server.world.portal.call(count)


def test_a_signed_delivery_is_stored_and_answered(server: Served, before: int) -> None:
    """G-11: 202, by either secret; again under the same id: 200, and it is there once."""
    assert (sent(server).status_code, kept(server)) == (202, before + 1)
    again = sent(server)
    assert (again.status_code, again.json(), kept(server)) == (200, {"status": "known"}, before + 1)
    assert sent(server, secret=BEFORE, delivery="2").status_code == 202


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-Hub-Signature-256": None}, 401),
        ({"X-Hub-Signature-256": "sha256=junk"}, 401),
        ({"X-Hub-Signature-256": "sha256=" + "0" * 64}, 401),
        ({"X-Hub-Signature-256": None, "X-Hub-Signature": "sha1=" + "0" * 40}, 401),
        ({"X-GitHub-Event": None}, 400),
        ({"X-GitHub-Event": "Issue Comment"}, 400),
        ({"X-GitHub-Delivery": None}, 400),
        ({"X-GitHub-Delivery": "x" * 65}, 400),
    ],
)
def test_headers_that_are_not_githubs(
    server: Served, before: int, headers: dict[str, str | None], status: int
) -> None:
    """G-11: a signature that is missing, malformed or wrong is 401, other headers 400, each with a sentence; nothing is stored."""
    answer = sent(server, headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert answer.json()["detail"]
    assert kept(server) == before


JUNK = [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"action": "created"}', b'{"action": 1}', b"payload=%7B"]


@pytest.mark.parametrize("body", JUNK)
def test_bodies_that_are_not_githubs(server: Served, before: int, body: bytes) -> None:
    """G-11, O-08: signed or not, junk is 400 with a sentence."""
    answer = sent(server, body)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert kept(server) == before


@pytest.mark.parametrize("size", [2_000_001, 20_000_000])
def test_a_large_body(server: Served, size: int) -> None:
    """G-11: more than 2 MB is 413, before its signature is looked at, and the sender sees it."""
    assert sent(server, b"x" * size, headers={"X-Hub-Signature-256": None}).status_code == 413


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("ping", {"zen": "Design for failure."}),
        ("push", {"ref": "refs/heads/main"}),
        ("issue_comment", {**COMMENT, "action": "edited"}),
        ("issue_comment", {**COMMENT, "comment": {**COMMENT["comment"], "body": "Thank you"}}),  # type: ignore[dict-item]
        ("issues", {"action": "opened"}),
    ],
)
def test_what_is_of_no_concern(server: Served, before: int, event: str, payload: dict[str, Any]) -> None:
    """G-11: 200 with the reason, and nothing is stored."""
    answer = sent(server, payload, {"X-GitHub-Event": event})
    assert (answer.status_code, answer.json()["status"], kept(server)) == (200, "ignored", before)
    assert answer.json()["why"]


def test_nothing_else_lets_it_in(server: Served) -> None:
    """G-11: no GET, and no token of the API in place of a signature."""
    assert server.http.get("/github/webhooks").status_code == 405
    bearer = sent(server, headers={"Authorization": "Bearer x", "X-Hub-Signature-256": None})
    assert bearer.status_code == 401


def test_it_can_be_off(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    """DESIGN §2 rule 8: 404 with a sentence where nothing of GitHub is set."""
    for name in SET:
        monkeypatch.delenv(name, raising=False)
    answer = serve().http.post("/github/webhooks", content=b"{}")
    assert (answer.status_code, "GITHUB_TOKEN" in answer.json()["detail"]) == (404, True)


def test_it_can_be_re_reading_alone(serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch) -> None:
    """G-12: with ``webhook = false`` no secret is needed, and the route says how things are."""
    for name, value in SET.items():
        monkeypatch.setenv(name, value if "SECRET" not in name else "")
    server = serve(config=ConfigFile.model_validate({"github": {"webhook": False}}))
    answer = server.http.post("/github/webhooks", content=b"{}")
    assert (answer.status_code, "re-reads issues" in answer.json()["detail"]) == (404, True)
