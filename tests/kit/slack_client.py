"""A Slack with people and channels, and the real SDK as its client."""

from collections.abc import Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from hitl_middleware.testing.fake_slack import FakeSlack

ANN, BOB = "U024BE7LH", "U024BE7LJ"
REVIEWS, SECRET, OLD, ELSEWHERE = "C0REVIEWS1", "C0SECRET01", "C0OLD00001", "C0ELSEWHER"

CARD: list[dict[str, Any]] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "Refund &lt;A-1001&gt;"}},
    {
        "type": "actions",
        "elements": [
            {
                "type": "button",
                "action_id": "approve",
                "value": "r1",
                "text": {"type": "plain_text", "text": "Approve"},
            },
        ],
    },
]
METADATA = {"event_type": "hitl_request", "event_payload": {"request": "r1"}}
MODAL = {
    "type": "modal",
    "title": {"type": "plain_text", "text": "Reject"},
    "blocks": [{"type": "divider"}],
}


class Time:
    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


def populated(fake: FakeSlack) -> FakeSlack:
    """People and channels of every kind."""
    fake.add_user(ANN, name="ann", real_name="Ann Lee")
    fake.add_user(BOB, name="bob")
    fake.add_channel(REVIEWS, "reviews")
    fake.add_channel(SECRET, "secret", private=True, bot_is_member=False)
    fake.add_channel(OLD, "old", archived=True)
    fake.add_channel(ELSEWHERE, "elsewhere", bot_is_member=False, members=[BOB])
    fake.add_usergroup("S0LEADS001", "leads", users=[ANN, BOB])
    return fake


@pytest.fixture
def time() -> Time:
    """A clock that the test sets."""
    return Time()


@pytest.fixture
def fake(time: Time) -> Iterator[FakeSlack]:
    """A running Slack."""
    with populated(FakeSlack(now=time)) as running:
        yield running


@pytest.fixture
def client(fake: FakeSlack) -> WebClient:
    """The real SDK, pointed at it."""
    return WebClient(token=fake.bot_token, base_url=fake.url)


def refused(client: WebClient, method: str, **arguments: Any) -> dict[str, Any]:
    """The answer to a call that Slack refuses."""
    with pytest.raises(SlackApiError) as caught:
        client.api_call(method, json=arguments)
    answer: dict[str, Any] = caught.value.response.data
    return answer


def post(client: WebClient, **fields: Any) -> str:
    """A new message's ts."""
    return str(client.chat_postMessage(**{"channel": REVIEWS, "text": "hello", **fields})["ts"])
