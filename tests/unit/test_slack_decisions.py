"""Clicks and forms, from the button to the desk and back: real Bolt, real SDK, signed requests over loopback; only the desk is small."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from hitl_middleware.actions import Decision
from hitl_middleware.testing.fake_slack import LostReply, Refused, Reply, TimeoutAfterAccepting

from tests.kit.slack_stage import ANN, BOB, EVE, SmallDesk, Stage, staged


@pytest.fixture
def stage() -> Iterator[Stage]:
    """The usual one."""
    with staged(SmallDesk()) as stage:
        yield stage


class TestDecisions:
    def test_approve(self, stage: Stage):
        """S-05: decided by the person who clicked when Slack has its answer; nothing was asked of Slack before it."""
        before = len(stage.fake.calls)
        reply = stage.fake.click(ANN, stage.card, text="Approve")
        assert (reply.status, reply.body, reply.trouble) == (200, b"", "")
        assert (stage.request.status, stage.request.decided_by) == ("approved", f"slack:{ANN}")
        assert (stage.request.decided_by_name, stage.request.decided_via) == ("ann", "slack")
        assert len(stage.fake.calls) == before

    def test_reject_with_a_reason(self, stage: Stage):
        """The form asks, its words are the decision's message."""
        assert stage.fake.click(ANN, stage.card, text="Reject").trouble == ""
        assert stage.request.status == "pending"
        (form,) = stage.fake.views
        reply = stage.fake.submit_view(ANN, form, {"Reason": "the order is paid back already"})
        assert reply.trouble == ""
        assert stage.fake.views[0].status == "submitted"
        assert stage.request.decision == Decision(type="reject", message="the order is paid back already")

    def test_reject_without_a_reason(self, stage: Stage):
        """It is optional."""
        stage.fake.click(ANN, stage.card, text="Reject")
        stage.fake.submit_view(ANN, stage.fake.views[0])
        assert stage.request.decision == Decision(type="reject")

    def test_a_field_that_does_not_fit(self, stage: Stage):
        """The error stands at the field, the form stays open, nothing is decided."""
        stage.fake.click(ANN, stage.card, text="Reject")
        stage.fake.submit_view(ANN, stage.fake.views[0], {"Reason": "no words"})
        assert stage.fake.views[0].status == "open"
        assert "say more than that" in stage.fake.views[0].plain()
        assert stage.request.status == "pending"
        stage.fake.submit_view(ANN, stage.fake.views[0], {"Reason": "some words"})
        assert stage.desk.submissions == [(f"slack:{ANN}", "reject")]

    def test_closing_the_form_decides_nothing(self, stage: Stage):
        """Back is not a rejection."""
        stage.fake.click(ANN, stage.card, text="Reject")
        assert stage.fake.close_view(ANN, stage.fake.views[0]) is None
        assert stage.request.status == "pending"


class TestRefusals:
    def test_a_double_click(self, stage: Stage):
        """S-10: one decision; the second is told who decided and when, and only they see it."""
        stage.fake.click(ANN, stage.card, text="Approve")
        reply = stage.fake.click(BOB, stage.card, text="Approve")
        assert reply.status == 200
        assert stage.desk.submissions == [(f"slack:{ANN}", "approve")]
        (note,) = stage.notes()
        assert note.startswith(f"{BOB}: This was already approved by @ann (")

    def test_many_at_once(self, stage: Stage):
        """Ten people click at the same moment: one decision, nine answers."""
        people = [f"U0PERSON{number}" for number in range(10)]
        for person in people:
            stage.fake.add_user(person, name=person.lower())

        async def all_click() -> list[Reply]:
            return await asyncio.gather(
                *(stage.fake.aclick(each, stage.card, text="Approve") for each in people)
            )

        replies = asyncio.run(all_click())
        assert {reply.status for reply in replies} == {200}
        assert len(stage.desk.submissions) == 1
        assert len(stage.notes()) == 9

    def test_approve_after_the_form_was_opened(self, stage: Stage):
        """The form of somebody who was slower closes, and they are told."""
        stage.fake.click(BOB, stage.card, text="Reject")
        stage.fake.click(ANN, stage.card, text="Approve")
        stage.fake.submit_view(BOB, stage.fake.views[0], {"Reason": "late"})
        assert stage.fake.views[0].status == "submitted"
        assert stage.request.status == "approved"
        assert "already approved by @ann" in stage.notes()[0]

    def test_reject_on_a_decided_card_opens_nothing(self, stage: Stage):
        """No form for an answer that could not count."""
        stage.fake.click(ANN, stage.card, text="Approve")
        stage.fake.click(BOB, stage.card, text="Reject")
        assert stage.fake.views == []
        assert "already approved by @ann" in stage.notes()[0]

    def test_who_may_not_decide(self, stage: Stage):
        """Rule 7: told who may, by mention."""
        stage.fake.click(EVE, stage.card, text="Approve")
        assert stage.request.status == "pending"
        assert stage.notes() == [f"{EVE}: This is not yours to decide: it is for @ann or @bob to decide."]

    @pytest.mark.parametrize("button", ["Approve", "Reject"])
    def test_a_button_of_an_older_card(self, stage: Stage, button):
        """What was shown is what runs: another digest is another question."""
        request = replace(stage.request, digest="f" * 64, version=2)
        stage.desk.requests[request.id] = request
        stage.fake.click(ANN, stage.card, text=button)
        assert stage.request.status == "pending"
        assert stage.fake.views == []
        assert "has changed since" in stage.notes()[0]

    def test_a_note_takes_nothing_away(self, stage: Stage):
        """A newer version with the same digest is the same question."""
        stage.desk.requests[stage.request.id] = replace(
            stage.request, version=9, notes=("Customer wrote again",)
        )
        stage.fake.click(ANN, stage.card, text="Approve")
        assert stage.request.status == "approved"
        assert stage.desk.told == []

    @pytest.mark.parametrize("button", ["Approve", "Reject"])
    def test_a_card_that_nobody_knows(self, stage: Stage, button):
        """A database that was reset: a sentence, no error."""
        stage.desk.requests.clear()
        assert stage.fake.click(ANN, stage.card, text=button).status == 200
        assert "not known here" in stage.notes()[0]

    @pytest.mark.parametrize("fault", [LostReply(), TimeoutAfterAccepting(), Refused("expired_trigger_id")])
    def test_slack_does_not_open_the_form(self, stage: Stage, fault):
        """Answered within Slack's three seconds all the same, and the person is told."""
        stage.fake.fail("views.open", fault)
        reply = stage.fake.click(ANN, stage.card, text="Reject")
        assert (reply.status, reply.trouble) == (200, "")
        assert stage.desk.told[0].body["text"].startswith("Slack did not open the form")
