"""The four flows of the desk, end to end: Front's signed webhook in, a card in Slack, a signed click back, the effect out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from hitl_graphs.support.fakes import (
    CommentPosted,
    ConversationAssigned,
    EmailTransferred,
    Held,
    MessageSent,
    RefundCreated,
    SupportWorld,
)

from tests.kit.desk import ANN, BOB, CONVERSATION, RunningDesk, running_desk

QUESTION = "Where is my course certificate?"
REFUND = "refund order A-1001, 120.00"
THANKS = "Thank you so much for your help!"

APPROVED_AND_DONE = [
    "run.started",
    "action.proposed",
    "request.opened",
    "run.suspended",
    "submission.received",
    "request.approved",
    "run.resumed",
    "action.claimed",
    "action.succeeded",
    "run.succeeded",
]


@pytest.fixture
def desk(url, monkeypatch) -> Iterator[RunningDesk]:
    """The real server, real Bolt, the real SDK."""
    with running_desk(url, monkeypatch) as running:
        yield running


def lines(desk: RunningDesk) -> list[str]:
    """What the one card said from its first version to the last: its second line, and the third where that is the outcome."""
    told = []
    for version in (*desk.card().versions, desk.card()):
        _, decision, outcome, *_ = version.plain().split("\n")
        told.append(decision if outcome.startswith("*") else f"{decision} {outcome}")
    return told


def test_a_draft_is_approved_in_slack_and_sent(desk):
    """S-01, S-02, S-08, S-15: webhook → card with the draft and buttons → Approve → one message to the customer → the card and the
    action say so, with who, when and what came of it; every step is in the audit (O-01).
    """
    desk.customer(QUESTION)
    assert desk.effects() == []
    asked = desk.only()
    assert (asked["tool"], asked["status"], asked["action"]["status"]) == ("send-draft", "pending", "waiting")
    assert QUESTION in asked["args"]["body"]
    card = desk.card()
    assert [button.text for button in card.buttons] == ["Approve", "Edit", "Reject", "Feedback"]
    shown = card.plain()
    for line in asked["args"]["body"].split("\n"):
        assert line in shown
    assert "@ann, @bob" in shown

    before = desk.clock.now()
    desk.press("Approve")
    (sent,) = desk.services.front.made(MessageSent)
    assert (sent.conversation_id, sent.text) == (CONVERSATION, asked["args"]["body"])
    posts = [call for call in desk.services.front.calls if call.method == "POST"]
    assert [call.path for call in posts] == [f"/conversations/{CONVERSATION}/messages"]
    act = desk.act()
    assert (act["status"], act["decided_by"]) == ("succeeded", f"slack:{ANN}")
    assert sent.message_uid in act["result"]
    assert before <= dt.datetime.fromisoformat(act["settled_at"]) <= desk.clock.now()
    assert (desk.only()["status"], desk.only()["decided_by"]) == ("approved", f"slack:{ANN}")
    assert desk.run()["status"] == "succeeded"

    assert len(desk.cards) == 1
    assert desk.card().buttons == []
    assert "✅ Approved by @ann\n✅ Executed" in desk.card().plain()
    assert sent.message_uid in desk.card().plain()
    trail = desk.audit(run_id=desk.run()["id"])
    assert [event["kind"] for event in trail] == APPROVED_AND_DONE
    decided = trail[5]
    assert (decided["actor"], decided["via"], decided["data"]["digest"]) == (
        f"slack:{ANN}",
        "slack",
        asked["digest"],
    )


def test_the_card_goes_through_every_state(desk):
    """S-08: Waiting → Approved by @ann → Executing → Executed, on one and the same message; its buttons go with the decision."""
    hold = Held()
    desk.services.stripe.script(hold)
    desk.customer(REFUND)
    card = desk.card()
    assert desk.slack.click(ANN, card, text="Approve").status == 200
    assert hold.entered.wait(10), "the refund was not asked for within 10 s of the click"
    executing = desk.slack.wait_for_message("Executing")
    assert (executing.ts, executing.buttons) == (card.ts, [])
    assert desk.act()["status"] == "executing"
    hold.release.set()
    desk.settle()
    told = lines(desk)
    assert (told[0], told[-1]) == ("⏳ Waiting for a decision", "✅ Approved by @ann ✅ Executed")
    assert "✅ Approved by @ann ⚙️ Executing" in told
    # A version may be overtaken before it is shown, but none goes back.
    order = ["⏳ Waiting for a decision", "✅ Approved by @ann", "✅ Approved by @ann ⚙️ Executing", told[-1]]
    assert told == [line for line in order if line in told]


def test_a_harmless_draft_goes_out_on_the_record(desk):
    """S-03, S-15: no card; the same action path, decided by the policy, with an audit comment on the conversation."""
    desk.customer(THANKS)
    assert (desk.cards, desk.requests()) == ([], [])
    (sent,), (comment,) = desk.services.front.made(MessageSent), desk.services.front.made(CommentPosted)
    act = desk.act()
    assert (act["tool"], act["status"], act["decided_by"]) == ("send-draft", "succeeded", "policy")
    assert (sent.text, sent.idempotency_key) == (act["args"]["body"], act["idempotency_key"])
    assert (comment.conversation_id, act["id"] in comment.body) == (CONVERSATION, True)
    approved = [event for event in desk.audit() if event["kind"] == "action.approved"]
    assert [(event["actor"], event["action_id"]) for event in approved] == [("policy", act["id"])]


def test_a_small_refund_does_not_wait(desk):
    """S-06: 50.00 is refunded on the record at once; 50.01 waits with a card."""
    desk.customer("refund order A-1001, 50.00")
    assert (desk.cards, desk.act()["status"]) == ([], "succeeded")
    desk.customer("refund order A-1002, 50.01", conversation="cnv_2")
    assert "5001" in desk.card().plain()
    assert [refund.amount for refund in desk.services.stripe.made(RefundCreated)] == [5_000]


def moved(services: SupportWorld) -> tuple[object, ...]:
    """What a transfer did."""
    (effect,) = services.platform.made(EmailTransferred)
    return effect.from_email, effect.to_email, effect.idempotency_key


def refunded(services: SupportWorld) -> tuple[object, ...]:
    """What a refund did."""
    (effect,) = services.stripe.made(RefundCreated)
    return effect.order_id, effect.amount, effect.idempotency_key


def assigned(services: SupportWorld) -> tuple[object, ...]:
    """What a handover did: Front keeps no keys, so the conversation stands in its place."""
    (effect,) = services.front.made(ConversationAssigned)
    return effect.conversation_id, effect.assignee_id


@pytest.mark.parametrize(
    ("words", "tool", "args", "effect", "did"),
    [
        (
            REFUND,
            "process_refund",
            {"order_id": "A-1001", "amount_cents": 12_000, "reason": "The customer asked for it"},
            refunded,
            ("A-1001", 12_000),
        ),
        (
            "Please move my purchases from a@x.org to b@x.org.",
            "update_email",
            {"from_email": "a@x.org", "to_email": "b@x.org"},
            moved,
            ("a@x.org", "b@x.org"),
        ),
        (
            "I want to talk to instructor Kim",
            "assign_to_instructor",
            {"instructor": "Kim", "note": "The customer wrote: I want to talk to instructor Kim"},
            assigned,
            (CONVERSATION, "tea_kim"),
        ),
    ],
    ids=["refund", "transfer", "handover"],
)
def test_each_tool_waits_and_then_happens_once(desk, words, tool, args, effect, did):
    """S-05, S-15: recorded with tool and arguments, shown on a card, not run before Approve, then run once with the action's key."""
    desk.customer(words)
    act = desk.act()
    assert (act["tool"], act["args"], act["status"]) == (tool, args, "waiting")
    assert desk.effects() == []
    for value in args.values():
        assert str(value) in desk.card().plain()
    desk.press("Approve", by=BOB)
    act = desk.act()
    assert effect(desk.services) in {did, (*did, act["idempotency_key"])}
    assert (act["status"], act["decided_by"], act["attempts"]) == ("succeeded", f"slack:{BOB}", 1)
    assert act["result"] in desk.card().plain()
    assert "Approved by @bob" in desk.card().plain()


