"""Which buttons a card has, and what it says where one is missing."""

import json
from dataclasses import replace
from typing import Any

import pytest

from hitl_middleware.actions import DECISION_TYPES
from hitl_middleware.channels.slack.press import ButtonKind, Press, action_id
from hitl_middleware.channels.slack.render import blocks
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.testing.channel_contract import approved

from tests.kit.slack_cards import labels, read, view_of


class TestButtons:
    def test_one_for_each_answer_while_pending(self):
        """S-11: in this order, each with the request, its version and the whole digest."""
        view = view_of(version=7)
        assert labels(view) == ["Approve", "Edit", "Reject", "Feedback"]
        found = [each for block in blocks(view) if block["type"] == "actions" for each in block["elements"]]
        assert [(each["action_id"], each.get("style")) for each in found] == [
            (action_id("approve"), "primary"),
            (action_id("edit"), None),
            (action_id("reject"), "danger"),
            (action_id("feedback"), None),
        ]
        for each in found:
            assert Press.read(each["value"]) == Press(view.request.id, 7, view.request.digest)

    def test_none_once_decided(self):
        """A decided card offers nothing."""
        assert labels(approved(view_of())) == []

    def test_only_what_the_plan_allows(self):
        """Whatever is not listed has no button; where nothing is left the card says where to answer."""
        assert labels(view_of(plan=ReviewPlan(verdict="ask", allowed_decisions=("approve",)))) == ["Approve"]
        every = ReviewPlan(verdict="ask", allowed_decisions=DECISION_TYPES)
        assert labels(view_of(plan=every)) == ["Approve", "Edit", "Reject", "Feedback", "Respond"]
        view = view_of(
            plan=ReviewPlan(verdict="ask", allowed_decisions=("edit",)), args={"text": "x" * 4_000}
        )
        assert labels(view) == []
        assert f"hitl requests show {view.request.code}" in read(view)

    def test_no_edit_where_several_must_approve(self):
        """The desk would refuse it; so it is not offered."""
        plan = ReviewPlan(verdict="ask", required_approvals=2)
        assert labels(view_of(plan=plan)) == ["Approve", "Reject", "Feedback"]

    @pytest.mark.parametrize(
        ("args", "why"),
        [
            ({"text": "x" * 3_001}, "`text` is too long for a form in Slack, which takes 3,000 characters."),
            ({"text": "\U0001f600" * 1_501}, "`text` is too long"),
            ({"text": "a\x1bb"}, "`text` holds control characters"),
            (
                {f"n{number}": number for number in range(95)},
                "It has 96 fields, and a form in Slack takes 95.",
            ),
            ({}, "There is nothing in it to fill in."),
        ],
    )
    def test_what_does_not_fit_a_form_cannot_be_edited_here(self, args, why):
        """S-11: loudly, with a reason and a place where it can be; everything else can still be answered here."""
        schema = (
            {"type": "object", "properties": {"text": {"type": "string"}}} if args else {"properties": {}}
        )
        view = replace(view_of(args=args, response_schema=schema), url="https://hitl.example.com/requests/1")
        assert labels(view) == ["Approve", "Reject", "Feedback"]
        assert f"⚠️ *Editing is not possible here.* {why}" in read(view)
        assert "|Decide on its page>" in json.dumps(blocks(view))

    def test_a_step_with_a_form(self):
        """Its Approve opens the form; without one it decides at once."""
        form = {"type": "object", "properties": {"budget": {"type": "integer"}}}
        buttons: tuple[tuple[dict[str, Any] | None, ButtonKind], ...] = ((form, "fill"), (None, "approve"))
        for schema, button in buttons:
            view = replace(view_of(kind="step", tool=None, response_schema=schema), action=None)
            assert labels(view) == ["Approve", "Reject", "Feedback"]
            assert action_id(button) in json.dumps(blocks(view))
        much: dict[str, Any] = {"properties": {f"n{number}": {} for number in range(99)}}
        view = replace(view_of(kind="step", tool=None, response_schema=much), action=None)
        assert labels(view) == ["Reject", "Feedback"]
        assert "Approving is not possible here" in read(view)

    def test_an_unknown_outcome_can_be_settled(self):
        """S-09: from the card of the act itself, after the decision."""
        view = approved(view_of(), status="unknown", error="timed out")
        assert labels(view) == ["Say what happened"]
        assert labels(approved(view_of(), status="failed", error="no")) == []

    @pytest.mark.parametrize("changes", [{"args": {"text": "x" * 6_000}}, {"description": "x" * 2_000}])
    def test_no_approve_where_something_is_cut(self, changes):
        """Rule 9: a loud cut, no approve here, and a sentence that says where."""
        view = replace(view_of(**changes), url="https://hitl.example.com/requests/1?a=b&c")
        assert labels(view) == ["Reject", "Feedback"]
        assert "cannot be approved here" in read(view)
        assert "CUT" in read(view)
        assert "<https://hitl.example.com/requests/1?a=b&amp;c|Decide on its page>" in json.dumps(
            blocks(view)
        )

    def test_a_long_letter_still_fits(self):
        """4,300 characters of a draft are shown whole and can be approved."""
        view = view_of(
            args={"conversation_id": "cnv_1", "text": ("A line of a letter to a customer.\n" * 125)}
        )
        assert labels(view) == ["Approve", "Reject", "Feedback"]
        assert "All of it together is too long for a form in Slack" in read(view)
