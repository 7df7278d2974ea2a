"""A Slack with two people, a card, and a real Bolt app that hears of what they do over loopback."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from slack_bolt.adapter.starlette.async_handler import AsyncSlackRequestHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hitl_middleware.clock import SystemClock
from hitl_middleware.testing.fake_slack import FakeSlack, Message, View
from hitl_middleware.testing.loopback import Loopback

from tests.kit.plain import NO_TLS

ANN, BOB = "U024BE7LH", "U024BE7LJ"
REVIEWS = "C0REVIEWS1"
METADATA = {"event_type": "hitl_request", "event_payload": {"request": "r1"}}


def plain(text: str) -> dict[str, str]:
    """Plain text."""
    return {"type": "plain_text", "text": text}


def button(action_id: str, text: str, **fields: Any) -> dict[str, Any]:
    """A button."""
    return {"type": "button", "action_id": action_id, "text": plain(text), "value": "r1", **fields}


CARD = [
    {"type": "section", "block_id": "what", "text": {"type": "mrkdwn", "text": "Refund 120.00?"}},
    {
        "type": "actions",
        "block_id": "decide",
        "elements": [
            button("approve", "Approve", style="primary"),
            button("reject", "Reject", style="danger"),
            {
                "type": "static_select",
                "action_id": "who",
                "options": [{"text": plain("Ann"), "value": "a"}, {"text": plain("Bob"), "value": "b"}],
            },
        ],
    },
]
DONE = [{"type": "section", "text": {"type": "mrkdwn", "text": f"Approved by <@{ANN}>"}}]
MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "reason",
    "private_metadata": "r1",
    "notify_on_close": True,
    "title": plain("Reject"),
    "submit": plain("Send"),
    "blocks": [
        {
            "type": "input",
            "block_id": "why",
            "label": plain("Reason"),
            "element": {"type": "plain_text_input", "action_id": "words", "max_length": 20},
        },
        {
            "type": "input",
            "block_id": "tell",
            "optional": True,
            "label": plain("Tell"),
            "element": {
                "type": "checkboxes",
                "action_id": "whom",
                "options": [{"text": plain("Customer"), "value": "c"}, {"text": plain("Team"), "value": "t"}],
            },
        },
    ],
}


class Clock:
    """The real time, moved: Bolt compares time stamps with its own clock."""

    def __init__(self) -> None:
        self.moved = 0.0

    def __call__(self) -> float:
        return SystemClock().now().timestamp() + self.moved


def bolt_app(fake: FakeSlack, heard: list[tuple[str, dict[str, Any]]]) -> Starlette:
    """An app as users write it: Bolt over HTTP, knowing nothing of any fake."""
    client = AsyncWebClient(token=fake.bot_token, base_url=fake.url)
    bolt = AsyncApp(client=client, signing_secret=fake.signing_secret, process_before_response=True)

    @bolt.action("approve")
    async def approve(ack: Any, body: Any, client: Any) -> None:
        heard.append(("approve", body))
        await client.chat_update(
            channel=body["channel"]["id"], ts=body["message"]["ts"], text="Approved", blocks=DONE
        )
        await ack()

    @bolt.action("reject")
    async def reject(ack: Any, body: Any, client: Any) -> None:
        heard.append(("reject", body))
        await client.views_open(trigger_id=body["trigger_id"], view=MODAL)
        await ack()

    @bolt.action("who")
    async def who(ack: Any, body: Any) -> None:
        heard.append(("who", body))
        await ack()

    @bolt.view("reason")
    async def reason(ack: Any, body: Any) -> None:
        heard.append(("reason", body))
        answers: dict[str, dict[str, Any]] = {
            "too rude": {"response_action": "errors", "errors": {"why": "Be kind."}},
            "wrong field": {"response_action": "errors", "errors": {"nowhere": "Be kind."}},
            "more": {"response_action": "update", "view": {**MODAL, "title": plain("More")}},
            "above": {"response_action": "push", "view": {**MODAL, "title": plain("Above")}},
            "too long a title": {"response_action": "update", "view": {**MODAL, "title": plain("x" * 25)}},
            "away": {"response_action": "clear"},
        }
        await ack(**answers.get(body["view"]["state"]["values"]["why"]["words"]["value"], {}))

    @bolt.view_closed("reason")
    async def closed(ack: Any, body: Any) -> None:
        heard.append(("closed", body))
        await ack()

    @bolt.event("reaction_added")
    async def reaction(event: Any) -> None:
        heard.append(("reaction", event))

    @bolt.event("message")
    async def message(event: Any) -> None:
        heard.append(("message", event))

    @bolt.command("/hitl")
    async def command(ack: Any, body: Any) -> None:
        heard.append(("command", body))
        await ack(f"Nothing waits for {body['text']}.")

    handler = AsyncSlackRequestHandler(bolt)

    async def events(request: Request) -> Response:
        return await handler.handle(request)

    return Starlette(routes=[Route("/slack/events", events, methods=["POST"])])


@pytest.fixture
def clock() -> Clock:
    """A clock that the test can move."""
    return Clock()


@pytest.fixture
def fake(clock: Clock) -> Iterator[FakeSlack]:
    """A running Slack with two people in one channel."""
    with FakeSlack(now=clock) as running:
        running.add_user(ANN, name="ann")
        running.add_user(BOB, name="bob")
        running.add_channel(REVIEWS, "reviews")
        yield running


@pytest.fixture
def heard(fake: FakeSlack) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """What a running Bolt app, connected to that Slack, has heard."""
    found: list[tuple[str, dict[str, Any]]] = []
    with Loopback(bolt_app(fake, found)) as server:
        fake.connect(server.url + "/slack/events")
        yield found


@pytest.fixture
def card(fake: FakeSlack) -> Message:
    """A card with two buttons and a menu."""
    call(fake, "chat.postMessage", channel=REVIEWS, text="Refund?", blocks=CARD, metadata=METADATA)
    return fake.messages[-1]


def call(fake: FakeSlack, method: str, **arguments: Any) -> dict[str, Any]:
    """Any method, and Slack's answer."""
    token = {"Authorization": f"Bearer {fake.bot_token}"}
    answer: dict[str, Any] = httpx.post(
        fake.url + method, json=arguments, headers=token, verify=NO_TLS
    ).json()
    return answer


def opened(fake: FakeSlack, card: Message) -> View:
    """The modal after a click on Reject."""
    assert fake.click(ANN, card, action_id="reject").status == 200
    return fake.views[-1]


Heard = list[tuple[str, dict[str, Any]]]
