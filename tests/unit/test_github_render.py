import datetime as dt
from dataclasses import replace

import pytest

from hitl_middleware.actions import Decision
from hitl_middleware.channels.github import words
from hitl_middleware.channels.github.render import complete, confirmation, content
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import Submission
from hitl_middleware.testing.channel_contract import approved

from tests.kit.github_cards import NOW, URL, commands, read, step_view, view_of
from tests.kit.reader import seen

FORM = {"type": "object", "properties": {"size": {"type": "integer"}}}


class TestAsking:
    def test_says_all_that_somebody_has_to_know(self):
        """G-04: title, workflow, run, step, prompt, context, commands, who may decide, deadline, link, code, hidden mark."""
        view = step_view(
            description="Is this the right way?",
            args={
                "plan": "1. Look\n2. Leap",
                "audit": {"risk": "low"},
                "diff": "A patch:\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b",
            },
            graph="sdlc-standard",
            round=2,
            requester="github:bob",
            deadline_at=NOW,
        )
        shown = read(view)
        for part in (
            "Review the plan", "Waiting for a decision until 2026-01-01 12:00 UTC", "Workflow: sdlc-standard", "Step: plan-review, round 2",
            "What is asked: Is this the right way?", "Plan\n1. Look\n2. Leap", '"risk": "low"', "+++ b/x", "Asked for by: @bob",
            "May decide: anybody with write access to acme/shop", f"Code {view.request.code}",
        ):  # fmt: skip
            assert part in shown
        body = content(view).text
        assert words.card_in(body) == view.card.id
        assert seen(body).links == [f"{URL}/runs/{view.request.run_id}", f"{URL}/requests/{view.request.id}"]
        assert "```diff\n" in body

    def test_offers_each_command_with_what_it_does(self):
        """G-05, G-06: the commands to copy, with this request's code."""
        view = step_view()
        code = view.request.code
        assert commands(view) == [f"/approve {code}", f"/reject {code} <reason>", f"/feedback {code} <text>"]
        for part in (
            "the workflow goes on",
            "the workflow is stopped here, with the reason",
            "done again with your words",
        ):
            assert part in read(view)

    def test_offers_only_what_the_plan_allows(self):
        """A step in its last round takes no feedback."""
        plan = step_view().request.plan.model_copy(update={"allowed_decisions": ("approve", "reject")})
        view = step_view(plan=plan)
        assert [each.split()[0] for each in commands(view)] == ["/approve", "/reject"]
        assert "/feedback" not in read(view)

    def test_without_a_page_it_names_the_terminal_only(self):
        """No public URL: no link, and the run by its id."""
        view = replace(step_view(), url=None)
        assert not seen(content(view).text).links
        assert view.request.run_id in read(view)

    @pytest.mark.parametrize(
        ("approver", "said"),
        [
            ("github:ann", "@ann"),
            ("github:acme/architects", "the team acme/architects"),
            ("github:role:write", "anybody with write access to acme/shop"),
            ("github:role:admin", "anybody who administers acme/shop"),
            ("github:role:maintain", "anybody who maintains acme/shop"),
            ("github:role:triage", "anybody with triage access to acme/shop"),
            ("github:role:read", "anybody who can read acme/shop"),
            ("github:role:assignee", "whoever the issue is assigned to"),
            ("group:finance", "the group finance"),
            ("slack:U024BE7LH", "slack:U024BE7LH"),
            ("api", "whoever holds the API token"),
        ],
    )
    def test_names_who_may_decide_and_mentions_nobody(self, approver, said):
        """G-09 in words; a comment that is edited often must not call people each time."""
        plan = step_view().request.plan.model_copy(update={"approvers": (approver,)})
        view = step_view(plan=plan)
        assert f"May decide: {said}\n" in read(view)
        assert not [
            piece for piece in seen(content(view).text).pieces if "@" in piece.text and not piece.is_code
        ]

    def test_several_approvers_are_one_phrase(self):
        """Read as a sentence, cut where they are many."""
        plan = step_view().request.plan.model_copy(
            update={"approvers": ("github:ann", "github:bob", "group:qa")}
        )
        assert "May decide: @ann, @bob or the group qa" in read(step_view(plan=plan))
        many = plan.model_copy(update={"approvers": tuple(f"github:u{number}" for number in range(20))})
        assert "@u7 or 12 more" in read(step_view(plan=many))
        nobody = plan.model_copy(update={"approvers": None})
        assert "May decide: an operator" in read(step_view(plan=nobody))

    def test_a_pull_request_is_named_with_its_commit(self):
        """G-13: what is decided on; the one reference that is ours and live."""
        labels = {
            "repository": "acme/shop",
            "issue": "12",
            "pull_request": "13",
            "head_sha": "a5c3785ed8d6a35868bc169f07e40e889087fd2e",
        }
        assert "Pull request: #13 at a5c3785ed8d6" in read(step_view(labels=labels))
        assert "Pull request" not in read(step_view(labels={**labels, "pull_request": "x"}))

    def test_several_approvals_are_counted(self):
        """P-02: how many are needed, who agreed so far, who is still needed; one person counts once, in whatever channel."""
        roles = ("github:acme/architects", "group:security")
        plan = ReviewPlan(
            verdict="ask", approvers=("github:role:write", *roles), required_approvals=2, required_from=roles
        )
        one = Submission(
            id="s",
            request_id="r",
            person="github:ann",
            name=None,
            via="github",
            decision=Decision(type="approve"),
            created_at=NOW,
        )
        one = replace(one, counts_as="ann", fills=("github:acme/architects",))
        again = replace(one, person="slack:UANN")
        view = step_view(plan=plan)
        assert (
            "Approvals: 0 of 2 – still needed from the team acme/architects and the group security"
            in read(view)
        )
        shown = read(replace(view, submissions=(one, again)))
        assert "Approvals: 1 of 2 by @ann – still needed from the group security" in shown
        assert "It can also be edited" in read(step_view(plan=ReviewPlan(verdict="ask")))
        assert "It can also be edited" not in shown
        assert "counts as one of 2 approvals; with all of them the workflow goes on" in shown

    def test_what_was_said_before_stands_below(self):
        """G-06: the next round shows the words of the one before."""
        shown = read(
            step_view(
                round=3, notes=("Round 1: ann asked for a revision: use the API", "Round 2: ann: use #12")
            )
        )
        assert "Said before\nRound 1: ann asked for a revision: use the API\nRound 2: ann: use #12" in shown

    def test_notes_stand_there(self):
        """S-16: what happened meanwhile."""
        assert "ℹ️ Customer wrote again" in read(view_of(notes=("Customer wrote again",)))

    def test_a_tool_call_shows_its_arguments(self):
        """What will run, why somebody is asked, how risky it is."""
        plan = ReviewPlan(
            verdict="ask", approvers=("github:ann",), reason="args.amount_cents > 5000", risk="money"
        )
        shown = read(view_of(plan=plan))
        for part in (
            "Tool: process_refund",
            '"amount_cents": 12000',
            "Risk: money",
            "Why you are asked: args.amount_cents > 5000",
            "it is done as shown",
        ):
            assert part in shown
        assert "It can also be edited in a terminal" in shown


