"""Clicks and forms, from the button to the desk and back: real Bolt, real SDK, signed requests over loopback; only the desk is small."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlencode

import pytest

from hitl_middleware.actions import Decision, EditedAction
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


SCHEMA = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string", "pattern": "^A-"},
        "amount_cents": {"type": "integer", "exclusiveMinimum": 0},
    },
    "required": ["order_id", "amount_cents"],
}


@pytest.fixture
def form() -> Iterator[Stage]:
    """The edit form of a refund, open before Ann."""
    with staged(SmallDesk(), response_schema=SCHEMA) as stage:
        stage.fake.click(ANN, stage.card, text="Edit")
        yield stage


class TestEditing:
    def test_an_edit(self, form: Stage):
        """S-11: committed when Slack has its answer, by the person who sent it, for the digest they saw."""
        before = form.request
        calls = len(form.fake.calls)
        reply = form.fake.submit_view(ANN, form.fake.views[0], {"Amount cents": 10_000})
        assert (reply.status, reply.body, reply.trouble) == (200, b"", "")
        assert form.request.decision is not None
        assert form.request.decision.edited_action == EditedAction(
            name="process_refund", args={"order_id": "A-1001", "amount_cents": 10_000}
        )
        assert form.desk.matched == [before.digest]
        assert len(form.fake.calls) == calls

    def test_what_the_desk_minds(self, form: Stage):
        """A rule that only the desk knows: said at the field it names, and nothing is decided."""
        form.fake.submit_view(ANN, form.fake.views[0], {"Order id": "A-0"})
        assert form.fake.views[0].problems == {"Order id": "there is no such order"}
        assert (form.fake.views[0].status, form.request.status) == ("open", "pending")

    def test_another_call_by_now(self, form: Stage):
        """What was shown is what runs: the form was made for another digest. Told; nothing decided; its values mean nothing here."""
        form.desk.requests[form.request.id] = replace(form.request, digest="f" * 64, args={"order_id": "A-2"})
        form.fake.submit_view(ANN, form.fake.views[0], {"Amount cents": 0})
        assert form.fake.views[0].status == "submitted"
        assert form.request.status == "pending"
        assert "has changed since" in form.notes()[0]

    def test_another_call_a_moment_later(self, form: Stage):
        """It changes between our look and the desk's: the desk is told the digest that was seen, and refuses."""
        form.desk.changes_after_look = True
        form.fake.submit_view(ANN, form.fake.views[0], {"Amount cents": 10_000})
        assert form.desk.submissions == []
        assert "has changed since" in form.notes()[0]

    def test_a_stranger(self, form: Stage):
        """Rule 7: no form opens for them; and a form that is sent all the same is judged by the desk."""
        form.fake.click(EVE, form.card, text="Edit")
        assert len(form.fake.views) == 1
        sent = form.fake.draft_submit_view(ANN, form.fake.views[0], {"Amount cents": 10_000})
        body = parse_qs(sent.body.decode())["payload"][0].replace(ANN, EVE)
        assert form.send(urlencode({"payload": body}).encode()).status == 200
        assert form.request.status == "pending"
        assert len(form.desk.told) == 2
        assert all("not yours to decide" in note for note in form.notes())

    def test_a_form_that_does_not_fit_into_slack(self, form: Stage):
        """A card from before: the call has grown too long for a form; the person is told where to edit it."""
        form.desk.requests[form.request.id] = replace(
            form.request, args={"order_id": "A-" + "x" * 3_000, "amount_cents": 5}
        )
        form.fake.click(ANN, form.card, text="Edit")
        assert len(form.fake.views) == 1
        assert "`order_id` is too long for a form in Slack" in form.notes()[0]
        assert f"`hitl requests show {form.request.code}`" in form.notes()[0]

    def test_the_database_is_gone(self, form: Stage):
        """Slack is told to say so; the form stays open, and sent again it counts once."""
        form.desk.broken = True
        reply = form.fake.submit_view(ANN, form.fake.views[0], {"Amount cents": 10_000})
        assert reply.status == 503
        form.desk.broken = False
        assert form.fake.submit_view(ANN, form.fake.views[0]).trouble == ""
        assert form.desk.submissions == [(f"slack:{ANN}", "edit")]
