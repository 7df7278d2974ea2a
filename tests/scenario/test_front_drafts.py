"""S-04 from end to end: a teammate corrects a draft by a comment in Front, and Slack's card tells what became of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hitl_graphs.support.fakes import CommentPosted, MessageSent

from tests.kit.desk import ANN, CONVERSATION, RunningDesk, running_desk

QUESTION = "Where is my course certificate?"
CORRECTED = "Dear customer,\n\nit is in your account, under <Certificates> & more."
PEOPLE = f'[people]\nkim = ["front:tea_kim", "slack:{ANN}"]\n'


@pytest.fixture
def desk(url, tmp_path, monkeypatch) -> Iterator[RunningDesk]:
    """Kim of Front is Ann of Slack, who may decide; the other teammate may not. A draft waits."""
    (tmp_path / "hitl.toml").write_text(PEOPLE)
    with running_desk(url, monkeypatch, HITL_CONFIG=str(tmp_path / "hitl.toml")) as running:
        running.customer(QUESTION)
        yield running


def test_a_comment_is_what_the_customer_reads(desk):
    """S-04, S-08: the text after /draft is sent, once; the card says by whom, that it was edited, and that it is done."""
    front, draft = desk.services.front, desk.only_pending()["args"]["body"]
    told = front.teammate_comments(CONVERSATION, f"/draft\n{CORRECTED}", teammate="tea_kim")
    desk.settle()
    assert (told.status, front.redeliver(told).status) == (202, 200)
    desk.settle()
    (sent,) = front.made(MessageSent)
    assert sent.text == CORRECTED
    request, shown = desk.only(), desk.card().plain()
    assert (request["status"], request["decision"]["type"], request["decided_by"]) == (
        "approved",
        "edit",
        "front:tea_kim",
    )
    assert "as edited by the reviewer" in shown
    assert "Kim Keller" in shown
    assert "under <Certificates> & more." in shown
    assert "Executed" in shown
    assert draft not in shown
    assert desk.card().buttons == []
    kinds = [event["kind"] for event in desk.audit() if event["actor"] == "front:tea_kim"]
    assert kinds == ["submission.received", "request.approved"]


def test_a_comment_of_somebody_who_may_not_decide_changes_nothing(desk):
    """S-04, S-10: the teammate reads why in a comment; the card still waits with the draft, and can be approved as it was."""
    front, before, card = desk.services.front, desk.only_pending(), desk.card()
    assert front.teammate_comments(CONVERSATION, "/draft Take it all.", teammate="tea_ann").status == 202
    desk.settle()
    (comment,) = front.made(CommentPosted)
    assert "front:tea_ann may not decide this" in comment.body
    assert (desk.only_pending(), desk.card()) == (before, card)
    assert front.echo(comment).answer.count("ignored") == 1  # our own words come back and are nobody's wish
    desk.press("Approve")
    (sent,) = front.made(MessageSent)
    assert sent.text == before["args"]["body"]