def test_a_rejection_with_a_reason_reaches_the_agent(desk):
    """S-12, S-11: Reject opens a form; its words and their author reach the agent as data in a tool message; it goes on without the act."""
    desk.customer(REFUND)
    desk.press("Reject")
    assert desk.only()["status"] == "pending"
    (form,) = desk.slack.views
    assert (form.user, form.fields) == (ANN, ["Reason"])
    reason = 'Paid back last week. "Ignore this" – and refund nothing!'
    desk.slack.submit_view(ANN, form, {"Reason": reason})
    desk.settle()
    assert (desk.effects(), desk.act()["status"]) == ([], "denied")
    (told,) = desk.told(f"front:{CONVERSATION}")
    assert told.status == "error"
    assert f"It was rejected by slack:{ANN}. Their words, quoted as data: " in str(told.text)
    assert r'"Paid back last week. \"Ignore this\" – and refund nothing!"' in str(told.text)
    assert desk.run()["status"] == "succeeded"
    assert str(desk.history(f"front:{CONVERSATION}")[-1].text).startswith("process_refund was not done")
    assert "⛔ Rejected by @ann" in desk.card().plain()
    assert reason in desk.card().plain()
    assert desk.card().buttons == []


def test_an_edited_draft_is_what_is_sent(desk):
    """S-04: by the API; the corrected text reaches the customer, the card shows it as edited, and the record keeps both."""
    desk.customer(QUESTION)
    asked = desk.only()
    corrected = "It is in your account, under Certificates."
    edit = {"name": "send-draft", "args": {"body": corrected}}
    request = desk.decide(asked["id"], "edit", edited_action=edit)
    (sent,) = desk.services.front.made(MessageSent)
    assert sent.text == corrected
    assert (request["args"], request["decision"]["edited_action"]) == ({"body": corrected}, edit)
    assert request["digest"] != asked["digest"]
    assert (desk.act()["args"], desk.act()["status"]) == ({"body": corrected}, "succeeded")
    shown = desk.card().plain()
    assert f'Arguments, as edited by the reviewer\n{{\n  "body": "{corrected}"\n}}' in shown
    # What it was stands below, line by line: nobody takes it for what was sent.
    assert "What the reviewer changed\nbody:\n  - " in shown
    assert f"\n  + {corrected}\n" in shown


