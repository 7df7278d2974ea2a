"""Several answers to one question: one decision, one execution, and everybody who was too late is told by whom they were."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from hitl_graphs.support.fakes import RefundCreated
from hitl_middleware.testing.fake_slack import RateLimited, Reply

from tests.kit.desk import ANN, BOB, EVE, RunningDesk, running_desk

REFUND = "refund order A-1001, 120.00"
DRAFT = "Where is my course certificate?"


@pytest.fixture
def desk(url, monkeypatch) -> Iterator[RunningDesk]:
    """One card for a refund of 120.00."""
    with running_desk(url, monkeypatch) as running:
        running.customer(REFUND)
        yield running


def happened_once(desk: RunningDesk) -> None:
    """One decision was counted, one refund was made."""
    (refund,) = desk.services.stripe.made(RefundCreated)
    assert refund.idempotency_key == desk.act()["idempotency_key"]
    kinds = [event["kind"] for event in desk.audit()]
    for once in ("submission.received", "request.approved", "action.claimed", "action.succeeded"):
        assert kinds.count(once) == 1, kinds


def test_a_double_click(desk):
    """S-10, S-15: the second click of the same person, on a card that has not caught up, is told who decided and when; nothing else."""
    card = desk.card()
    desk.press("Approve", card)
    reply = desk.slack.click(ANN, card, text="Approve", stale=card)
    assert reply.status == 200
    desk.settle()
    happened_once(desk)
    ((who, words),) = desk.notes()
    assert who == ANN
    assert words.startswith("This was already approved by @ann (")
    assert words.endswith("UTC). Nothing was changed.")


def test_a_click_and_its_retry(desk):
    """S-10: the same delivery again (a proxy that repeats it, a recorder) is answered 200 and does nothing; nobody is told anything."""
    desk.press("Approve")
    click = desk.slack.deliveries[-1]
    trail = desk.audit()
    for _ in range(2):
        again = desk.slack.replay(click)
        assert (again.status, again.body) == (200, b"")
    assert desk.slack.replay(click, at=desk.clock.seconds() - 301).status == 401
    assert desk.slack.replay(click, at=desk.clock.seconds() + 400).status == 401
    desk.settle()
    happened_once(desk)
    assert (desk.notes(), desk.audit()) == ([], trail)


def test_a_replay_before_anything_else(desk):
    """S-10: of two copies of one click, sent at the same moment, one counts."""
    click = desk.slack.draft_click(ANN, desk.card(), text="Approve")

    async def both() -> list[Reply]:
        return list(await asyncio.gather(*(desk.slack.asend(click) for _ in range(5))))

    assert {reply.status for reply in asyncio.run(both())} == {200}
    desk.settle()
    happened_once(desk)
    assert desk.notes() == []


def test_two_people_at_once(desk):
    """S-10, S-15: Ann, Bob and strangers press at the same moment, again and again: one decides, all others are told."""
    card = desk.card()
    for user in (f"U0MANY{number}" for number in range(6)):
        desk.slack.add_user(user, name=user.lower())

    async def all_press() -> list[Reply]:
        clicks = [desk.slack.aclick(who, card, text="Approve", stale=card) for who in (ANN, BOB) * 4]
        strangers = [desk.slack.aclick(f"U0MANY{n}", card, text="Approve", stale=card) for n in range(6)]
        return list(await asyncio.gather(*clicks, *strangers))

    assert {reply.status for reply in asyncio.run(all_press())} == {200}
    desk.settle()
    happened_once(desk)
    winner = desk.only()["decided_by"]
    assert winner in {f"slack:{ANN}", f"slack:{BOB}"}
    name = "@ann" if winner.endswith(ANN) else "@bob"
    late = [words for who, words in desk.notes() if who in {ANN, BOB}]
    assert len(late) == 7
    assert all(words.startswith(f"This was already approved by {name} (") for words in late)
    assert len([words for who, words in desk.notes() if who not in {ANN, BOB}]) == 6
    assert f"Approved by {name}\n✅ Executed" in desk.card().plain()


def test_approve_and_reject_at_once(desk):
    """S-10: Bob's form is open while Ann approves; his rejection comes too late and changes nothing."""
    desk.press("Reject", by=BOB)
    desk.press("Approve")
    (form,) = desk.slack.views
    assert desk.slack.submit_view(BOB, form, {"Reason": "no, wait"}).trouble == ""
    desk.settle()
    happened_once(desk)
    ((who, words),) = desk.notes()
    assert (who, words.startswith("This was already approved by @ann (")) == (BOB, True)
    assert "no, wait" not in desk.card().plain()


