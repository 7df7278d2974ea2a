"""Slack in trouble: limiting, failing, silent, losing replies, away. In the end there is one card, and it is true."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from hitl_graphs.support.fakes import RefundCreated
from hitl_middleware.testing.fake_slack import (
    FakeSlack,
    Garbage,
    LostReply,
    RateLimited,
    Refused,
    ServerError,
    TimeoutAfterAccepting,
)

from tests.kit.databases import on_each
from tests.kit.desk import ANN, PATIENCE, RunningDesk, people, running_desk

REFUND = "refund order A-1001, 120.00"
RETRY_AFTER = 20
ANOTHER_CARD = "Waiting for a decision"
TRUE = "✅ Approved by @ann\n✅ Executed"

FAULTS = {
    "limited": RateLimited(retry_after=RETRY_AFTER),
    "500": ServerError(),
    "silent": TimeoutAfterAccepting(),
    "lost": LostReply(),
    "garbage": Garbage(),
    "refused": Refused("fatal_error"),
}


@pytest.fixture
def desk(url, monkeypatch) -> Iterator[RunningDesk]:
    """Its cards wait a second for Slack."""
    with running_desk(url, monkeypatch, patience=PATIENCE) as running:
        yield running


def asked_at(desk: RunningDesk, method: str) -> list[float]:
    """When Slack was asked."""
    return [call.at for call in desk.slack.calls if call.method == method]


@on_each("kind", sqlite=[*FAULTS], postgresql=["limited", "lost"])
def test_trouble_with_posting_and_with_updating(desk, kind):
    """Slack spoils the post, then the updates: one card all the same, posted once and true in the end; the refund is made once, in time."""
    fault = FAULTS[kind]
    desk.slack.fail("chat.postMessage", fault)
    desk.customer(REFUND)
    assert desk.run()["status"] == "suspended"
    desk.later(RETRY_AFTER)
    desk.later(RETRY_AFTER)
    (card,) = desk.cards
    assert ANOTHER_CARD in card.plain()
    assert len([call for call in desk.slack.calls if call.method == "chat.postMessage" and call.ok]) == 1

    desk.slack.fail("chat.update", fault, times=2)
    desk.press("Approve", card)
    assert len(desk.services.stripe.made(RefundCreated)) == 1
    for _ in range(3):
        desk.later(RETRY_AFTER)
    assert desk.slack.faults == []
    (card,) = desk.cards
    assert TRUE in card.plain()
    assert card.buttons == []
    assert len(desk.services.stripe.made(RefundCreated)) == 1


def test_slack_is_asked_again_when_it_said(desk):
    """After 429 not before Retry-After is over, and then by itself."""
    desk.slack.fail("chat.postMessage", RateLimited(retry_after=60))
    desk.customer(REFUND)
    desk.later(50)
    (first,) = asked_at(desk, "chat.postMessage")
    desk.later(11)
    _, second = asked_at(desk, "chat.postMessage")
    assert second - first >= 60
    assert len(desk.cards) == 1


def test_trouble_with_looking_for_a_lost_card(desk):
    """A reply was lost and the history cannot be read either: nothing is posted on a guess; later the card is found."""
    desk.slack.fail("chat.postMessage", LostReply())
    desk.slack.fail("conversations.history", ServerError(), times=3)
    desk.customer(REFUND)
    for _ in range(5):
        desk.later(60)
    assert len(asked_at(desk, "chat.postMessage")) == 1
    assert len(desk.cards) == 1
    desk.press("Approve")
    assert TRUE in desk.card().plain()


def test_a_card_that_was_deleted_stays_deleted(desk):
    """Somebody removed the message: the act is done all the same, no second card appears."""
    desk.customer(REFUND)
    desk.slack.remove(desk.card())
    desk.decide(desk.only()["id"], "approve")
    desk.later(600)
    assert (desk.act()["status"], desk.cards) == ("succeeded", [])
    assert len(asked_at(desk, "chat.postMessage")) == 1


def test_decided_after_a_lost_reply(desk):
    """Slack has the card, we do not know; the decision, which makes the card due at once, finds it instead of posting another one."""
    desk.slack.fail("chat.postMessage", LostReply())
    desk.customer(REFUND)
    assert desk.request(desk.only()["id"])["status"] == "pending"
    desk.press("Approve")
    desk.later(RETRY_AFTER)
    (card,) = desk.cards
    assert (TRUE in card.plain(), card.buttons) == (True, [])
    assert len(asked_at(desk, "chat.postMessage")) == 1


def test_decided_while_the_first_post_is_under_way(desk):
    """The decision comes by the API before Slack has the card: no card that asks for what is decided is left standing."""
    desk.slack.fail("chat.postMessage", RateLimited(retry_after=RETRY_AFTER), LostReply())
    desk.customer(REFUND)
    assert desk.cards == []
    desk.decide(desk.only()["id"], "approve")
    for _ in range(3):
        desk.later(RETRY_AFTER)
    (card,) = desk.cards
    assert (TRUE in card.plain(), card.buttons) == (True, [])


@pytest.mark.parametrize("by", ["api", "terminal"])
def test_slack_away_for_the_whole_run(url, tmp_path, monkeypatch, by):
    """S-14: every connection is refused until after the run's end; it is decidable elsewhere, and done once; then the card appears by
    itself, once, with the whole truth.
    """
    kept = tmp_path / "slack.json"
    with FakeSlack(kept_in=kept) as gone:
        people(gone)
    with running_desk(url, monkeypatch, patience=PATIENCE, slack=gone) as desk:
        desk.customer(REFUND)
        assert desk.only()["status"] == "pending"
        decide = desk.decide if by == "api" else desk.say
        decided = decide(desk.only()["id"], "approve")
        assert (decided["status"], decided["action"]["status"]) == ("approved", "succeeded")
        assert desk.run()["status"] == "succeeded"
        desk.later(3_600)
        back = FakeSlack(
            kept_in=kept,
            port=urlsplit(gone.base_url).port or 0,
            bot_token=gone.bot_token,
            signing_secret=gone.signing_secret,
            now=desk.clock.seconds,
        )
        with back:
            for _ in range(3):
                desk.later(300)
            (card,) = back.messages
            name = "@ann" if by == "api" else "local:kim"
            assert f"✅ Approved by {name}\n✅ Executed" in card.plain()
            assert card.buttons == []
        assert len(desk.services.stripe.made(RefundCreated)) == 1


def test_slack_is_away_for_hours(desk):
    """After a day of nothing but errors the decision still counts, and the next change brings the card with it."""
    desk.slack.fail("*", ServerError(), times=10_000)
    desk.customer(REFUND)
    for _ in range(20):
        desk.later(600)
    assert (desk.cards, desk.only()["status"]) == ([], "pending")
    desk.slack.recover()
    desk.decide(desk.only()["id"], "approve")
    assert TRUE in desk.card().plain()
    assert len(desk.cards) == 1


def test_a_click_is_not_lost_when_slack_cannot_be_told(desk):
    """S-10, rule 6: Slack takes no update and no note; the click is acknowledged and counts, the second one does not."""
    desk.customer(REFUND)
    card = desk.card()
    desk.slack.fail("*", ServerError(503), times=10_000)
    assert desk.slack.click(ANN, card, text="Approve").trouble == ""
    assert desk.slack.click(ANN, card, text="Approve").trouble == ""
    desk.settle()
    assert desk.act()["status"] == "succeeded"
    desk.slack.recover()
    for _ in range(3):
        desk.later(300)
    assert TRUE in desk.card().plain()
    assert len(desk.notes()) == 1
    assert len(desk.services.stripe.made(RefundCreated)) == 1
