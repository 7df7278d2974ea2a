"""The gate before Bolt, as Slack and an attacker meet it: real Bolt, real SDK, signed requests over loopback; only the desk is small."""

import asyncio
import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_middleware.actions import Decision
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.channels.slack.signature import sign
from hitl_middleware.clock import ManualClock, SystemClock
from hitl_middleware.records import ReviewRequest
from hitl_middleware.testing.channel_contract import HOSTILE
from hitl_middleware.testing.loopback import Loopback
from hitl_server.routes.slack import MOST_BYTES

from tests.kit.slack_stage import ANN, CHANNEL, SmallDesk, Stage, app_of, staged


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The usual one."""
    with staged(SmallDesk()) as stage:
        yield stage


class TestGate:
    def test_a_replay_does_nothing(self, stage: Stage):
        """Inside the window: 200, and the desk is not asked again, also not about who was too late."""
        stage.fake.click(ANN, stage.card, text="Approve")
        stage.desk.requests[stage.request.id] = stage.view.request  # were it asked, it would count again
        reply = stage.fake.replay(stage.fake.deliveries[0])
        assert (reply.status, reply.body) == (200, b"")
        assert len(stage.desk.submissions) == 1

    def test_without_the_memory_a_replay_would_count(self):
        """Why deliveries are remembered: Bolt alone lets the same bytes in again."""

        @dataclass
        class Forgetful(SmallDesk):
            async def first_time(self, channel: str, key: str) -> bool:
                return True

        with staged(Forgetful()) as stage:
            stage.fake.click(ANN, stage.card, text="Approve")
            stage.desk.requests[stage.request.id] = stage.view.request
            stage.fake.replay(stage.fake.deliveries[0])
            assert len(stage.desk.submissions) == 2

    def test_a_replay_outside_the_window(self, stage: Stage):
        """401, and it is not even remembered."""
        click = stage.fake.draft_click(ANN, stage.card, text="Approve")
        now = SystemClock().now().timestamp()
        for at in (now - 301, now + 400):
            assert stage.fake.replay(click, at=at).status == 401
        assert stage.desk.known == set()
        assert stage.request.status == "pending"

    @pytest.mark.parametrize(
        "headers",
        [
            {"X-Slack-Signature": None},
            {"X-Slack-Request-Timestamp": None},
            {"X-Slack-Signature": "v0=" + "0" * 64},
            {"X-Slack-Signature": "nonsense"},
            {"X-Slack-Request-Timestamp": "nonsense"},
            {"X-Slack-Request-Timestamp": "9" * 400},
        ],
    )
    def test_a_forged_request(self, stage: Stage, headers):
        """401 with a sentence, for a body that is a click in every other respect."""
        click = stage.fake.draft_click(ANN, stage.card, text="Approve")
        reply = stage.send(click, headers=headers)
        assert reply.status == 401
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json()["detail"]
        assert stage.request.status == "pending"

    def test_another_apps_secret(self, stage: Stage):
        """A signature of somebody else's app."""
        click = stage.fake.draft_click(ANN, stage.card, text="Approve")
        assert stage.send(click, secret="another").status == 401

    def test_a_changed_body(self, stage: Stage):
        """One byte more, the signature of the other body."""
        click = stage.fake.draft_click(ANN, stage.card, text="Approve")
        assert stage.fake.send(replace(click, body=click.body + b"&")).status == 401

    def test_bolt_alone_fails_on_unsigned_junk(self, stage: Stage):
        """Why our gate stands before it: Bolt parses before it checks."""
        from slack_bolt.request.async_request import AsyncBoltRequest

        with pytest.raises(ValueError, match="Expecting"):
            AsyncBoltRequest(body="payload={", headers={})

    @pytest.mark.parametrize("signed", [True, False])
    def test_an_oversized_body(self, stage: Stage, signed):
        """413, signed or not."""
        body = b"payload=" + b"x" * MOST_BYTES
        assert stage.send(body, secret=None if signed else "wrong").status == 413

    def test_an_endless_body(self, stage: Stage):
        """Chunks without a length: 413 as soon as it is too much, long before the end."""
        sent = 0

        def chunks() -> Iterator[bytes]:
            nonlocal sent
            for _ in range(2_000):
                sent += 1
                yield b"x" * 50_000

        with contextlib.suppress(httpx.WriteError):
            reply = httpx.post(f"{stage.url}/slack/events", content=chunks(), trust_env=False)
            assert reply.status_code == 413
        assert sent < 1_000

    @pytest.mark.parametrize(
        "body",
        [
            b"payload=" + b"[" * 500_000,
            b'{"a":' * 160_000,
            b"\xff\xfe\xfd",
            b"payload=%FF",
            b"payload={",
            b"payload=[]",
            b"payload=null",
            b"{",
            b"a=1&" * 100_000,
            urlencode({"payload": json.dumps({"type": "block_actions", "user": 5})}).encode(),
            urlencode({"payload": json.dumps({"type": "block_actions", "actions": []})}).encode(),
            urlencode({"payload": json.dumps({"type": "block_actions", "team": 5, "actions": 7})}).encode(),
            b'{"event": {"type": 5}, "type": "event_callback", "authorizations": 3}',
        ],
        ids=range(13),
    )
    def test_signed_nonsense(self, stage: Stage, body):
        """O-08: whatever it is, 400; signed, so that nothing but the content can be the reason."""
        assert stage.send(body).status == 400
        assert stage.send(body, content_type="application/json").status == 400
        assert stage.fake.click(ANN, stage.card, text="Approve").status == 200

    @pytest.mark.parametrize(
        "payload",
        [
            {},
            {"type": "block_actions"},
            {
                "type": "block_actions",
                "actions": [{"action_id": "hitl_approve", "type": "button", "value": None}],
            },
            {"type": "block_actions", "actions": [{"action_id": "other", "type": "button", "block_id": "b"}]},
            {"type": "view_submission", "view": {"type": "modal", "callback_id": "hitl_rejection"}},
            {
                "type": "view_submission",
                "view": {"type": "modal", "callback_id": "hitl_rejection", "private_metadata": "{"},
            },
            {"type": "shortcut", "callback_id": "x"},
            {"type": HOSTILE},
        ],
        ids=range(8),
    )
    def test_signed_and_not_ours(self, stage: Stage, payload):
        """Nothing decided, nobody told, and neither an error nor a body."""
        reply = stage.send(payload)
        assert (reply.status, reply.body) == (200, b"")
        assert (stage.desk.submissions, stage.desk.told) == ([], [])

    def test_events_and_commands_of_others(self, stage: Stage):
        """Not subscribed to by us: taken and ignored."""
        assert stage.fake.say(ANN, CHANNEL, "hello").status == 200
        assert stage.fake.react(ANN, stage.card, "eyes").status == 200
        assert stage.fake.command(ANN, "/other", channel=CHANNEL).status == 200
        assert stage.desk.submissions == []

    def test_slack_verifies_the_address(self, stage: Stage):
        """The challenge is given back."""
        assert stage.fake.verify_url().trouble == ""

    def test_a_header_that_switches_bolts_handlers_off(self, stage: Stage):
        """Headers are not signed; those that Bolt obeys do not get through."""
        click = stage.fake.draft_click(ANN, stage.card, text="Approve")
        headers = {"X-Slack-Bolt-Lazy-Only": "1", "X-Slack-Bolt-Lazy-Function-Name": "x"}
        assert stage.send(click, headers=headers).status == 200
        assert stage.request.status == "approved"

    def test_our_own_trouble_is_not_an_acknowledgement(self, stage: Stage):
        """503, so that Slack marks the button; the same bytes may come again, and then count."""
        click = stage.fake.draft_click(ANN, stage.card, text="Approve")
        stage.desk.broken = True
        assert stage.fake.send(click).status == 503
        stage.desk.broken = False
        assert stage.fake.send(click).status == 200
        assert stage.request.status == "approved"

    def test_trouble_after_it_was_remembered(self):
        """A delivery that could not be acted on is forgotten again."""

        @dataclass
        class Shaky(SmallDesk):
            async def submit(self, request_id: str, decision: Decision, **more: Any) -> ReviewRequest:
                if not self.submissions:
                    self.submissions.append(("nobody", "nothing"))
                    msg = "the database went away"
                    raise ConnectionError(msg)
                return await super().submit(request_id, decision, **more)

        with staged(Shaky()) as stage:
            click = stage.fake.draft_click(ANN, stage.card, text="Approve")
            assert stage.fake.send(click).status == 503
            assert stage.desk.known == set()
            assert stage.fake.send(click).status == 200
            assert stage.request.status == "approved"