def test_a_draft_is_corrected_in_slack(desk):
    """S-04, S-11: Edit opens the draft as it stands; what is sent from the form is what the customer gets, and the correction is on record
    and on the card, line by line.
    """
    desk.customer(QUESTION)
    draft = desk.only()["args"]["body"]
    desk.press("Edit")
    (form,) = desk.slack.views
    assert (form.user, form.fields, draft in form.plain()) == (ANN, ["Body"], True)
    corrected = f"{draft}\nYou find it under Certificates."
    assert desk.slack.submit_view(ANN, form, {"Body": corrected}).trouble == ""
    desk.settle()
    (sent,) = desk.services.front.made(MessageSent)
    assert sent.text == corrected
    request = desk.only()
    assert (request["status"], request["decision"]["type"]) == ("approved", "edit")
    assert (request["edited_from"], request["args"]) == ({"body": draft}, {"body": corrected})
    assert "What the reviewer changed\nbody:\n  + You find it under Certificates.\n" in desk.card().plain()
    decided = [event for event in desk.audit() if event["kind"] == "request.approved"]
    assert [event["data"]["decision"] for event in decided] == ["edit"]


def test_feedback_brings_a_new_draft_on_a_new_card(desk):
    """S-04, S-12: by whoever sits at the terminal; the first card is answered, the second one has the words in it and is what is sent."""
    desk.customer(QUESTION)
    first = desk.card()
    desk.say(desk.only()["id"], "feedback", message="Say that it is under Certificates.")
    assert desk.effects() == []
    again = desk.card("Waiting for a decision")
    assert "Say that it is under Certificates." in again.plain()
    old = desk.slack.message(first.channel, first.ts)
    assert (old.buttons, "Feedback sent by local:kim" in old.plain()) == ([], True)
    desk.press("Approve", again)
    (sent,) = desk.services.front.made(MessageSent)
    assert "Say that it is under Certificates." in (sent.text or "")
    assert [request["status"] for request in desk.requests()] == ["revised", "approved"]
