"""A person who presses Approve: Slack's signed request, to the byte, over a connection that stays open."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from hitl_middleware.channels.slack.press import action_id
from hitl_middleware.channels.slack.signature import sign

SECRET: Final = "8f742231b10e8888abcd99yyyzzz85a5"
"""Slack's own example of a signing secret (docs.slack.dev, "Verifying requests from Slack")."""
TOKEN: Final = "xoxb-not-a-token"
PATH: Final = "/slack/events"
USER: Final = "U024BE7LH"

_numbers = count(1)
# A card of usual size: a click carries the whole message.
_MESSAGE: Final = {
    "type": "message",
    "text": "Approve pay?",
    "blocks": [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*{word}*\n" + "x" * 120}}
        for word in "abcdef"
    ],
}


def click(value: str) -> tuple[bytes, dict[str, str]]:
    """Body and headers of one click on a button with this ``value``; no two are the same."""
    number = next(_numbers)
    place = {"type": "message", "message_ts": f"1700000000.{number:06}", "channel_id": "C0REVIEWS1"}
    payload: dict[str, Any] = {
        "type": "block_actions",
        "user": {"id": USER, "username": "ann", "name": "ann", "team_id": "T0TEAM0001"},
        "api_app_id": "A0APP00001",
        "token": "none",
        "container": place,
        "trigger_id": f"{number}.1.a",
        "team": {"id": "T0TEAM0001", "domain": "team"},
        "enterprise": None,
        "is_enterprise_install": False,
        "channel": {"id": "C0REVIEWS1", "name": "reviews"},
        "message": {**_MESSAGE, "ts": place["message_ts"]},
        "state": {"values": {}},
        "response_url": "https://hooks.slack.com/actions/none",
        "actions": [
            {
                "type": "button",
                "action_id": action_id("approve"),
                "block_id": "buttons",
                "value": value,
                "action_ts": f"1700000001.{number:06}",
            }
        ],
    }
    body, at = urlencode({"payload": json.dumps(payload)}).encode(), str(int(time.time()))  # noqa: TID251 – Slack's
    return body, {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Slack-Request-Timestamp": at,
        "X-Slack-Signature": sign(SECRET, at, body),
    }


class Hand:
    """Clicks one after the other, on one connection each time."""

    def __init__(self, url: str) -> None:
        host = urlsplit(url)
        self._connection = http.client.HTTPConnection(host.hostname or "", host.port, timeout=60)

    def click(self, values: Sequence[str]) -> None:
        """Press, and wait for each answer."""
        for body, headers in map(click, values):
            self._connection.request("POST", PATH, body, headers)
            answer = self._connection.getresponse()
            said = answer.read()
            assert answer.status == 200, said
        self._connection.close()  # the next time may be long after a server has given an idle one up

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Answered:
    """How one of a crowd was answered; times are monotonic, the same in all processes."""

    value: str
    status: int
    begun: float
    answered: float


def at_once(url: str, values: Sequence[str]) -> list[Answered]:
    """Let a crowd click in the same moment; it is a process of its own, so that it takes no time from the server's."""
    host, clicks = urlsplit(url), []
    for body, headers in map(click, values):
        clicks.append({"path": host.path, "body": body.decode(), "headers": headers})
    crowd = subprocess.run(
        [sys.executable, Path(__file__).with_name("clicker.py")],
        input=json.dumps({"host": host.hostname, "port": host.port, "clicks": clicks}),
        capture_output=True,
        text=True,
        check=True,
    )
    return [Answered(value, *told) for value, told in zip(values, json.loads(crowd.stdout), strict=True)]
