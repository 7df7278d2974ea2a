"""Reactions and the home tab end to end: signed events to the real server, judged by the real desk, shown by real cards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hitl_graphs.support.fakes import RefundCreated
from hitl_middleware.testing.fake_slack import FakeSlack, ServerError

from tests.kit.clocks import TurnedClock
from tests.kit.desk import ANN, BOB, CHANNEL, EVE, RunningDesk, running_desk

REFUND = "refund order A-1001, 120.00"


@pytest.fixture
def config(tmp_path) -> Path:
    """A ``hitl.toml`` that lets reactions count."""
    path: Path = tmp_path / "hitl.toml"
    path.write_text(f'[slack]\nreactions = ["{CHANNEL}"]\n')
    return path


@pytest.fixture
def desk(url, monkeypatch, config) -> Iterator[RunningDesk]:
    """The real server."""
    with running_desk(url, monkeypatch, HITL_CONFIG=str(config)) as running:
        yield running


def react(desk: RunningDesk, user: str, name: str) -> None:
    """Somebody reacts to the one card, Slack is content, and what follows is seen to the end."""
    reply = desk.slack.react(user, desk.card(), name)
    assert (reply.status, reply.trouble) == (200, "")
    desk.settle()


def test_a_thumb_approves(desk):
    """S-11, S-10, P-01: 👍 by an approver approves once, by others not at all; a repeated delivery does nothing; the card is true."""
    desk.customer(REFUND)
    react(desk, EVE, "+1")
    assert desk.only()["status"] == "pending"
    assert [who for who, _ in desk.notes()] == [EVE]
    react(desk, ANN, "thumbsup::skin-tone-2")
    (refund,) = desk.services.stripe.made(RefundCreated)
    assert refund.amount == 12_000
    assert (desk.only()["decided_by"], desk.act()["status"]) == (f"slack:{ANN}", "succeeded")
    assert "✅ Approved by @ann\n✅ Executed" in desk.card().plain()

    before = desk.notes()
    assert desk.slack.retry(desk.slack.deliveries[-1]).status == 200
    desk.slack.unreact(ANN, desk.card(), "thumbsup::skin-tone-2")
    desk.settle()
    assert desk.notes() == before
    react(desk, BOB, "x")
    assert "already approved by @ann" in desk.notes()[-1][1]
    assert (desk.only()["status"], len(desk.services.stripe.made(RefundCreated))) == ("approved", 1)
    decided = [event for event in desk.audit() if event["kind"] == "request.approved"]
    assert [(event["actor"], event["via"]) for event in decided] == [(f"slack:{ANN}", "slack")]


def test_a_cross_rejects_and_the_bots_own_does_not(desk):
    """S-11, S-12: the bot's own ❌ and the customer's other emoji decide nothing; an approver's ❌ rejects without a reason."""
    desk.customer(REFUND)
    assert desk.slack.react_as_bot(desk.card(), "x").status == 200
    react(desk, ANN, "tada")
    assert desk.only()["status"] == "pending"
    assert not [call for call in desk.slack.calls if call.method == "chat.postEphemeral"]
    react(desk, BOB, "x")
    assert (desk.only()["status"], desk.only()["decided_by"]) == ("rejected", f"slack:{BOB}")
    assert desk.services.stripe.made(RefundCreated) == ()
    assert "Rejected by @bob" in desk.card().plain()


def test_a_reaction_to_a_card_that_has_gone_on_is_refused(desk):
    """S-11: the message still shows the version before; who reacts to it is told, and nothing is decided. Once it is true, it counts."""
    desk.customer(REFUND)
    desk.slack.fail("chat.update", *[ServerError(503)] * 10)
    desk.hitl.portal.call(desk.hitl.desk.note, desk.run()["id"], "The customer wrote again")
    react(desk, ANN, "+1")
    assert desk.only()["status"] == "pending"
    assert desk.notes()[-1][0] == ANN
    assert "changed since" in desk.notes()[-1][1]
    desk.slack.recover()
    desk.clock.advance(60)
    desk.settle()
    desk.slack.unreact(ANN, desk.card(), "+1")
    react(desk, ANN, "+1")
    assert desk.only()["status"] == "approved"


def test_the_home_tab_lists_what_waits(desk):
    """S-14: over signed events: what waits for who opens it, with a way to the message; after the decision it is gone; Eve has nothing."""
    desk.customer(REFUND)
    code = desk.only()["code"]
    for user in (ANN, EVE):
        assert desk.slack.open_home(user).trouble == ""
    desk.settle()
    shown, other = desk.slack.home_of(ANN), desk.slack.home_of(EVE)
    assert shown is not None
    assert other is not None
    assert "1 request waits for you" in shown.plain()
    assert code in shown.plain()
    assert "Nothing waits for you" in other.plain()
    link = f"https://fake-workspace.slack.com/archives/{CHANNEL}/p{desk.card().ts.replace('.', '')}"
    assert link in str(shown.blocks)
    desk.press("Approve")
    desk.slack.open_home(ANN)
    desk.settle()
    assert "Nothing waits for you" in desk.slack.home_of(ANN).plain()


def test_over_a_socket(url, monkeypatch, config):
    """S-11, S-14: the same over Socket Mode."""
    with (
        FakeSlack(now=TurnedClock().seconds).use_socket_mode() as slack,
        running_desk(url, monkeypatch, slack=slack, HITL_CONFIG=str(config)) as desk,
    ):
        slack.wait_for(lambda: slack.sockets.connected)
        desk.customer(REFUND)
        react(desk, ANN, "+1")
        assert desk.only()["status"] == "approved"
        assert len(desk.services.stripe.made(RefundCreated)) == 1
        assert slack.sockets.complaints == []
