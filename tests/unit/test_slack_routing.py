"""Where cards go: routes, the common channel, direct messages. Pure."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_middleware.channels.configured import configured_channels
from hitl_middleware.channels.slack import routing
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.clock import SystemClock
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import ReviewRequest
from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing.channel_contract import sample_view

from tests.kit.slack_stage import ANN, BOB, CHANNEL, REVIEWS

GROUPS = {"group:finance": [f"slack:{BOB}", "github:bob"]}


def settings(**said: Any) -> SlackSettings:
    """A channel, and what is said besides."""
    return SlackSettings.model_validate(
        {"bot_token": "xoxb-1", "signing_secret": "s", "channel": CHANNEL, **said}
    )


def asked(*approvers: str, risk: str | None = None, **changes: Any) -> ReviewRequest:
    """A request for these approvers."""
    plan = ReviewPlan(verdict="ask", approvers=approvers, risk=risk)
    return sample_view(REVIEWS, SystemClock().now(), plan=plan, **changes).request


def places(request: ReviewRequest, **said: Any) -> tuple[str, ...]:
    """Where its cards go."""
    return routing.addresses(settings(**said), request, lambda group: GROUPS.get(group, []))


@pytest.mark.parametrize(
    ("said", "approvers", "expected"),
    [
        ({}, [f"slack:{ANN}"], (CHANNEL,)),
        ({"dm": True}, [f"slack:{ANN}", "group:finance", f"slack:{ANN}", "api"], (CHANNEL, ANN, BOB)),
        ({"dm": "only"}, [f"slack:{ANN}", "group:finance"], (ANN, BOB)),
        ({"dm": "only"}, ["api", "group:nobody", "slack:S0GROUP1"], (CHANNEL,)),
        ({"channel": None}, [f"slack:{ANN}", "group:finance"], (ANN, BOB)),
        ({"channel": None}, ["api"], ()),
    ],
    ids=["channel", "both", "only direct", "nobody to write to", "no channel", "nowhere"],
)
def test_channel_or_direct_message(said, approvers, expected):
    """S-14: in the channel, to each approver, or both; groups of ``hitl.toml`` are taken apart; nobody to write to is no silence."""
    assert places(asked(*approvers), **said) == expected


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        ({"process_refund": "C1", "risk:high": "C2", "graph:support": "C3"}, "C1"),
        ({"risk:high": "C2", "graph:support": "C3"}, "C2"),
        ({"graph:support": "C3", "other": "C4"}, "C3"),
        ({"other": "C4"}, CHANNEL),
    ],
)
def test_the_closest_route(routes, expected):
    """S-14: of the tool, else of the policy's risk, else of the graph, else where everything goes."""
    assert places(asked(f"slack:{ANN}", risk="high"), routes=routes) == (expected,)


def test_what_the_file_says(monkeypatch):
    """``[slack]`` of hitl.toml reaches the channel; HITL_SLACK_CHANNEL comes before the file's."""
    for name in ("HITL_SLACK_CHANNEL", "SLACK_APP_TOKEN", "SLACK_API_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "s")
    config = ConfigFile.model_validate(
        {
            "people": {"bob": [f"slack:{BOB}"]},
            "groups": {"finance": ["bob"]},
            "slack": {"channel": "C0FILE", "dm": True},
        }
    )
    (channel,) = configured_channels(config)
    assert [each.address for each in channel.targets(asked("group:finance"))] == ["C0FILE", BOB]
    monkeypatch.setenv("HITL_SLACK_CHANNEL", CHANNEL)
    (channel,) = configured_channels(config)
    assert channel.targets(asked("api")) == (REVIEWS,)
