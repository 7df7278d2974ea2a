"""What a form that was sent means: a decision, or a sentence at each field."""

from dataclasses import replace
from typing import Any

import pytest

from hitl_middleware.actions import Decision, EditedAction
from hitl_middleware.channels.slack import answers, modals
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.policy import ReviewPlan

from tests.kit.schemas import SAMPLES, schema_of
from tests.kit.slack_forms import CONTEXT, request_of, sent


class TestAnswers:
    SCHEMA = schema_of(
        {"order_id": (SAMPLES["form"].type, ...), "amount_cents": (SAMPLES["cents"].type, ...)}
    )

    def edited(self, **filled: Any) -> Any:
        """What comes of the form of a refund."""
        request = request_of(args={"order_id": "1001", "amount_cents": 12_000}, response_schema=self.SCHEMA)
        return answers.decision_of(sent("edit", modals.opened("edit", CONTEXT, request), filled), request)

    def test_an_edit(self):
        """The whole call, with what was changed in it."""
        assert self.edited(**{"Amount cents": 10_000}) == Decision(
            type="edit",
            edited_action=EditedAction(
                name="process_refund", args={"order_id": "1001", "amount_cents": 10_000}
            ),
        )

    def test_every_error_stands_at_its_block(self):
        """By ``block_id``, as ``response_action: errors`` wants it."""
        assert self.edited(**{"Order id": "<b>", "Amount cents": 0}) == {
            "field-0": "This does not have the form ^[0-9]+$",
            "field-1": "This must be more than 0.",
        }

    @pytest.mark.parametrize(
        ("field", "block"),
        [
            ("edited_action.args.amount_cents", "field-1"),
            ("edited_action.args.order_id.3", "field-0"),
            ("edited_action.args", "field-0"),
            ("type", "field-0"),
        ],
    )
    def test_what_the_desk_minds(self, field, block):
        """Its field is the block of that field; what belongs to none is said at the first."""
        request = request_of(args={"order_id": "1001", "amount_cents": 5}, response_schema=self.SCHEMA)
        error = DoesNotFit(field=field, why="no")
        assert answers.misfit(error, "edit", request) == {block: "no"}
        assert answers.misfit(error, "reject", request) == {"words": "no"}

    @pytest.mark.parametrize(
        ("kind", "words", "decision"),
        [
            ("reject", " no \n", Decision(type="reject", message="no")),
            ("reject", None, Decision(type="reject")),
            ("feedback", "shorter", Decision(type="feedback", message="shorter")),
            ("respond", "yes", Decision(type="respond", message="yes")),
        ],
    )
    def test_words(self, kind, words, decision):
        """Without the space around them."""
        request = request_of()
        view = modals.opened(kind, CONTEXT, request)
        assert answers.decision_of(sent(kind, view, {"words": words}), request) == decision

    @pytest.mark.parametrize("kind", ["feedback", "respond"])
    def test_words_that_are_none(self, kind):
        """Slack's own client asks for something; a space is nothing all the same."""
        request = request_of()
        view = modals.opened(kind, CONTEXT, request)
        found = answers.decision_of(sent(kind, view, {"words": "  "}), request)
        assert isinstance(found, dict)
        assert list(found) == ["words"]

    @pytest.mark.parametrize(("kind", "asked"), [("respond", "question"), ("fill", "step")])
    def test_a_form_of_its_own(self, kind, asked):
        """A question with a schema is answered with a value, a step approved with one."""
        schema = schema_of({"budget": (SAMPLES["cents"].type, ...), "note": (str | None, None)})
        request = request_of(kind=asked, tool=None, args=None, response_schema=schema)
        view = modals.opened(kind, CONTEXT, request)
        decision = answers.decision_of(sent(kind, view, {"Budget": 5}), request)
        assert decision == Decision(type="respond" if kind == "respond" else "approve", answer={"budget": 5})
        assert answers.decision_of(sent(kind, view, {"Budget": 0}), request) == {
            "field-0": "This must be more than 0."
        }

    def test_one_value(self):
        """A question that wants a number."""
        request = request_of(kind="question", tool=None, args=None, response_schema={"type": "integer"})
        view = modals.opened("respond", CONTEXT, request)
        assert answers.decision_of(sent("respond", view, {"Answer": "5"}), request) == Decision(
            type="respond", answer=5
        )

    def test_nothing_is_an_answer_where_null_is(self):
        """S-11: the field says "Left empty: none", and so it is."""
        schema = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
        request = request_of(kind="question", tool=None, args=None, response_schema=schema)
        view = modals.opened("respond", CONTEXT, request)
        found = answers.decision_of(sent("respond", view, {}), request)
        assert isinstance(found, Decision)
        assert (found.type, found.answered, found.answer) == ("respond", True, None)

    def test_sent_as_it_was(self):
        """An edit that edits nothing is an approval, where that is allowed."""
        assert self.edited() == Decision(type="approve")
        plan = ReviewPlan(verdict="ask", allowed_decisions=("edit", "reject"))
        request = request_of(
            args={"order_id": "1", "amount_cents": 5}, response_schema=self.SCHEMA, plan=plan
        )
        view = modals.opened("edit", CONTEXT, request)
        decision = answers.decision_of(sent("edit", view, {}), request)
        assert isinstance(decision, Decision)
        assert decision.type == "edit"

    def test_what_became_of_an_act(self):
        """One of three, and words."""
        view = modals.opened("settle", CONTEXT, request_of())
        form = sent("settle", view, {"outcome": "It happened", "words": " re_1 "})
        assert answers.outcome_of(form) == answers.Settlement("done", "re_1")
        assert answers.outcome_of(replace(form, given={})) == {"outcome": "Say what became of it."}
