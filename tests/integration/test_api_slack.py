"""Slack through the whole server: a click becomes a decision, and the card, the API and the loser hear of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from hitl_middleware.channels.configured import configured_channels
from hitl_middleware.clock import SystemClock
from hitl_middleware.crew import crew_of
from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing.fake_slack import FakeSlack, Message

from tests.kit.served import ANN, Served
from tests.kit.world import World

CHANNEL = "C0REVIEWS1"
USER, OTHER = ANN.removeprefix("slack:"), "U0BOB12345"


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSlack]:
    """A workspace that the environment names."""
    with FakeSlack() as fake:
        fake.add_user(USER, name="ann")
        fake.add_user(OTHER, name="bob")
        fake.add_channel(CHANNEL, "reviews")
        for name, value in fake.environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("HITL_SLACK_CHANNEL", CHANNEL)
        yield fake


@pytest.fixture(params=[False, True], ids=["without a token", "with a token"])
def server(
    request: pytest.FixtureRequest,
    slack: FakeSlack,
    serve: Callable[..., Served],
    make_world: Callable[..., World],
) -> Served:
    """A server to which the workspace sends its clicks; with a token set, too: they are signed."""
    # Slack signs with the time that is.
    world = make_world(clock=SystemClock(), channels=configured_channels(ConfigFile()))
    found = serve(world=world, locked=request.param)
    world._crew = crew_of(world)  # as ``start`` does elsewhere: now it is known where cards link to
    slack.connect(f"{found.url}/slack/events")
    return found


def card(slack: FakeSlack) -> Message:
    """The one card."""
    (message,) = slack.messages
    return message


def test_a_click_decides(server: Served, slack: FakeSlack):
    """S-05, S-08, S-10: decided by who clicked, executed once, shown on the card; the second click is told by whom."""
    asked = server.asked()
    assert f"/requests/{asked['id']}" in str(card(slack).blocks)
    assert slack.click(USER, card(slack), text="Approve").status == 200
    after = server.request(asked["id"])
    assert (after["status"], after["decided_by"], after["action"]["status"]) == ("approved", ANN, "succeeded")
    assert server.effects.done == [5]
    server.world.step()
    assert "Approved by @ann" in card(slack).plain()
    assert "Executed" in card(slack).plain()
    told = server.decide(asked["id"], type="reject")
    assert (told.status_code, told.json()["decided_by"]) == (409, ANN)


def test_a_late_click_is_told(server: Served, slack: FakeSlack):
    """S-10: decided elsewhere a moment ago; whoever clicks the old card sees by whom, alone."""
    asked = server.asked()
    before = card(slack)
    server.decide(asked["id"], type="reject", message="no")
    assert slack.click(OTHER, before, text="Approve").status == 200
    server.world.step()
    (note,) = slack.ephemerals
    assert note.visible_to == OTHER
    assert "already rejected by `api`" in note.plain()
    assert server.effects.done == []


def test_a_forged_click(server: Served, slack: FakeSlack):
    """401, and nothing is decided."""
    asked = server.asked()
    answer = server.http.post(
        "/slack/events", content=b"payload=%7B%7D", headers={"X-Slack-Signature": "v0=" + "0" * 64}
    )
    assert answer.status_code == 401
    assert server.request(asked["id"])["status"] == "pending"


def test_a_large_forged_body(server: Served):
    """413, and the answer arrives."""
    assert server.http.post("/slack/events", content=b"x" * 20_000_000).status_code == 413


def test_it_can_be_off(open_server: Served):
    """404 with a sentence where nothing of Slack is set (DESIGN §2 rule 8)."""
    answer = open_server.http.post("/slack/events", content=b"payload=%7B%7D")
    assert (answer.status_code, "SLACK_BOT_TOKEN" in answer.json()["detail"]) == (404, True)