def test_a_decision_elsewhere_takes_the_card_with_it(desk):
    """S-10, S-14: decided by the API; the card says so and has no buttons; a click on its old state and the API again are refused."""
    card = desk.card()
    desk.decide(desk.only()["id"], "reject", message="Paid back already.", reviewer=f"slack:{BOB}")
    assert "⛔ Rejected by @bob" in desk.card().plain()
    assert "Paid back already." in desk.card().plain()
    assert desk.card().buttons == []
    for button in ("Approve", "Reject"):
        assert desk.slack.click(ANN, card, text=button, stale=card).status == 200
    desk.settle()
    assert [words.split(" (")[0] for _, words in desk.notes()] == ["This was already rejected by @bob"] * 2
    assert desk.slack.views == []
    answer = desk.api.post(f"/api/v1/requests/{desk.only()['id']}/decisions", json={"type": "approve"})
    assert (answer.status_code, answer.json()["decided_by"]) == (409, f"slack:{BOB}")
    assert answer.json()["decided_at"].endswith("Z")
    assert desk.effects() == []


def test_an_old_card_does_not_decide_a_new_question(url, monkeypatch):
    """S-10, rule 3: a draft was sent back and a new one waits; the button of the old card decides neither, and its owner is told."""
    with running_desk(url, monkeypatch) as desk:
        desk.customer(DRAFT)
        old = desk.card()
        desk.say(desk.only()["id"], "feedback", message="Mention the FAQ.")
        desk.slack.click(ANN, old, text="Approve", stale=old)
        desk.settle()
        assert [request["status"] for request in desk.requests()] == ["revised", "pending"]
        ((who, words),) = desk.notes()
        assert (who, words.split(" (")[0]) == (ANN, "This was already sent back by `local:kim`")
        assert desk.effects() == []


def test_the_loser_is_told_when_slack_can_again(desk):
    """S-10: Slack limits us just then; the note is stored and delivered once, later, and not to anybody else."""
    card = desk.card()
    desk.press("Approve", card)
    desk.slack.fail("chat.postEphemeral", RateLimited(retry_after=20))
    assert desk.slack.click(BOB, card, text="Approve", stale=card).status == 200
    desk.settle()
    assert desk.notes() == []
    desk.later(21)
    desk.later(60)
    ((who, words),) = desk.notes()
    assert (who, words.startswith("This was already approved by @ann (")) == (BOB, True)


def test_a_stranger_is_refused(desk):
    """S-10, rule 7: told who may decide, by mention, and by nobody else seen; the buttons stay; no form is opened for them."""
    for button in ("Approve", "Reject"):
        assert desk.slack.click(EVE, desk.card(), text=button).status == 200
        for form in desk.slack.views:
            desk.slack.submit_view(EVE, form, {"Reason": "because I can"})
    desk.settle()
    assert {who for who, _ in desk.notes()} == {EVE}
    assert all(
        words == "This is not yours to decide: it is for @ann or @bob to decide." for _, words in desk.notes()
    )
    assert (desk.only()["status"], desk.effects()) == ("pending", [])
    assert [button.text for button in desk.card().buttons] == ["Approve", "Edit", "Reject", "Feedback"]
    assert "submission.received" not in [event["kind"] for event in desk.audit()]
    desk.press("Approve", by=BOB)
    happened_once(desk)
