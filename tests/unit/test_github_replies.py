from dataclasses import replace

import pytest

from hitl_middleware.actions import Decision
from hitl_middleware.channels.github import replies
from hitl_middleware.channels.github.inbound import Command
from hitl_middleware.channels.github.sentences import form_answer
from hitl_middleware.errors import AlreadyDecided, DigestMismatch, DoesNotFit, NotAllowed, NotFound
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.quorum import Approvals, Approver

from tests.kit.github_cards import NOW, assert_quiet, step_view, view_of
from tests.kit.reader import text

APPROVE = Command("approve", None, "")


def decided(**changes):
    """A request that somebody rejected here."""
    fields = {"status": "rejected", "decided_by": "github:ann", "decided_at": NOW, "decided_via": "github"}
    return step_view(**{**fields, **changes}).request


class TestWhichRequest:
    def test_several_wait(self):
        """G-07: nothing is decided; each with its code, title and step."""
        one, other = step_view().request, view_of(title="Refund").request
        said = text(replies.listing([one, other]))
        assert said.startswith(
            "Nothing was decided: 2 requests wait here, so a command has to name one by its code."
        )
        assert f"{one.code} – Review the plan (plan-review, since 2026-01-01 12:00 UTC)" in said
        assert f"{other.code} – Refund (process_refund, since 2026-01-01 12:00 UTC)" in said

    def test_many_are_cut(self):
        """A list of 20 says how many more there are."""
        said = replies.listing([step_view().request] * 33)
        assert said.count("Review the plan") == 20
        assert "and 13 more" in said

    def test_unknown_code(self):
        """G-08: the code, and those that there are."""
        one = step_view().request
        said = text(replies.unknown_code("7k3m9x2q", [one]))
        assert said.startswith(
            "Nothing was decided: 7k3m9x2q is no code of a request on this issue. What waits here:"
        )
        assert one.code in said
        assert "Nothing waits here." in replies.unknown_code("7k3m9x2q", [])

    def test_nothing_pending(self):
        """G-08: and what became of the last one."""
        assert replies.nothing_pending() == "Nothing was decided: nothing waits for a decision on this issue."
        assert (
            "The last one, Review the plan, was rejected by `@ann` at 2026-01-01 12:00 UTC."
            in replies.nothing_pending(decided())
        )


class TestRefusals:
    def test_says_who_was_first_and_when(self):
        """S-10, G-08: the loser is told who decided, when, and where if not here."""
        said = replies.refusal(AlreadyDecided(status="rejected", by="x", at="y"), decided())
        assert (
            said
            == "Nothing was changed: Review the plan was already rejected by `@ann` at 2026-01-01 12:00 UTC."
        )
        assert said.replace("UTC.", "UTC in Slack.") == replies.already_decided(decided(decided_via="slack"))
        assert "already sent back by" in replies.already_decided(decided(status="revised"))

    def test_says_who_may(self):
        """G-08, G-09: somebody without the right hears who has it; nobody is mentioned."""
        request = step_view().request
        said = replies.refusal(
            NotAllowed(who="github:eve", why="it is for github:role:write to decide."), request
        )
        assert said == "This is not yours to decide. It is for anybody with write access to `acme/shop`."
        own = replies.refusal(
            NotAllowed(who="github:ann", why="whoever asked for it does not decide it."), request
        )
        assert own == (
            "This is not yours to decide: whoever asked for it does not decide it. "
            "It is for anybody with write access to `acme/shop`."
        )

    @pytest.mark.parametrize(
        ("error", "part"),
        [
            (NotFound(kind="request", key="r"), "not known here any more"),
            (DigestMismatch(digest="d"), replies.CHANGED),
            (DoesNotFit(field="type", why="@everyone <!-- no"), "`type: @everyone <!-- no`"),
        ],
    )
    def test_each_error_has_a_sentence(self, error, part):
        """What has changed, what does not fit; as data where others' words are in it."""
        said = replies.refusal(error, step_view().request)
        assert part in said
        assert_quiet(said)

    def test_of_no_request_nothing_is_said_but_that(self):
        """A request that is gone."""
        assert "not known here any more" in replies.refusal(NotAllowed(who="x", why="y"), None)