class TestOff:
    def test_nothing_configured(self):
        """404 with a sentence that says which variables."""
        with Loopback(app_of(None, SmallDesk())) as server:
            reply = httpx.post(f"{server.url}/slack/events", content=b"x" * 2_000_000, trust_env=False)
        assert reply.status_code == 404
        assert reply.headers["content-type"] == "application/problem+json"
        assert "SLACK_BOT_TOKEN" in reply.json()["detail"]

    def test_socket_mode_only(self):
        """Without a signing secret nothing by HTTP can be checked, so nothing is taken."""
        settings = SlackSettings.model_validate({"bot_token": "xoxb-1", "app_token": "xapp-1"})
        with Loopback(app_of(settings, SmallDesk())) as server:
            reply = httpx.post(f"{server.url}/slack/events", trust_env=False)
        assert reply.status_code == 404
        assert "SLACK_SIGNING_SECRET" in reply.json()["detail"]

    def test_the_window_is_judged_by_the_clock_that_is_given(self, stage: Stage):
        """Time is a port."""
        settings = SlackSettings.model_validate(
            {"bot_token": "xoxb-1", "signing_secret": stage.fake.signing_secret, "api_url": stage.fake.url}
        )
        with Loopback(app_of(settings, stage.desk, clock=ManualClock())) as server:
            stage.fake.connect(f"{server.url}/slack/events")
            assert stage.fake.click(ANN, stage.card, text="Approve").status == 401

    def test_openapi_names_every_answer(self):
        """The refusals are documented."""
        schema = app_of(None, SmallDesk()).openapi()
        assert set(schema["paths"]["/slack/events"]["post"]["responses"]) >= {
            "200",
            "400",
            "401",
            "404",
            "413",
            "503",
        }


