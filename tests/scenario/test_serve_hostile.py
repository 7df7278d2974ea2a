"""What anybody may send to the two signed routes of the whole server: 400, 401 or 413, never 5xx, and nothing changes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import socket
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from hitl_middleware import audit
from hitl_server.limits import FORGIVEN_SECONDS

from tests.kit.databases import everything_in
from tests.kit.desk import ANN, CONVERSATION, RunningDesk, running_desk

pytestmark = pytest.mark.xdist_group("hostile requests")  # one server for them all

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
SLACK, FRONT = "/slack/events", "/front/webhooks"
DEEP = b"[" * 200_000
PADDING = b"x" * 1_100_000
UNTRUE = "v0=" + "0" * 64


@pytest.fixture(scope="module")
def desk(module_url) -> Iterator[RunningDesk]:
    """One server for all that is refused, with one card that waits."""
    with pytest.MonkeyPatch.context() as environment, running_desk(module_url, environment) as running:
        running.customer("refund order A-1001, 120.00")
        running.hitl.portal.call(audit.seal, running.hitl.store)  # later it would look like a change
        yield running


def state(desk: RunningDesk) -> Any:
    """All that could have changed: every row of the database, and everything that was asked of Slack and done to the world."""
    return everything_in(desk.hitl.settings.database_url), desk.slack.calls, desk.effects()


@pytest.fixture
def unchanged(desk) -> Iterator[RunningDesk]:
    """The same, and a test that changes anything fails."""
    desk.clock.advance(3 * FORGIVEN_SECONDS)  # whoever fails so often at once is told to wait, and only that
    before = state(desk)
    yield desk
    assert state(desk) == before


def refused(desk: RunningDesk, answer: httpx.Response, status: int) -> None:
    """A problem document with a sentence, and nothing in it that is not for a stranger."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], bool(problem["detail"])) == (status, True)
    secrets = [desk.slack.bot_token, desk.slack.signing_secret, *desk.services.environment.values()]
    assert not [secret for secret in (*secrets, "Traceback", "hitl.db") if secret in answer.text]


def post(desk: RunningDesk, path: str, body: Any, headers: Mapping[str, str]) -> httpx.Response:
    """One request as it is."""
    return desk.api.post(path, content=body, headers=dict(headers))


# Slack ---------------------------------------------------------------------------------------------------------------


