"""Refunds, transfers, handovers: from the customer's words to the recorded outcome."""

from __future__ import annotations

import pytest

from hitl_graphs.support.fakes import (
    CommentPosted,
    ConversationAssigned,
    EmailTransferred,
    LostReply,
    RefundCreated,
    Refused,
    SupportWorld,
)

from tests.scenario.support_desk import CONVERSATION, Desk, environment

REFUND = "refund order A-1001, 120.00"
TRANSFER = "Please move my purchases from a@x.org to b@x.org."
HANDOVER = "I want to talk to instructor Kim"


@pytest.fixture
def services(monkeypatch):
    """Front with one conversation, Stripe with one paid order."""
    with (
        SupportWorld(orders={"A-1001": 20_000}, conversations=[CONVERSATION]) as recorded,
        environment(monkeypatch, recorded),
    ):
        yield recorded


@pytest.fixture
def desk(world, services):
    """On memory and on SQLite."""
    return Desk(world, services)


@pytest.fixture
def quick_desk(quick, services):
    """Where the database makes no difference."""
    return Desk(quick, services)


def test_a_large_refund_waits_and_then_happens_once(desk, services):
    """S-05, S-06: 120.00 parks the run with the call as it will run; approve refunds once, with the action's key, and says so."""
    run = desk.write(REFUND)
    assert desk.world.run_now(run).status == "suspended"
    request = desk.world.only()
    args = {"order_id": "A-1001", "amount_cents": 12_000, "reason": "The customer asked for it"}
    assert (request.tool, request.args) == ("process_refund", args)
    assert desk.nothing_happened()
    desk.world.decide(request)
    desk.world.step()
    (refund,) = services.stripe.made(RefundCreated)
    action = desk.world.act()
    assert (refund.order_id, refund.amount, refund.idempotency_key) == (
        "A-1001",
        12_000,
        action.idempotency_key,
    )
    assert (action.status, action.tool, action.args) == ("succeeded", "process_refund", args)
    assert action.settled_at is not None
    assert (
        action.result_text == f"Refunded 120.00 USD of order A-1001 (refund {refund.refund_id}, succeeded)."
    )
    assert desk.closing(run) == action.result_text


def test_a_transfer_waits_and_then_happens_once(desk, services):
    """S-05: always asked; approve moves the purchases once, with the action's key."""
    run = desk.write(TRANSFER)
    request = desk.world.only()
    assert (request.tool, request.args) == ("update_email", {"from_email": "a@x.org", "to_email": "b@x.org"})
    assert desk.nothing_happened()
    desk.world.decide(request)
    desk.world.step()
    (moved,) = services.platform.made(EmailTransferred)
    action = desk.world.act()
    assert (moved.from_email, moved.to_email) == ("a@x.org", "b@x.org")
    assert (moved.idempotency_key, action.status) == (action.idempotency_key, "succeeded")
    assert moved.transfer_id in desk.closing(run)


def test_a_handover_waits_and_then_happens_once(desk, services):
    """S-05: always asked; approve assigns the run's conversation to the teammate of that name and leaves the note for teammates."""
    run = desk.write(HANDOVER)
    request = desk.world.only()
    assert request.tool == "assign_to_instructor"
    assert request.args == {"instructor": "Kim", "note": f"The customer wrote: {HANDOVER}"}
    assert desk.nothing_happened()
    desk.world.decide(request)
    desk.world.step()
    (assigned,) = services.front.made(ConversationAssigned)
    (comment,) = services.front.made(CommentPosted)
    assert (assigned.conversation_id, assigned.assignee_id) == (CONVERSATION, "tea_kim")
    assert HANDOVER in comment.body
    assert comment.comment_id in desk.closing(run)


def test_a_small_refund_runs_on_the_record(desk, services):
    """S-06: 50.00 asks nobody; it is an action approved by the policy, executed once with its key, and audited as such."""
    run = desk.write("refund order A-1001, 50.00")
    assert desk.world.requests() == []
    (refund,) = services.stripe.made(RefundCreated)
    action = desk.world.act()
    assert (action.status, action.decided_by, refund.idempotency_key) == ("succeeded", "policy", action.id)
    assert ("action.approved", "policy") in {(event.kind, event.actor) for event in desk.world.trail()}
    assert "Refunded 50.00 USD" in desk.closing(run)


def test_one_cent_more_is_large(quick_desk):
    """S-06: the limit is 5,000 cents; 5,001 waits."""
    quick_desk.write("refund order A-1001, 50.01")
    assert quick_desk.world.only().args["amount_cents"] == 5_001
    assert quick_desk.nothing_happened()


def test_an_edited_amount_is_what_is_refunded(quick_desk, services):
    """S-05: the reviewer's amount is refunded, the record keeps that it was edited."""
    quick_desk.write(REFUND)
    request = quick_desk.world.only()
    quick_desk.world.decide(request, "edit", edit={**request.args, "amount_cents": 8_000})
    quick_desk.world.step()
    (refund,) = services.stripe.made(RefundCreated)
    action = quick_desk.world.act()
    assert (refund.amount, action.edited, action.status) == (8_000, True, "succeeded")


def test_a_failed_refund_stays_approved(desk, services):
    """S-09: Stripe's no is the action's error, the request stays approved by whom it was, the agent tells the truth."""
    services.stripe.script(Refused(400, "Charge is disputed.", code="charge_disputed"))
    run = desk.write(REFUND)
    desk.world.decide(desk.world.only(), by="local:ann")
    desk.world.step()
    (request,) = desk.world.requests()
    action = desk.world.act()
    assert (request.status, request.decided_by) == ("approved", "local:ann")
    assert action.status == "failed"
    assert "Charge is disputed." in (action.error or "")
    assert "Charge is disputed." in desk.closing(run)
    assert services.stripe.made(RefundCreated) == ()


def test_a_lost_answer_is_unknown_until_a_person_says(desk, services):
    """S-08: the refund was made but the answer was lost: unknown, never repeated; "retry" finds it made under the same key."""
    services.stripe.script(LostReply(performed=True))
    run = desk.write(REFUND)
    desk.world.decide(desk.world.only())
    desk.world.step()
    assert desk.world.act().status == "unknown"
    assert desk.world.run_now(run).status == "suspended"
    assert desk.world.only("outcome").tool == "process_refund"
    desk.world.say(desk.world.act(), "retry")
    desk.world.step()
    assert desk.world.act().status == "succeeded"
    assert len(services.stripe.made(RefundCreated)) == 1
    assert "It had been done before" in desk.closing(run)


@pytest.mark.parametrize("text", [REFUND, TRANSFER])
def test_a_run_without_a_conversation_still_acts_on_money_and_accounts(quick_desk, text):
    """S-05: an API user needs no conversation for these; messages are an input as good as text."""
    run = quick_desk.world.begin_run("support", {"messages": [{"role": "user", "content": text}]})
    quick_desk.world.decide(quick_desk.world.only())
    quick_desk.world.step()
    assert quick_desk.world.act().status == "succeeded"
    assert quick_desk.world.run_now(run).status == "succeeded"