class TestWhatARequestDoesNotTake:
    def test_an_ordinary_step_takes_all_three(self):
        """Nothing stands in the way."""
        request = step_view().request
        for name in ("approve", "reject", "feedback"):
            assert replies.cannot(Command(name, None, "x"), request, None, complete=True) is None

    def test_what_is_cut_is_not_approved(self):
        """Rule 9: it can be rejected or sent back."""
        request = step_view().request
        said = replies.cannot(APPROVE, request, "https://hitl.example/requests/1", complete=False)
        assert said is not None
        assert "too long to be shown here in full" in said
        assert (
            f"[on its page](https://hitl.example/requests/1), or in a terminal with `hitl requests show {request.code}`"
            in said
        )
        assert replies.cannot(Command("reject", None, ""), request, None, complete=False) is None

    def test_a_form_is_not_filled_in_by_words(self):
        """Where every field may be left out, approving answers with none of them."""
        form = {"type": "object", "properties": {"size": {"type": "integer"}}}
        required = step_view(response_schema={**form, "required": ["size"]}).request
        assert "takes a form" in (replies.cannot(APPROVE, required, None, complete=True) or "")
        assert form_answer(required) is None
        free = step_view(response_schema=form).request
        assert replies.cannot(APPROVE, free, None, complete=True) is None
        assert form_answer(free) == {}
        assert form_answer(step_view().request) is None
        assert Decision(type="approve", answer=form_answer(free)).answer == {}

    def test_what_the_plan_does_not_allow(self):
        """The answer names what is taken instead."""
        request = step_view(plan=ReviewPlan(verdict="ask", allowed_decisions=("approve", "reject"))).request
        said = replies.cannot(Command("feedback", None, "x"), request, None, complete=True)
        assert said is not None
        assert said.startswith("Nothing was decided: `/feedback` is not taken here. What is:")
        assert f"`/reject {request.code} <reason>`" in said
        assert "/feedback " not in said

    def test_a_question_and_an_outcome_are_answered_elsewhere(self):
        """No command carries a value."""
        question = view_of(
            kind="question", plan=ReviewPlan(verdict="ask", allowed_decisions=("respond",))
        ).request
        assert "Answer it in a terminal" in (replies.cannot(APPROVE, question, None, complete=True) or "")
        outcome = view_of(kind="outcome", action_id="act-1").request
        assert "`hitl actions settle act-1`" in (replies.cannot(APPROVE, outcome, None, complete=True) or "")


class TestQuestions:
    def test_help_has_every_form_and_what_waits(self):
        """G-05: /hitl help."""
        request = step_view().request
        said = text(replies.help_text([request]))
        for part in (
            "/approve [code] [words]",
            "/reject [code] [reason]",
            "/feedback [code] <text>",
            "/hitl status",
            request.code,
        ):
            assert part in said
        assert "Nothing waits here." in replies.help_text([])

    def test_status_says_what_waits_for_whom_and_what_was_decided(self):
        """G-05: /hitl status."""
        request = step_view(deadline_at=NOW).request
        said = text(replies.status_text([request, replace(decided(), title="Design")]))
        assert (
            f"{request.code} – Review the plan (plan-review, since 2026-01-01 12:00 UTC): it is for anybody with write access to acme/shop"
            in said
        )
        assert "until 2026-01-01 12:00 UTC" in said
        assert "was rejected by @ann at 2026-01-01 12:00 UTC" in said
        assert replies.status_text([]) == "Nothing waits here.\n"

    def test_status_says_how_far_it_is_that_several_approve(self):
        """P-02: as the comment of the request does."""
        request = step_view().request
        found = Approvals(2, (Approver("github:ann", "github:ann", "ann", frozenset()),), ("group:security",))
        said = text(replies.status_text([request], {request.id: found}))
        assert said.count("1 of 2 approvals – still needed from the group security") == 1
