"""Socket Mode, as Slack and a bad network play it: real Bolt, the real SDK's WebSocket client, loopback; only the desk is small."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import structlog

from hitl_middleware.actions import Decision
from hitl_middleware.channels.slack.channel import SlackChannel
from hitl_middleware.channels.slack.intake import Intake
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.channels.slack.socket import SocketMode
from hitl_middleware.clock import SystemClock
from hitl_middleware.portal import Portal
from hitl_middleware.records import ReviewRequest
from hitl_middleware.settings import Reactions
from hitl_middleware.testing.channel_contract import sample_view
from hitl_middleware.testing.fake_slack import (
    FakeSlack,
    Message,
    NothingCame,
    RateLimited,
    Reply,
    ServerError,
)

from tests.kit.slack_stage import ANN, CHANNEL, REVIEWS, SmallDesk

SOON = 0.05
"""How often the connection is looked after here."""


@dataclass
class SlowDesk(SmallDesk):
    """Stores an answer when it is told to, and says that one has come."""

    entered: threading.Event = field(default_factory=threading.Event)
    leave: threading.Event = field(default_factory=threading.Event)

    async def submit(self, request_id: str, decision: Decision, **more: Any) -> ReviewRequest:
        self.entered.set()
        await asyncio.to_thread(self.leave.wait, 10)
        return await super().submit(request_id, decision, **more)


@dataclass
class Line:
    """A workspace in Socket Mode, one card, and the socket's two ends."""

    fake: FakeSlack
    desk: SmallDesk
    card: Message
    hang_up: Callable[[], None]

    @property
    def request(self) -> ReviewRequest:
        (request,) = self.desk.requests.values()
        return request


@contextmanager
def line(
    desk: SmallDesk, *, before: Callable[[FakeSlack], None] = lambda _fake: None, reactions: Reactions = False
) -> Iterator[Line]:
    """A connection that is up. ``before``: what is done to the workspace first."""
    with FakeSlack().use_socket_mode() as fake:
        fake.add_user(ANN, name="ann")
        fake.add_channel(CHANNEL, "reviews")
        settings = SlackSettings.model_validate(
            {
                "bot_token": fake.bot_token,
                "app_token": fake.app_token,
                "api_url": fake.url,
                "channel": CHANNEL,
                "reactions": reactions,
            }
        )
        view = sample_view(REVIEWS, SystemClock().now())
        desk.requests[view.request.id] = view.request
        asyncio.run(SlackChannel(settings).post(view))
        before(fake)
        portal = Portal("socket-test")
        socket = SocketMode(settings, Intake(settings, desk), ping_seconds=SOON)
        portal.call(socket.start)
        try:
            fake.wait_for(lambda: fake.sockets.connected)
            yield Line(fake, desk, fake.messages[0], lambda: portal.call(socket.stop))
            assert fake.sockets.complaints == []
        finally:
            portal.call(socket.stop)
            portal.stop()


@contextmanager
def approving(there: Line) -> Iterator[list[Reply]]:
    """Ann presses Approve meanwhile; how that was answered, as soon as it is."""
    replies: list[Reply] = []
    clicking = threading.Thread(
        target=lambda: replies.append(there.fake.click(ANN, there.card, text="Approve"))
    )
    clicking.start()
    yield replies
    clicking.join(10)


def test_a_click_decides():
    """S-14: the same handlers as over HTTP; the envelope is acknowledged without a word."""
    with line(SmallDesk()) as there:
        reply = there.fake.click(ANN, there.card, text="Approve")
        assert (reply.status, reply.body, reply.trouble) == (200, b"", "")
        assert there.desk.submissions == [(f"slack:{ANN}", "approve")]


def test_a_form_and_what_is_wrong_in_it():
    """S-14: what a form is answered with travels in the acknowledgement's payload: errors stand at their fields."""
    with line(SmallDesk()) as there:
        assert there.fake.click(ANN, there.card, text="Reject").status == 200
        (view,) = there.fake.views
        assert there.fake.submit_view(ANN, view, {"Reason": "no words"}).trouble == ""
        (view,) = there.fake.views
        assert (view.status, view.errors) == ("open", {"words": "say more than that"})
        there.fake.submit_view(ANN, view, {"Reason": "too much"})
        assert there.request.decision == Decision(type="reject", message="too much")


def test_an_envelope_is_acknowledged_after_the_commit():
    """Rule 6: while the decision is not stored there is no acknowledgement; it comes when it is."""
    desk = SlowDesk()
    with line(desk) as there:
        with approving(there) as replies:
            assert desk.entered.wait(10)
            assert (replies, there.fake.replies, desk.submissions) == ([], [], [])
            desk.leave.set()
        assert replies[0].status == 200
        assert desk.submissions == [(f"slack:{ANN}", "approve")]


