"""What customers write meanwhile, and what Front sends more than once."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from hitl_graphs.support.fakes import Held, MessageSent, RefundCreated

from tests.kit.desk import ANN, CONVERSATION, ELSEWHERE, RunningDesk, running_desk

QUESTION = "Where is my course certificate?"
REFUND = "Please refund order A-1001, 120.00"
THREAD = f"front:{CONVERSATION}"


@pytest.fixture
def desk(url, monkeypatch) -> Iterator[RunningDesk]:
    """Messages wait for their turn."""
    with running_desk(url, monkeypatch) as running:
        yield running


def statuses(desk: RunningDesk) -> list[str]:
    """Of the runs, oldest first."""
    return [run["status"] for run in desk.runs()]


def test_the_same_delivery_starts_one_run(desk):
    """S-01: sent five times at once, replayed, signed anew, and once more when all is over: one run, one card, one message."""
    front = desk.services.front
    delivery = front.customer_writes(CONVERSATION, QUESTION, post=False)
    with ThreadPoolExecutor(5) as senders:
        answers = list(senders.map(front.replay, [delivery] * 5))
    assert sorted(answer.status or 0 for answer in answers) == [200, 200, 200, 200, 202]
    desk.settle()
    assert front.redeliver(delivery).status == 200
    desk.settle()
    assert (statuses(desk), len(desk.cards)) == (["suspended"], 1)
    desk.press("Approve")
    assert front.redeliver(delivery).status == 200
    desk.settle()
    assert (statuses(desk), len(desk.cards), len(front.made(MessageSent))) == (["succeeded"], 1, 1)


def test_a_message_in_between_waits(desk):
    """S-16: the card says that the customer wrote again; the next run starts when this one ends, on one history without gaps."""
    desk.customer(QUESTION)
    assert "Customer wrote again" not in desk.card().plain()
    desk.customer(REFUND)
    assert statuses(desk) == ["suspended", "queued"]
    card = desk.card()
    assert "Customer wrote again" in card.plain()
    assert [button.text for button in card.buttons] == ["Approve", "Edit", "Reject", "Feedback"]
    desk.press("Approve", card)
    assert statuses(desk) == ["succeeded", "suspended"]
    (sent,) = desk.services.front.made(MessageSent)
    assert QUESTION in (sent.text or "")
    assert "A-1001" in desk.card("Waiting for a decision").plain()
    desk.press("Approve", desk.card("Waiting for a decision"))
    assert statuses(desk) == ["succeeded", "succeeded"]
    kinds = [message.type for message in desk.history(THREAD)]
    assert kinds == ["human", "ai", "tool", "ai"] * 2


def test_several_messages_in_between_keep_their_order(desk):
    """S-16: three more messages are three more runs, one after the other; the note stands on the card once."""
    desk.customer(QUESTION)
    for order in ("A-1001", "A-1002", "A-1001"):
        desk.customer(f"Please refund order {order}, 60.00")
    assert statuses(desk) == ["suspended", "queued", "queued", "queued"]
    assert desk.card().plain().count("Customer wrote again") == 1
    for _ in range(4):
        desk.press("Approve", desk.card("Waiting for a decision"))
    assert statuses(desk) == ["succeeded"] * 4
    assert [refund.order_id for refund in desk.services.stripe.made(RefundCreated)] == [
        "A-1001",
        "A-1002",
        "A-1001",
    ]
    desk.history(THREAD)


def test_a_message_while_the_act_is_under_way(desk):
    """S-16: nothing is interrupted and nothing is done twice; the next run starts after it."""
    hold = Held()
    desk.services.stripe.script(hold)
    desk.customer(REFUND)
    assert desk.slack.click(ANN, desk.card(), text="Approve").status == 200
    assert hold.entered.wait(10), "the refund was not asked for within 10 s of the click"
    assert desk.services.front.customer_writes(CONVERSATION, QUESTION).status == 202
    hold.release.set()
    desk.settle()
    assert statuses(desk) == ["succeeded", "suspended"]
    assert len(desk.services.stripe.made(RefundCreated)) == 1
    assert QUESTION in desk.card("Waiting for a decision").plain()
    desk.reject("Not now.", desk.card("Waiting for a decision"))
    desk.history(THREAD)


def test_another_conversation_does_not_wait(desk):
    """S-16: each conversation is a thread of its own."""
    desk.customer(QUESTION)
    desk.customer(REFUND, conversation=ELSEWHERE)
    assert statuses(desk) == ["suspended", "suspended"]
    assert "Customer wrote again" not in "".join(card.plain() for card in desk.cards)
    desk.press("Approve", desk.card("A-1001"))
    assert statuses(desk) == ["suspended", "succeeded"]


def test_a_newer_message_may_supersede(url, monkeypatch):
    """S-16: FRONT_ON_NEW_INPUT=supersede: the old card says Superseded and cannot be used; the new run answers; no call is left open."""
    with running_desk(url, monkeypatch, FRONT_ON_NEW_INPUT="supersede") as desk:
        desk.customer(QUESTION)
        old = desk.card()
        desk.customer("I found it, but the name on it is wrong.")
        assert [request["status"] for request in desk.requests()] == ["superseded", "pending"]
        assert statuses(desk) == ["succeeded", "suspended"]
        told = desk.slack.message(old.channel, old.ts)
        assert (told.buttons, "Superseded" in told.plain()) == ([], True)
        assert "Customer wrote again" in told.plain()
        desk.slack.click(ANN, old, text="Approve", stale=old)
        desk.settle()
        assert [words.split(" (")[0] for _, words in desk.notes()] == ["This was already superseded"]
        assert desk.effects() == []
        desk.press("Approve", desk.card("Waiting for a decision"))
        (sent,) = desk.services.front.made(MessageSent)
        assert "the name on it is wrong" in (sent.text or "")
        assert statuses(desk) == ["succeeded", "succeeded"]
        desk.history(THREAD)


def test_a_newer_message_may_be_refused(url, monkeypatch):
    """S-16: FRONT_ON_NEW_INPUT=refuse: no run, now or later; the card says that nobody will answer."""
    with running_desk(url, monkeypatch, FRONT_ON_NEW_INPUT="refuse") as desk:
        desk.customer(QUESTION)
        desk.customer(REFUND)
        assert statuses(desk) == ["suspended"]
        assert (
            "Customer wrote again; FRONT_ON_NEW_INPUT=refuse, so no run will answer it" in desk.card().plain()
        )
        desk.press("Approve")
        desk.later(3_600)
        assert statuses(desk) == ["succeeded"]
        assert len(desk.cards) == 1
        desk.history(THREAD)


def test_a_teammates_comment_corrects_the_draft(url, tmp_path, monkeypatch):
    """S-04, S-16: what Ann writes under /draft in Front is what is sent; others' talk and the desk's own comments change nothing."""
    (tmp_path / "hitl.toml").write_text(
        f'[people]\nann = ["slack:{ANN}", "front:tea_ann"]\n', encoding="utf-8"
    )
    with running_desk(url, monkeypatch, HITL_CONFIG=str(tmp_path / "hitl.toml")) as desk:
        desk.customer(QUESTION)
        for who, words in (("tea_kim", "/draft\nSend them away."), ("tea_ann", "  ")):
            desk.services.front.teammate_comments(CONVERSATION, words, teammate=who)
            desk.settle()
        assert desk.only()["status"] == "pending"
        desk.services.front.teammate_comments(
            CONVERSATION, "/draft\nIt is under Certificates.", teammate="tea_ann"
        )
        desk.settle()
        (sent,) = desk.services.front.made(MessageSent)
        assert sent.text == "It is under Certificates."
        assert (desk.only()["status"], desk.only()["decision"]["type"]) == ("approved", "edit")
        assert "It is under Certificates." in desk.card().plain()
        assert desk.services.front.echo(sent).status == 200
        desk.settle()
        assert statuses(desk) == ["succeeded"]
