"""Several tool calls in one turn of the model: each has a card, a decision and an end of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hitl_graphs.support.fakes import (
    ConversationAssigned,
    EmailTransferred,
    Held,
    RefundCreated,
    Refused,
)

from tests.kit.desk import ANN, BOB, CONVERSATION, RunningDesk, running_desk

THREE = (
    "Refund order A-1001, 120.00 and move my purchases from a@x.org to b@x.org. "
    "Also I would like to talk to instructor Kim."
)
THREAD = f"front:{CONVERSATION}"
HEADS = ("Refund an order", "Move purchases to another address", "Hand a conversation to an instructor")


@pytest.fixture
def desk(url, monkeypatch) -> Iterator[RunningDesk]:
    """One message, three wishes."""
    with running_desk(url, monkeypatch) as running:
        running.customer(THREE)
        yield running


def states(desk: RunningDesk) -> dict[str, str]:
    """Where each call stands."""
    return {act["tool"]: act["status"] for act in desk.acts()}


def test_one_card_each_and_answering_one_runs_that_one(desk):
    """S-07, S-15: three cards with their own buttons; Approve on one performs that act alone, the others wait as they are."""
    assert sorted(card.plain().split("\n")[0] for card in desk.cards) == sorted(HEADS)
    assert {len(card.buttons) for card in desk.cards} == {4}
    desk.press("Approve", desk.card("Move purchases"))
    assert states(desk) == {
        "process_refund": "waiting",
        "update_email": "succeeded",
        "assign_to_instructor": "waiting",
    }
    assert len(desk.effects()) == 1
    for head in ("Refund an order", "Hand a conversation"):
        assert [button.text for button in desk.card(head).buttons] == [
            "Approve",
            "Edit",
            "Reject",
            "Feedback",
        ]
    assert "Executed" in desk.card("Move purchases").plain()
    assert desk.run()["status"] == "suspended"


def test_a_rejected_sibling_stops_nobody(desk):
    """S-07, S-12: rejected, approved, approved, by two people in any order: two effects, three answers in the agent's history, one end."""
    desk.reject("Talk to the customer first.", desk.card("Refund an order"))
    assert desk.effects() == []
    desk.press("Approve", desk.card("Hand a conversation"), by=BOB)
    assert [type(effect) for effect in desk.effects()][:1] == [ConversationAssigned]
    desk.press("Approve", desk.card("Move purchases"))
    assert states(desk) == {
        "process_refund": "denied",
        "update_email": "succeeded",
        "assign_to_instructor": "succeeded",
    }
    assert desk.services.stripe.made(RefundCreated) == ()
    assert len(desk.services.platform.made(EmailTransferred)) == 1
    told = desk.told(THREAD)
    assert [(message.name, message.status) for message in told] == [
        ("process_refund", "error"),
        ("update_email", "success"),
        ("assign_to_instructor", "success"),
    ]
    assert "Talk to the customer first." in str(told[0].text)
    assert desk.run()["status"] == "succeeded"
    assert "⛔ Rejected by @ann" in desk.card("Refund an order").plain()
    assert "Approved by @bob\n✅ Executed" in desk.card("Hand a conversation").plain()


def test_a_failed_sibling_stops_nobody(desk):
    """S-07, S-09: Stripe says no to one act; the others are done, and each card tells its own story."""
    desk.services.stripe.script(Refused(400, "Charge is disputed."))
    for head in HEADS:
        desk.press("Approve", desk.card(head))
    assert states(desk) == {
        "process_refund": "failed",
        "update_email": "succeeded",
        "assign_to_instructor": "succeeded",
    }
    assert "❌ Failed" in desk.card("Refund an order").plain()
    assert {"❌ Failed" in desk.card(head).plain() for head in HEADS[1:]} == {False}
    assert desk.run()["status"] == "succeeded"


def test_a_decision_while_a_sibling_is_at_work(desk):
    """S-07: Bob approves the transfer while Ann's refund is under way; nothing is lost, nothing is done twice."""
    hold = Held()
    desk.services.stripe.script(hold)
    desk.slack.click(ANN, desk.card("Refund an order"), text="Approve")
    assert hold.entered.wait(10), "the refund was not asked for within 10 s of the click"
    desk.slack.click(BOB, desk.card("Move purchases"), text="Approve")
    assert desk.only_pending()["tool"] == "assign_to_instructor"
    hold.release.set()
    desk.settle()
    assert states(desk) == {
        "process_refund": "succeeded",
        "update_email": "succeeded",
        "assign_to_instructor": "waiting",
    }
    assert len(desk.services.stripe.made(RefundCreated)) == 1
    assert len(desk.services.platform.made(EmailTransferred)) == 1


def test_equal_calls_are_two_acts(url, monkeypatch):
    """S-07: the same refund twice in one message: two cards, two decisions, two keys; approving one leaves the other."""
    with running_desk(url, monkeypatch) as desk:
        desk.customer("Refund order A-1001, 60.00 and refund order A-1001, 60.00")
        first, second = desk.cards
        desk.press("Approve", first)
        assert sorted(act["status"] for act in desk.acts()) == ["succeeded", "waiting"]
        desk.press("Approve", second)
        one, two = desk.services.stripe.made(RefundCreated)
        assert one.idempotency_key != two.idempotency_key
        assert desk.run()["status"] == "succeeded"