class TestWhatACommentCannotDo:
    @pytest.mark.parametrize("where", ["args", "description", "one of many"])
    def test_too_long_is_cut_loudly_and_not_approved(self, where):
        """What does not fit is cut so that nobody overlooks it, and the comment says where to approve."""
        much = "x " * 60_000
        view = {
            "args": step_view(args={"plan": much}),
            "description": step_view(description=much),
            "one of many": step_view(args={"plan": "short", "diff": much, "audit": "short"}),
        }[where]
        shown = content(view)
        assert not shown.complete
        assert not complete(view)
        assert "⟦CUT – " in shown.text
        assert [each.split()[0] for each in commands(view)] == ["/reject", "/feedback"]
        assert (
            f"cannot be approved by a comment. Decide it on its page, or in a terminal with hitl requests show {view.request.code}"
            in read(view)
        )

    def test_a_form_has_to_be_filled_in_elsewhere(self):
        """A step with required fields cannot be approved by words; one whose fields may all be left out can."""
        required = step_view(response_schema={**FORM, "required": ["size"]})
        assert [each.split()[0] for each in commands(required)] == ["/reject", "/feedback"]
        assert "Approving takes a form that a comment cannot fill in. Fill it in on its page" in read(
            required
        )
        assert complete(required)
        assert commands(step_view(response_schema=FORM))[0].startswith("/approve")

    def test_a_question_is_answered_elsewhere(self):
        """There is no command that carries a value."""
        plan = ReviewPlan(verdict="ask", allowed_decisions=("respond",))
        view = replace(view_of(kind="question", tool=None, plan=plan), action=None)
        assert not commands(view)
        assert "This cannot be answered by a comment. Answer it in a terminal" in read(view)

    def test_an_outcome_is_settled_elsewhere(self):
        """What became of an act is not approved or rejected."""
        view = view_of(kind="outcome", action_id="act-1")
        assert not commands(view)
        assert "Say what happened in a terminal with hitl actions settle act-1" in read(view)

    def test_long_context_folds_and_stays_complete(self):
        """A long plan is folded, with its size; all of it is there."""
        view = step_view(args={"plan": "\n".join(f"line {number}" for number in range(200)), "note": "short"})
        body = content(view).text
        assert "<summary><b>Plan</b> – 200 lines</summary>" in body
        assert "line 199" in read(view)
        assert "**Note**" in body
        assert complete(view)


