"""Socket Mode of the fake, met with a plain WebSocket client: what Slack's own documentation says of it, no more patient than Slack."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from hitl_middleware.testing.fake_slack import CannotHappen, FakeSlack

ANN, CHANNEL = "U024BE7LH", "C0REVIEWS1"


class Turned:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.at = 1_700_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def now() -> Turned:
    """Slack's clock."""
    return Turned()


@pytest.fixture
def fake(now) -> Iterator[FakeSlack]:
    """A workspace in Socket Mode."""
    with FakeSlack(now=now).use_socket_mode() as fake:
        fake.add_user(ANN, name="ann")
        fake.add_channel(CHANNEL, "reviews")
        yield fake


def address(fake: FakeSlack) -> str:
    """A new address for one connection."""
    url: str = WebClient(base_url=fake.url).apps_connections_open(app_token=fake.app_token)["url"]
    return url


@contextmanager
def opened(fake: FakeSlack) -> Iterator[ClientConnection]:
    """A connection that was greeted."""
    before = fake.sockets.opened
    with connect(address(fake), proxy=None) as socket:
        hello = json.loads(socket.recv(5))
        assert (hello["type"], hello["connection_info"]) == ("hello", {"app_id": fake.app.app_id})
        fake.wait_for(lambda: fake.sockets.opened == before + 1)
        yield socket


def started(act: Any, *args: Any) -> tuple[threading.Thread, list[Any]]:
    """An act of somebody who waits for the app, in a thread."""
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(act(*args)))
    thread.start()
    return thread, found


def test_only_an_app_token_opens_a_connection(fake):
    """Whose token it is, and that this one opens nothing else."""
    client = WebClient(base_url=fake.url)
    for token, error in ((fake.bot_token, "not_allowed_token_type"), ("xapp-other", "invalid_auth")):
        with pytest.raises(SlackApiError) as refused:
            client.apps_connections_open(app_token=token)
        assert refused.value.response["error"] == error
    with pytest.raises(SlackApiError) as refused:
        WebClient(base_url=fake.url, token=fake.app_token).auth_test()
    assert refused.value.response["error"] == "not_allowed_token_type"


def test_an_address_is_good_once_and_soon(fake, now):
    """A second connection, a late one and an invented one are refused in the handshake."""
    url = address(fake)
    with connect(url, proxy=None):
        with pytest.raises(InvalidStatus):
            connect(url, proxy=None)
        late = address(fake)
        now.at += 31
        with pytest.raises(InvalidStatus):
            connect(late, proxy=None)
        with pytest.raises(InvalidStatus):
            connect(url.partition("?")[0] + "?ticket=x", proxy=None)


def test_an_event_is_acknowledged_by_its_envelope(fake):
    """An event's envelope, its acknowledgement, and that the app's HTTP address plays no part."""
    with opened(fake) as socket:
        saying, replies = started(fake.say, ANN, CHANNEL, "hello")
        envelope = json.loads(socket.recv(5))
        assert (envelope["type"], envelope["accepts_response_payload"]) == ("events_api", False)
        assert (envelope["payload"]["event"]["text"], envelope["retry_attempt"]) == ("hello", 0)
        socket.send(json.dumps({"envelope_id": envelope["envelope_id"]}))
        saying.join(5)
    assert (replies[0].status, replies[0].body, replies[0].trouble) == (200, b"", "")


def test_an_event_comes_again_on_the_next_connection(fake):
    """The connection goes before the acknowledgement: the same event in a new envelope, counted."""
    with opened(fake) as socket:
        saying, replies = started(fake.say, ANN, CHANNEL, "hello")
        first = json.loads(socket.recv(5))
        fake.sockets.drop()
        with pytest.raises(ConnectionClosed):
            socket.recv(5)
    fake.wait_for(lambda: not fake.sockets.connected)
    with opened(fake) as socket:
        again = json.loads(socket.recv(5))
        assert again["payload"] == first["payload"]
        assert again["envelope_id"] != first["envelope_id"]
        assert again["retry_attempt"] == 1
        socket.send(json.dumps({"envelope_id": again["envelope_id"]}))
        saying.join(5)
    assert replies[0].status == 200


def test_wrong_acknowledgements_are_complained_about(fake):
    """Not JSON, an id that was not sent, one twice, a payload where none is taken."""
    with opened(fake) as socket:
        saying, _ = started(fake.say, ANN, CHANNEL, "hello")
        name = json.loads(socket.recv(5))["envelope_id"]
        for text in (
            "ok",
            json.dumps({"envelope_id": "other"}),
            json.dumps({"envelope_id": name, "payload": {"text": "x"}}),
            json.dumps({"envelope_id": name}),
        ):
            socket.send(text)
        saying.join(5)
    fake.wait_for(lambda: not fake.sockets.connected)
    assert [each.split(":")[0] for each in fake.sockets.complaints] == [
        "no acknowledgement",
        "acknowledged what was not sent here, or twice",
        "a payload in the acknowledgement of events_api",
        "acknowledged what was not sent here, or twice",
    ]


def test_a_refreshed_connection_gets_no_more(fake):
    """Slack asks, the app opens another, and that one gets what comes."""
    with opened(fake) as old:
        fake.sockets.refresh("warning")
        asked = json.loads(old.recv(5))
        assert (asked["type"], asked["reason"]) == ("disconnect", "warning")
        with opened(fake) as new:
            saying, _ = started(fake.say, ANN, CHANNEL, "hello")
            envelope = json.loads(new.recv(5))
            new.send(json.dumps({"envelope_id": envelope["envelope_id"]}))
            saying.join(5)


def test_nobody_is_there(fake):
    """A command without a connection: the person is told."""
    reply = fake.command(ANN, "/hitl", channel=CHANNEL)
    assert (reply.status, reply.trouble) == (0, "The app did not acknowledge the envelope.")


def test_over_http_there_has_to_be_an_address():
    """What was true before stays true."""
    with FakeSlack() as fake, pytest.raises(CannotHappen):
        fake.verify_url()