_READ_BY_BOLT = (
    "type", "user", "user_id", "team", "team_id", "enterprise", "event", "view", "actions", "channel", "container", "message", "item",
    "authorizations", "response_urls", "response_url", "callback_id", "action_id", "command", "ssl_check", "challenge", "function_data",
    "is_ext_shared_channel", "is_enterprise_install", "block_id", "id", "value", "name", "private_metadata", "assistant_thread", "subtype",
)  # fmt: skip
_KINDS = (
    "block_actions",
    "view_submission",
    "view_closed",
    "event_callback",
    "shortcut",
    "message_action",
    "block_suggestion",
)
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(("hitl_approve", "hitl_rejection", *_KINDS))
)
_PAYLOADS = st.dictionaries(
    st.sampled_from(_READ_BY_BOLT),
    st.recursive(
        _LEAVES,
        lambda inner: (
            st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_READ_BY_BOLT), inner, max_size=4)
        ),
        max_leaves=8,
    ),
    max_size=8,
)


@settings(max_examples=100, deadline=None)
@given(payload=_PAYLOADS, kind=st.none() | st.sampled_from(_KINDS), as_form=st.booleans())
def test_no_signed_payload_is_a_server_error(payload, kind, as_form):
    """O-08: for any values in the fields that Bolt and we read, no 5xx, nothing decided, nobody told."""
    payload = {**payload, "type": kind} if kind else payload
    text = json.dumps(payload)
    body = urlencode({"payload": text}).encode() if as_form else text.encode()
    stamp = str(int(SystemClock().now().timestamp()))
    headers = {
        "Content-Type": "application/x-www-form-urlencoded" if as_form else "application/json",
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": sign("s3cret", stamp, body),
    }
    desk = SmallDesk()

    async def post() -> httpx.Response:
        configured = SlackSettings.model_validate(
            {"bot_token": "xoxb-1", "signing_secret": "s3cret", "api_url": "http://127.0.0.1:9/api/"}
        )
        transport = httpx.ASGITransport(app_of(configured, desk))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.post("/slack/events", content=body, headers=headers)

    assert asyncio.run(post()).status_code in {200, 400}
    assert (desk.submissions, desk.told) == ([], [])
