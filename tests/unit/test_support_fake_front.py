"""The fake Front: as strict as Front, and its webhooks as true."""

import json

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from hitl_graphs.support import front_webhook
from hitl_graphs.support.fakes import (
    CommentPosted,
    FakeFront,
    MessageSent,
)
from hitl_graphs.support.fakes.front_webhooks import AppUnknown
from hitl_middleware.testing.loopback import Loopback

from tests.kit.plain import NO_TLS


@pytest.fixture
def front():
    """Front with one conversation."""
    with FakeFront(conversations=["cnv_1"]) as fake:
        yield fake


@pytest.fixture
def http(front):
    """A plain client with Front's token."""
    token = {"Authorization": f"Bearer {front.token}"}
    with httpx.Client(base_url=front.url, headers=token, verify=NO_TLS) as client:
        yield client


class App:
    """Where Front posts to: verifies, answers, and keeps what it was told."""

    def __init__(self, secret, now):
        self.secret = secret
        self.now = now
        self.told = []
        self.asgi = Starlette(routes=[Route("/front/webhooks", self.webhook, methods=["POST"])])

    async def webhook(self, request: Request):
        body = await request.body()
        try:
            front_webhook.verify(body, request.headers, self.secret, self.now())
        except front_webhook.FrontWebhookError as error:
            return JSONResponse({"error": str(error)}, error.status)
        self.told.append(front_webhook.parse(body))
        return JSONResponse({"challenge": front_webhook.challenge(request.headers)})


@pytest.fixture
def told():
    """A fake Front, an app it tells, and the clock of both."""
    clock = [1_760_000_000.0]
    with FakeFront(now=lambda: clock[0]) as front:
        app = App(front.webhook_secret, lambda: clock[0])
        with Loopback(app.asgi) as server:
            front.app_url = server.url
            yield front, app, clock


def test_the_app_is_told_of_a_customers_message(told):
    """S-01: a signed POST to /front/webhooks that the real verifier accepts."""
    front, app, _ = told
    delivery = front.customer_writes("cnv_7", "refund order A-1001, 120.00")
    assert delivery.status == 200
    (message,) = app.told
    assert (message.delivery_id, message.text) == (delivery.event_id, "refund order A-1001, 120.00")


def test_a_replay_is_the_same_bytes_and_a_redelivery_the_same_event(told):
    """S-01: both carry the first delivery's id; only the redelivery still passes when the window is over."""
    front, app, clock = told
    delivery = front.customer_writes("cnv_7", "hello")
    assert front.replay(delivery).status == 200
    clock[0] += 301
    assert front.replay(delivery).status == 401
    assert front.redeliver(delivery).status == 200
    assert [message.delivery_id for message in app.told] == [delivery.event_id] * 3


def test_comments_and_our_own_echo_are_told_apart(told):
    """S-04: a teammate's comment arrives as words, the app's own comment and message as nothing to do."""
    front, app, _ = told
    front.customer_writes("cnv_7", "hello")
    front.teammate_comments("cnv_7", "Say Tuesday.")
    headers = {"Authorization": f"Bearer {front.token}"}
    httpx.post(f"{front.url}/conversations/cnv_7/comments", json={"body": "Sent by policy."}, headers=headers)
    httpx.post(f"{front.url}/conversations/cnv_7/messages", json={"body": "Hi"}, headers=headers)
    for effect in (*front.made(CommentPosted), *front.made(MessageSent)):
        assert front.echo(effect).status == 200
    kinds = [getattr(one, "kind", "ignored") for one in app.told]
    assert kinds == ["customer_message", "teammate_comment", "ignored", "ignored"]


def test_the_subscription_is_answered_with_the_challenge(told):
    """S-01: the check that Front makes when the address is saved can be passed."""
    front, app, _ = told
    delivery = front.subscribe()
    assert json.loads(delivery.answer)["challenge"] == delivery.headers["X-Front-Challenge"]
    assert app.told == [front_webhook.Ignored("sync", "Front checks that this address answers.")]