def test_our_own_trouble_is_not_acknowledged_and_not_remembered():
    """S-14: the person is told by Slack, and clicks again."""
    asked = threading.Event()

    @dataclass
    class Broken(SmallDesk):
        async def first_time(self, channel: str, key: str) -> bool:
            asked.set()
            return await super().first_time(channel, key)

    with line(Broken(broken=True)) as there, structlog.testing.capture_logs():
        clicking = threading.Thread(
            target=there.fake.click, args=(ANN, there.card), kwargs={"text": "Approve"}
        )
        clicking.start()
        assert asked.wait(10)
        # Nothing is answered, so nothing ends the click but the connection's end.
        there.fake.sockets.drop()
        clicking.join(10)
        assert "did not acknowledge" in there.fake.replies[-1].trouble
        there.desk.broken = False
        there.fake.wait_for(lambda: there.fake.sockets.connected)
        assert there.fake.click(ANN, there.card, text="Approve").status == 200
        assert there.request.status == "approved"


def test_a_dropped_connection_comes_back():
    """S-14: cut without a word, it is opened again; an event that came meanwhile is delivered then, and nobody clicks in vain twice."""
    with line(SmallDesk()) as there:
        there.fake.sockets.drop()
        there.fake.wait_for(lambda: there.fake.sockets.opened == 2 and there.fake.sockets.connected)
        assert there.fake.click(ANN, there.card, text="Approve").status == 200
        assert there.request.status == "approved"


def test_slack_asks_for_a_new_connection():
    """S-14: every few hours Slack does; the old one is left for the new one."""
    with line(SmallDesk()) as there:
        there.fake.sockets.refresh()
        there.fake.wait_for(lambda: there.fake.sockets.connected == 1 and there.fake.sockets.opened == 2)
        assert there.fake.click(ANN, there.card, text="Approve").status == 200


def test_a_connection_that_the_sdk_does_not_get_back_is_begun_afresh(monkeypatch):
    """S-14: the SDK tries an address that is spent for ever; we see that it has no connection, and ask for another address."""
    monkeypatch.setattr("hitl_middleware.channels.slack.socket.BACKOFF", (0.01,))
    with structlog.testing.capture_logs() as logs, line(SmallDesk()) as there:
        there.fake.sockets.refusing = 1
        there.fake.sockets.drop()
        there.fake.wait_for(lambda: there.fake.sockets.opened == 2 and there.fake.sockets.connected)
        assert there.fake.click(ANN, there.card, text="Approve").status == 200
    assert "slack.socket_lost" in [each["event"] for each in logs]


def test_an_envelope_and_an_event_count_once():
    """S-10, S-11: the same envelope again, and the same event in another one, do nothing more, and are acknowledged."""
    with line(SmallDesk(), reactions=True) as there:
        there.fake.click(ANN, there.card, text="Approve")
        there.desk.requests[there.request.id] = replace(
            there.request, status="pending"
        )  # were it asked, it would count again
        there.fake.sockets.repeat().result(10)
        assert len(there.desk.submissions) == 1
        there.fake.react(ANN, there.card, "+1")
        again = there.fake.retry(there.fake.deliveries[-1])
        assert (again.status, len(there.desk.kept)) == (200, 1)


def test_slack_is_away_at_first(monkeypatch):
    """S-14: refused and unreachable at the start, tried again, and said why."""
    monkeypatch.setattr("hitl_middleware.channels.slack.socket.BACKOFF", (0.01,))
    with structlog.testing.capture_logs() as logs:

        def away(fake: FakeSlack) -> None:
            fake.fail("apps.connections.open", ServerError(503), RateLimited(1))

        with line(SmallDesk(), before=away) as there:
            assert there.fake.click(ANN, there.card, text="Approve").status == 200
    why = [each["why"] for each in logs if each["event"] == "slack.socket_not_connected"]
    assert why == ["Slack gave no usable answer (HTTP 503)", "Slack asks us to slow down"]
    assert all(there.fake.app_token not in json.dumps(each, default=str) for each in logs)


def test_stopping_ends_in_order():
    """S-14: what was taken is acknowledged before the connection goes, and nothing new is taken."""
    desk = SlowDesk()
    with line(desk) as there:
        with approving(there) as replies:
            assert desk.entered.wait(10)
            stopping = threading.Thread(target=there.hang_up)
            stopping.start()
            with pytest.raises(NothingCame):  # it does not go while something is under way
                there.fake.wait_for(lambda: there.fake.sockets.connected == 0, timeout=0.3)
            desk.leave.set()
        stopping.join(10)
        assert replies[0].status == 200
        there.fake.wait_for(lambda: there.fake.sockets.connected == 0)
        assert there.fake.click(ANN, there.card, text="Reject").status == 0


@pytest.mark.parametrize(
    "payload", [{"type": "block_actions", "user": 5}, {}, {"type": "block_actions", "a": 1}]
)
def test_nonsense_ends_nothing(payload):
    """O-08: an envelope without sense is left alone, and the next one counts."""
    with line(SmallDesk()) as there, structlog.testing.capture_logs():
        nonsense = there.fake.draft_click(ANN, there.card, text="Approve")
        deliver = there.fake.sockets.deliver
        deliver(there.fake.forge(json.dumps(payload).encode(), content_type="application/json"))
        deliver(nonsense).result(10)
        assert there.request.status == "approved"