def slack_headers(
    desk: RunningDesk, body: bytes, *, ahead: float = 0, secret: str | None = None
) -> dict[str, str]:
    """As Slack signs, by a few lines of our own."""
    stamp = str(int(desk.clock.seconds() + ahead))
    key = (secret or desk.slack.signing_secret).encode()
    digest = hmac.new(key, b"v0:" + stamp.encode() + b":" + body, hashlib.sha256).hexdigest()
    return {"Content-Type": FORM, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={digest}"}


FORGED: dict[str, Mapping[str, str | None]] = {
    "no signature": {"X-Slack-Signature": None},
    "no time": {"X-Slack-Request-Timestamp": None},
    "neither": {"X-Slack-Signature": None, "X-Slack-Request-Timestamp": None},
    "untrue": {"X-Slack-Signature": UNTRUE},
    "empty": {"X-Slack-Signature": ""},
    "another scheme": {"X-Slack-Signature": "v1=" + "0" * 64},
    "nonsense": {"X-Slack-Signature": "\N{LATIN SMALL LETTER E WITH ACUTE}" * 67},
    "another time": {"X-Slack-Request-Timestamp": "1700000000"},
    "no number": {"X-Slack-Request-Timestamp": "now"},
    "negative": {"X-Slack-Request-Timestamp": "-1"},
    "endless": {"X-Slack-Request-Timestamp": "9" * 5_000},
}


@pytest.mark.parametrize("changed", FORGED.values(), ids=FORGED)
def test_a_forged_click(unchanged, changed):
    """O-08: a click in every respect but its signature is 401."""
    click = unchanged.slack.draft_click(ANN, unchanged.card(), text="Approve")
    genuine = {**dict(click.headers), **changed}
    headers = [
        (name.encode(), value.encode("latin-1")) for name, value in genuine.items() if value is not None
    ]
    refused(unchanged, unchanged.api.post(SLACK, content=click.body, headers=headers), 401)


def test_a_click_of_another_time_or_app(unchanged):
    """O-08, S-10: signed with another app's secret, or more than five minutes from now, or over another body: 401."""
    body = unchanged.slack.draft_click(ANN, unchanged.card(), text="Approve").body
    for ahead in (-301, 400, -86_400):
        refused(unchanged, post(unchanged, SLACK, body, slack_headers(unchanged, body, ahead=ahead)), 401)
    refused(
        unchanged, post(unchanged, SLACK, body, slack_headers(unchanged, body, secret="another app's")), 401
    )
    refused(unchanged, post(unchanged, SLACK, body + b"&", slack_headers(unchanged, body)), 401)


def payload(value: Any) -> bytes:
    """An interaction with this in it."""
    return urlencode({"payload": value if isinstance(value, str) else json.dumps(value)}).encode()


NONSENSE = {
    "empty": (b"payload=", FORM),
    "deep form": (b"payload=" + DEEP, FORM),
    "deep JSON": (b'{"a":' * 100_000, JSON),
    "deep and whole": (b'{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}", JSON),
    "not UTF-8": (b"\xff\xfe\x00payload", FORM),
    "not UTF-8 in a form": (b"payload=%FF%FE", FORM),
    "not UTF-8 in JSON": (b'{"type": "\xc3\x28"}', JSON),
    "half a pair": (payload('{"type": "\\ud800"}'), FORM),
    "cut off": (payload('{"type": "block_act'), FORM),
    "no object": (payload([]), FORM),
    "many fields": (b"a=1&" * 100_000, FORM),
    "a number too long": (payload('{"type": ' + "9" * 5_000 + "}"), FORM),
    "a form that says JSON": (payload({"type": "block_actions"}), JSON),
    "wrong types": (payload({"type": "block_actions", "team": 5, "actions": 7}), FORM),
    "no user": (payload({"type": "block_actions", "user": 5}), FORM),
}


@pytest.mark.parametrize(("body", "content_type"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_in_slacks_name(unchanged, body, content_type):
    """O-08: truly signed, and nothing that Slack sends: 400. Unsigned, the same is 401."""
    headers = {**slack_headers(unchanged, body), "Content-Type": content_type}
    refused(unchanged, post(unchanged, SLACK, body, headers), 400)
    refused(
        unchanged,
        post(unchanged, SLACK, body, {"Content-Type": content_type, "X-Slack-Signature": UNTRUE}),
        401,
    )


def test_what_slack_may_send_and_nobody_asked_for(desk):
    """O-08: truly signed and not ours is taken with 200 and without a word, or Slack would switch the app off; nobody is asked or told."""
    before = state(desk)[1:]
    for body, content_type in (
        (b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e 'e'>]><x>&e;</x>", "application/xml"),
        (
            payload(
                {
                    "type": "block_actions",
                    "actions": [{"action_id": "other", "type": "button", "block_id": "b"}],
                }
            ),
            FORM,
        ),
        (payload({"type": "view_submission", "view": {"type": "modal", "callback_id": "other"}}), FORM),
        (b"command=/other&text=approve&user_id=U1", FORM),
    ):
        answer = post(desk, SLACK, body, {**slack_headers(desk, body), "Content-Type": content_type})
        assert (answer.status_code, answer.content) == (200, b"")
    desk.settle()
    assert state(desk)[1:] == before
    assert desk.only()["status"] == "pending"


# Front ---------------------------------------------------------------------------------------------------------------


def front_headers(
    desk: RunningDesk, body: bytes, *, ahead: float = 0, secret: str | None = None
) -> dict[str, str]:
    """As Front signs, by a few lines of our own."""
    stamp = str(round((desk.clock.seconds() + ahead) * 1_000))
    key = (secret or desk.services.front.webhook_secret).encode()
    digest = hmac.new(key, stamp.encode() + b":" + body, hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    return {"Content-Type": JSON, "X-Front-Request-Timestamp": stamp, "X-Front-Signature": signature}


def test_forged_webhooks(unchanged):
    """O-08, S-01: a customer's message in every respect but its signature is 401."""
    made = unchanged.services.front.customer_writes(CONVERSATION, "forged", post=False)
    good = dict(made.headers)
    for changed in (
        {"X-Front-Signature": "nonsense"},
        {"X-Front-Signature": base64.b64encode(b"0" * 32).decode()},
        {"X-Front-Signature": ""},
        {"X-Front-Request-Timestamp": "1700000000000"},
        {"X-Front-Request-Timestamp": "9" * 5_000},
        {"X-Front-Request-Timestamp": "-1"},
    ):
        refused(unchanged, post(unchanged, FRONT, made.body, {**good, **changed}), 401)
    for name in ("X-Front-Signature", "X-Front-Request-Timestamp"):
        left = {key: value for key, value in good.items() if key != name}
        refused(unchanged, post(unchanged, FRONT, made.body, left), 401)
    for how in ({"ahead": -301}, {"ahead": 400}, {"secret": "another app's"}):
        refused(unchanged, post(unchanged, FRONT, made.body, front_headers(unchanged, made.body, **how)), 401)
    twice = [*good.items(), ("X-Front-Signature", good["X-Front-Signature"])]
    refused(unchanged, unchanged.api.post(FRONT, content=made.body, headers=twice), 401)


def event(**changed: Any) -> bytes:
    """A customer's message with these things wrong."""
    told = {"id": "msg_1", "is_inbound": True, "text": "hello"}
    told |= changed.pop("message", {})
    full = {"id": "evt_1", "conversation": {"id": "cnv_1"}, "target": {"data": told}, **changed}
    return json.dumps({"type": "inbound_received", "payload": full}).encode()


UNREADABLE = {
    "empty": b"",
    "deep": DEEP,
    "deep in a field": b'{"type": "inbound_received", "payload": ' + DEEP,
    "not UTF-8": b'{"type": "\xff\xfe"}',
    "half a pair": b'{"type": "inbound_received", "payload": {"id": "\\ud800"}}',
    "a list": b"[]",
    "no type": b"{}",
    "no payload": b'{"type": "inbound_received"}',
    "a form": b"type=inbound_received",
    "no conversation": event(conversation=None),
    "a path as id": event(conversation={"id": "../../teammates"}),
    "a query as id": event(conversation={"id": "cnv_1?x=1"}),
    "an id of numbers": event(conversation={"id": 5}),
    "a long id": event(conversation={"id": "c" * 5_000}),
    "a message that is none": event(target={"data": []}),
    "words that are none": event(message={"text": {"a": 1}}),
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_nonsense_in_fronts_name(unchanged, body):
    """O-08: truly signed, and no event of Front's: 400 whatever it calls itself; unsigned: 401."""
    for content_type in (JSON, "text/plain", "application/xml"):
        headers = {**front_headers(unchanged, body), "Content-Type": content_type}
        refused(unchanged, post(unchanged, FRONT, body, headers), 400)
    refused(unchanged, post(unchanged, FRONT, body, {"Content-Type": JSON}), 401)


# both ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [SLACK, FRONT])
def test_too_large(unchanged, path):
    """O-08: 413, signed or not, with its length declared or not; the server answers the next request as if nothing had been."""
    signed = slack_headers(unchanged, PADDING) | front_headers(unchanged, PADDING)
    refused(unchanged, post(unchanged, path, PADDING, signed), 413)
    refused(unchanged, post(unchanged, path, PADDING, {}), 413)
    pieces = (b"x" * 65_536 for _ in range(20))
    refused(unchanged, post(unchanged, path, pieces, {"Content-Type": JSON}), 413)
    assert unchanged.api.get("/readyz").status_code == 200


LENGTHS = {"huge": "999999999999999999999", "negative": "-5", "words": "ten", "two": "5, 7"}


@pytest.mark.parametrize("path", [SLACK, FRONT])
@pytest.mark.parametrize("length", LENGTHS.values(), ids=LENGTHS)
def test_a_length_that_cannot_be(unchanged, path, length):
    """O-08: refused by its header, before a body is waited for."""
    at = urlsplit(unchanged.url)
    with socket.create_connection((at.hostname, at.port or 0), timeout=5) as raw:
        raw.sendall(f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n".encode())
        line = raw.makefile("rb").readline()
    assert line.split(b" ")[1] in {b"400", b"413"}, line


@pytest.mark.parametrize("path", [SLACK, FRONT])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_another_method(unchanged, path, method):
    """O-08: only POST is taken there."""
    answer = unchanged.api.request(method, path, headers={"Content-Type": JSON})
    assert answer.status_code == 405, answer.text


def test_after_all_that_the_card_still_works(desk):
    """S-02, S-05: whatever was sent, a genuine click decides, and a genuine message starts a run."""
    desk.press("Approve")
    assert desk.act()["status"] == "succeeded"
    desk.customer("Where is my course certificate?", conversation="cnv_2")
    assert len(desk.runs()) == 2
