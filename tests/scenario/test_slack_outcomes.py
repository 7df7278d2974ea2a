"""What became of an approved act, when it was not simply done: every card tells, the decision stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hitl_graphs.support.fakes import LostReply, MessageSent, RefundCreated, Refused, ServerError, TimedOut

from tests.kit.desk import ANN, BOB, CONVERSATION, EVE, RunningDesk, running_desk

REFUND = "refund order A-1001, 120.00"
THREAD = f"front:{CONVERSATION}"


@pytest.fixture
def desk(url, monkeypatch) -> Iterator[RunningDesk]:
    """Its clients do not wait long for an answer."""
    with running_desk(url, monkeypatch, SUPPORT_HTTP_TIMEOUT_SECONDS="0.5") as running:
        yield running


@pytest.fixture
def in_doubt(desk: RunningDesk) -> RunningDesk:
    """A desk whose refund was approved by Ann, made by Stripe, and never confirmed."""
    desk.services.stripe.script(LostReply())
    desk.customer(REFUND)
    desk.press("Approve")
    assert desk.act()["status"] == "unknown"
    return desk


def settled(desk: RunningDesk, type: str, **more: Any) -> dict[str, Any]:  # noqa: A002 – the API's word
    """Somebody says what became of the act; the act as it stands when all that follows is done."""
    body = {"type": type, "reviewer": f"slack:{BOB}", **more}
    answer = desk.api.post(f"/api/v1/actions/{desk.act()['id']}/outcome", json=body)
    assert answer.status_code == 200, answer.text
    desk.settle()
    return desk.act()


def test_a_failed_refund_shows_on_its_card(desk):
    """S-09, S-15: Stripe's no is the action's error, the decision stays approved, the card says Failed and why, the agent is told."""
    desk.services.stripe.script(Refused(400, "Charge is disputed.", code="charge_disputed"))
    desk.customer(REFUND)
    desk.press("Approve")
    act = desk.act()
    assert (desk.only()["status"], desk.only()["decided_by"]) == ("approved", f"slack:{ANN}")
    assert (act["status"], act["result"]) == ("failed", None)
    assert "Charge is disputed." in act["error"]
    card = desk.card()
    assert "✅ Approved by @ann\n❌ Failed" in card.plain()
    assert "Charge is disputed." in card.plain()
    assert card.buttons == []
    assert desk.run()["status"] == "succeeded"
    assert "Charge is disputed." in str(desk.history(THREAD)[-1].text)
    assert desk.effects() == []


def test_every_copy_tells_of_a_failure(url, monkeypatch):
    """S-09, S-14: without a channel each approver has a card of their own; one decides, both cards say what became of it."""
    with running_desk(url, monkeypatch, HITL_SLACK_CHANNEL="") as desk:
        desk.services.front.script(ServerError(503), on="/messages")
        desk.customer("Where is my course certificate?")
        assert len(desk.cards) == 2
        detail = desk.hitl.portal.call(desk.hitl.views.request, desk.only()["id"])
        bobs = next(card.ref for card in detail.cards if card.target.address == BOB)
        refs = {f"{card.channel}:{card.ts}" for card in desk.cards}
        desk.press(
            "Approve", next(card for card in desk.cards if f"{card.channel}:{card.ts}" == bobs), by=BOB
        )
        assert desk.act()["status"] == "failed"
        for card in desk.cards:
            assert "Approved by @bob\n❌ Failed" in card.plain()
            assert "503" in card.plain()
            assert card.buttons == []
        assert {f"{card.channel}:{card.ts}" for card in desk.cards} == refs
        assert desk.services.front.made(MessageSent) == ()


@pytest.mark.parametrize(
    "fault", [TimedOut(), LostReply(), LostReply(performed=False)], ids=["silent", "lost", "undone"]
)
def test_an_answer_that_never_comes_is_unknown(desk, fault):
    """S-08, S-09: nobody guesses; the card says Unknown and what to do, the run waits, nothing is tried again by itself."""
    desk.services.stripe.script(fault, on="POST /v1/refunds")
    desk.customer(REFUND)
    desk.press("Approve")
    act = desk.act()
    assert act["status"] == "unknown"
    assert "✅ Approved by @ann\n❓ Unknown" in desk.card().plain()
    assert f"hitl actions settle {act['id']}" in desk.card().plain()
    assert desk.run()["status"] == "suspended"
    asked, outcome = desk.requests()
    assert (asked["status"], outcome["kind"], outcome["status"]) == ("approved", "outcome", "pending")
    desk.later(600)
    assert sum(call.path == "/v1/refunds" for call in desk.services.stripe.calls) == 1
    assert desk.act()["status"] == "unknown"
    assert len(desk.cards) == 1


def test_a_person_says_it_was_done(in_doubt):
    """S-09: the act is executed, by their word; the agent is told their result, the card shows who settled it."""
    act = settled(in_doubt, "done", result="Refund re_77 is in Stripe's dashboard.")
    assert (act["status"], act["settled_by"]) == ("succeeded", f"slack:{BOB}")
    assert "✅ Approved by @ann\n✅ Executed" in in_doubt.card().plain()
    assert "*Settled by*\n@bob" in in_doubt.card().plain()
    assert "Refund re_77 is in Stripe's dashboard." in in_doubt.card().plain()
    assert str(in_doubt.told(THREAD)[0].text) == "Refund re_77 is in Stripe's dashboard."
    assert in_doubt.run()["status"] == "succeeded"
    assert [request["status"] for request in in_doubt.requests()] == ["approved", "answered"]
    assert len(in_doubt.services.stripe.made(RefundCreated)) == 1


def test_a_person_says_it_failed(in_doubt):
    """S-09: the decision stays approved; the agent is told that it did not happen."""
    act = settled(in_doubt, "failed", message="Stripe shows no such refund.")
    assert (act["status"], act["error"]) == ("failed", "Stripe shows no such refund.")
    assert "✅ Approved by @ann\n❌ Failed" in in_doubt.card().plain()
    assert "Stripe shows no such refund." in in_doubt.card().plain()
    (told,) = in_doubt.told(THREAD)
    assert (told.status, "Stripe shows no such refund." in str(told.text)) == ("error", True)


def test_a_person_has_it_tried_again(in_doubt):
    """S-09: it is done now, under the same idempotency key, so that what was done already is not done twice."""
    first = in_doubt.act()["idempotency_key"]
    act = settled(in_doubt, "retry")
    assert (act["status"], act["attempts"]) == ("succeeded", 2)
    (refund,) = in_doubt.services.stripe.made(RefundCreated)
    assert refund.idempotency_key == first == act["idempotency_key"]
    assert "✅ Executed" in in_doubt.card().plain()
    kinds = [event["kind"] for event in in_doubt.audit() if event["kind"].startswith("action.")]
    assert kinds == [
        "action.proposed",
        "action.claimed",
        "action.unknown",
        "action.retry",
        "action.claimed",
        "action.succeeded",
    ]


def test_who_or_what_does_not_settle(in_doubt):
    """S-09, S-13: a stranger and a word that means nothing are refused with a sentence; it is as unknown as before."""
    before = in_doubt.audit()
    for body, status, words in (
        ({"type": "done", "reviewer": f"slack:{EVE}"}, 403, f"slack:{ANN} or slack:{BOB}"),
        ({"type": "perhaps"}, 422, "type"),
        ({"type": "retry", "extra": 1}, 422, "extra"),
    ):
        answer = in_doubt.api.post(f"/api/v1/actions/{in_doubt.act()['id']}/outcome", json=body)
        assert (answer.status_code, words in answer.json()["detail"]) == (status, True), answer.text
    assert in_doubt.act()["status"] == "unknown"
    assert in_doubt.audit() == before


def test_an_outcome_is_not_decided(in_doubt):
    """S-13: /decisions on what is to be settled is 422 and says where to go; a settled act cannot be settled again."""
    outcome = in_doubt.requests()[1]
    answer = in_doubt.api.post(f"/api/v1/requests/{outcome['id']}/decisions", json={"type": "approve"})
    assert answer.status_code == 422, answer.text
    settled(in_doubt, "done")
    again = in_doubt.api.post(
        f"/api/v1/actions/{in_doubt.act()['id']}/outcome", json={"type": "retry", "reviewer": f"slack:{BOB}"}
    )
    assert again.status_code == 422
    assert "succeeded" in again.json()["detail"]
    assert len(in_doubt.services.stripe.made(RefundCreated)) == 1