class TestAfterwards:
    @pytest.mark.parametrize(
        ("status", "facts", "seen_"),
        [
            ("executing", {}, "⚙️ Executing"),
            ("succeeded", {"result_text": "re_1"}, "✅ Executed"),
            ("failed", {"error": "card_declined"}, "❌ Failed"),
            ("unknown", {"error": "timed out"}, "❓ Unknown"),
        ],
    )
    def test_decision_and_outcome_stand_side_by_side(self, status, facts, seen_):
        """S-08, S-09: who approved stays, what came of it stands below, and why."""
        view = approved(view_of(), status=status, **facts)
        view = replace(view, request=replace(view.request, decided_by="github:ann", decided_via="github"))
        shown = read(view)
        assert f"✅ Approved by @ann\n{seen_}\n" in shown
        assert all(value in shown for value in facts.values())
        assert not commands(view)
        assert "Waiting for a decision" not in shown

    def test_an_unknown_outcome_says_how_to_settle_it(self):
        """The command with the action's id, as code."""
        view = approved(view_of(), status="unknown", error="timed out")
        assert view.action is not None
        assert f"`hitl actions settle {view.action.id}`" in content(view).text

    def test_says_where_it_was_decided(self):
        """A decision in Slack is told as one; of one made here nothing is said."""
        view = step_view(
            status="approved",
            decided_by="slack:U024BE7LH",
            decided_by_name="ann",
            decided_at=NOW,
            decided_via="slack",
        )
        assert "✅ Approved by ann in Slack – the run carries on" in read(view)
        here = replace(view, request=replace(view.request, decided_via="github"))
        assert "✅ Approved by ann – the run carries on" in read(here)

    def test_what_was_asked_is_folded(self):
        """What people come for then is what became of it."""
        view = step_view(
            status="rejected",
            decision=Decision(type="reject", message="Too risky"),
            decided_by="github:ann",
            decided_at=NOW,
        )
        body = content(view).text
        assert "<summary><b>Plan</b> – 2 lines</summary>" in body
        assert "In the reviewer's words: Too risky" in read(view)

    def test_an_edit_shows_what_changed(self):
        """S-11: old and new, as data."""
        before, after = (
            {"order_id": "A-1001", "amount_cents": 12_000},
            {"order_id": "A-1001", "amount_cents": 10_000},
        )
        done = approved(view_of(args=after, edited_from=before))
        edit = Decision.model_validate(
            {"type": "edit", "edited_action": {"name": "process_refund", "args": after}}
        )
        shown = read(replace(done, request=replace(done.request, decision=edit)))
        assert "Arguments, as edited by the reviewer" in shown
        assert "What the reviewer changed\namount_cents: 12000 → 10000" in shown


class TestConfirmation:
    """G-04: one comment per decision."""

    def decided(self, **changes):
        fields = {
            "decided_by": "github:ann",
            "decided_at": dt.datetime(2026, 3, 1, 9, 30, tzinfo=dt.UTC),
            "decided_via": "github",
        }
        return confirmation(step_view(**{**fields, **changes}).request)

    def test_approved(self):
        """The run is resumed, by whose decision, with their words."""
        said = self.decided(status="approved", decision=Decision(type="approve", message="Go ahead"))
        assert said.startswith(
            "✅ **Resumed** – Review the plan was approved by `@ann` at 2026-03-01 09:30 UTC.\n"
        )
        assert "Go ahead" in said

    def test_rejected(self):
        """The run is stopped, with the reason; without one that is said."""
        said = self.decided(status="rejected", decision=Decision(type="reject", message="Too risky"))
        assert said.startswith("⛔ **Stopped** – Review the plan was rejected by `@ann`")
        assert "**Reason:** Too risky" in said
        assert "No reason was given." in self.decided(status="rejected", decision=Decision(type="reject"))

    def test_a_rejected_call_stops_nothing(self):
        """The agent goes on without the act."""
        assert self.decided(kind="tool_call", status="rejected", decision=Decision(type="reject")).startswith(
            "⛔ **Not done** – "
        )

    def test_revision_requested(self):
        """The words, over all their lines, as data."""
        said = self.decided(
            status="revised", decision=Decision(type="feedback", message="- use the API\n- ask @bob")
        )
        assert said.startswith("🔁 **Revision requested** – Review the plan was sent back by `@ann`")
        assert "**What should be different**\n\n```text\n- use the API\n- ask @bob\n```" in said

    @pytest.mark.parametrize(
        ("via", "where"),
        [
            ("slack", "in Slack"),
            ("cli", "in a terminal"),
            ("api", "through the API"),
            ("matrix", "through `matrix`"),
        ],
    )
    def test_names_the_other_place(self, via, where):
        """The same request live on Slack and GitHub: the comment says where it was decided."""
        assert f"UTC {where}." in self.decided(status="approved", decided_via=via)

    @pytest.mark.parametrize("status", ["cancelled", "superseded"])
    def test_what_nobody_decided_is_closed(self, status):
        """No person is named where there was none."""
        said = self.decided(status=status, decided_by=None, decided_via=None)
        assert f"**Closed** – Review the plan was {status} at " in said

    def test_what_nobody_answered_in_time_has_expired(self):
        """P-03: when, and that it was nobody."""
        said = self.decided(
            status="expired", decided_by=None, decided_via=None, decided_at=None, deadline_at=NOW
        )
        assert said.startswith(
            "⌛ **Expired** – Review the plan was expired at 2026-01-01 12:00 UTC: nobody answered"
        )

    def test_an_edit_is_called_one(self):
        """What runs is not what was asked."""
        edit = Decision.model_validate({"type": "edit", "edited_action": {"name": "x", "args": {}}})
        assert "was approved with changes by `@ann`" in self.decided(status="approved", decision=edit)