def test_front_without_an_app_says_so(front):
    """S-15: a forgotten app_url is an error, not silence."""
    with pytest.raises(AppUnknown, match="app_url"):
        front.customer_writes("cnv_1", "hello")


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/conversations/cnv_1", None, 200),
        ("GET", "/conversations/cnv_1/messages?limit=1", None, 200),
        ("GET", "/conversations/cnv_1/comments", None, 200),
        ("GET", "/conversations/cnv_1/messages?limit=x", None, 400),
        ("GET", "/conversations/cnv_1/elsewhere", None, 404),
        ("GET", "/conversations/cnv_9", None, 404),
        ("GET", "/messages/msg_9", None, 404),
        ("GET", "/elsewhere", None, 404),
        ("DELETE", "/conversations/cnv_1", None, 404),
        ("POST", "/conversations/cnv_9/messages", {"body": "x"}, 404),
        ("POST", "/conversations/cnv_1/messages", {"body": "x", "author_id": "tea_kim"}, 202),
        ("POST", "/conversations/cnv_1/messages", {"body": "x", "author_id": "tea_9"}, 404),
        ("POST", "/conversations/cnv_1/messages", {"body": ""}, 400),
        ("POST", "/conversations/cnv_1/messages", {"text": "x"}, 400),
        ("POST", "/conversations/cnv_1/messages", {"body": 7}, 400),
        ("POST", "/conversations/cnv_1/messages", {"body": "x", "bodyy": "x"}, 400),
        ("POST", "/conversations/cnv_1/messages", {"body": "x", "options": {"archive": "no"}}, 400),
        ("POST", "/conversations/cnv_1/messages", [], 400),
        ("POST", "/conversations/cnv_1/messages", {"body": "x" * 1_100_000}, 413),
        ("POST", "/conversations/cnv_1/comments", {"body": "x", "author_id": "tea_kim"}, 201),
        ("POST", "/conversations/cnv_1/comments", {}, 400),
        ("PUT", "/conversations/cnv_1/assignee", {"assignee_id": "tea_kim"}, 204),
        ("PUT", "/conversations/cnv_1/assignee", {"assignee_id": None}, 204),
        ("PUT", "/conversations/cnv_1/assignee", {"assignee_id": "tea_9"}, 404),
        ("PUT", "/conversations/cnv_1/assignee", {}, 400),
    ],
)
def test_front_is_strict(front, http, method, path, body, status):
    """S-15: unknown ids, missing, mistyped and unknown fields are refused in Front's error format, and refused means not done."""
    answer = http.request(method, path, json=body)
    assert answer.status_code == status
    if status >= 400:
        assert answer.json()["_error"]["status"] == status
        assert front.effects == ()


def test_front_wants_its_token(front):
    """S-15: no token or another one is 401 in Front's error format."""
    for headers in ({}, {"Authorization": "Bearer nobody"}):
        answer = httpx.post(f"{front.url}/conversations/cnv_1/comments", json={"body": "x"}, headers=headers)
        assert answer.status_code == 401
        assert answer.json()["_error"]["title"] == "Unauthenticated"
    assert front.effects == ()


def test_front_archives_on_reply_unless_told_otherwise(front, http):
    """S-02: Front's default is the fake's default, so a client that relies on it is noticed."""
    http.post("/conversations/cnv_1/messages", json={"body": "<p>Hi</p>"})
    assert front.conversation("cnv_1").status == "archived"
    assert front.conversation("cnv_1").messages == ((False, "Hi"),)


def test_front_lists_newest_first(front, http):
    """S-15: messages come in reverse order, as Front gives them."""
    front.customer_writes("cnv_1", "one", post=False)
    front.customer_writes("cnv_1", "two", post=False)
    results = http.get("/conversations/cnv_1/messages").json()["_results"]
    assert [message["text"] for message in results] == ["two", "one"]
