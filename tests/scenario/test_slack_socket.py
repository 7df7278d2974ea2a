"""Socket Mode end to end: no address of ours is known to Slack, everything goes over the connection that the server opened."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from hitl_graphs.support.fakes import RefundCreated
from hitl_middleware.testing.fake_slack import FakeSlack

from tests.kit.clocks import TurnedClock
from tests.kit.commands import Commands
from tests.kit.desk import ANN, CHANNEL, RunningDesk, running_desk

REFUND = "refund order A-1001, 120.00"


@pytest.fixture
def desk(url, monkeypatch) -> Iterator[RunningDesk]:
    """The real server with an app token and no signing secret."""
    with (
        FakeSlack(now=TurnedClock().seconds).use_socket_mode() as slack,
        running_desk(url, monkeypatch, slack=slack) as running,
    ):
        slack.wait_for(lambda: slack.sockets.connected)
        yield running
        assert slack.sockets.complaints == []


def test_a_refund_is_approved_over_a_socket(desk):
    """S-14, S-05: asked, approved over Socket Mode, executed once, the card true; the HTTP route is closed with a sentence."""
    desk.customer(REFUND)
    desk.press("Approve")
    (refund,) = desk.services.stripe.made(RefundCreated)
    assert refund.amount == 12_000
    assert "✅ Approved by @ann\n✅ Executed" in desk.card().plain()
    assert (desk.only()["status"], desk.only()["decided_by"]) == ("approved", f"slack:{ANN}")
    closed = httpx.post(f"{desk.url}/slack/events", content=b"{}", trust_env=False)
    assert closed.status_code == 404
    assert "Socket Mode" in closed.json()["detail"]


def test_nothing_is_lost_when_the_socket_is(desk):
    """S-14, S-10: the connection is refreshed under way and the card clicked before and after; one decision, one refund."""
    desk.customer(REFUND)
    card = desk.card()
    desk.slack.sockets.refresh()
    desk.slack.wait_for(lambda: desk.slack.sockets.connected == 1 and desk.slack.sockets.opened == 2)
    desk.press("Approve", card)
    assert desk.slack.click(ANN, card, text="Approve", stale=card).status == 200
    desk.settle()
    assert len(desk.services.stripe.made(RefundCreated)) == 1
    assert "already approved by @ann" in desk.notes()[-1][1]


def test_a_worker_listens_too(tmp_path):
    """S-14: ``hitl worker`` has a connection of its own while it lives, says nothing secret of it, and leaves in order."""
    with FakeSlack().use_socket_mode() as slack:
        slack.add_user(ANN, name="ann")
        slack.add_channel(CHANNEL, "support")
        hitl = Commands(tmp_path, slack.environ)
        with hitl.running("worker"):
            slack.wait_for(lambda: slack.sockets.connected)
            assert slack.command(ANN, "/other", channel=CHANNEL).status == 200
        slack.wait_for(lambda: not slack.sockets.connected)
        logged = (tmp_path / "stderr.txt").read_text()
        assert "ticket" not in logged
        assert slack.app_token not in logged
        assert "Traceback" not in logged
