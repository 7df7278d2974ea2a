"""How many have approved, in which roles, who is still needed, and whose approval would change nothing."""

from __future__ import annotations

import datetime as dt
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_middleware.actions import Decision, EditedAction
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.quorum import approvals, counts_as, progress
from hitl_middleware.records import Submission

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
ROLES = ("group:architects", "group:security")
EDIT = Decision(type="edit", edited_action=EditedAction(name="pay", args={}))


def plan_of(required: int, *roles: str) -> ReviewPlan:
    """A plan with a quorum."""
    return ReviewPlan(verdict="ask", required_approvals=required, required_from=roles)


def said(person: str, *fills: str, one: str | None = None, type: Any = "approve") -> Submission:  # noqa: A002 – LangChain's word
    """An answer. ``one``: what the person counts as, if not as they are called here."""
    decision = EDIT if type == "edit" else Decision(type=type, message="no")
    return Submission(
        id=f"{person} {fills}", request_id="r", person=person, name=None, via="test", decision=decision, created_at=NOW,
        counts_as=one, fills=fills,
    )  # fmt: skip


PEOPLE = st.tuples(st.sampled_from("abcd"), st.sets(st.sampled_from(ROLES)))
ANSWERS = st.lists(PEOPLE.map(lambda who: said(who[0], *sorted(who[1]))), max_size=6)
PLANS = st.builds(
    lambda n, roles: plan_of(n, *sorted(roles)), st.integers(1, 4), st.sets(st.sampled_from(ROLES))
)


@given(PLANS, ANSWERS)
def test_one_person_counts_once(plan: ReviewPlan, answers: list[Submission]) -> None:
    """P-02: however often and in whatever order they answer; with every role that anybody has had."""
    found = approvals(plan, answers)
    for same in (approvals(plan, [*answers, *answers]), approvals(plan, answers[::-1])):
        assert (same.more, same.still_from, same.complete) == (found.more, found.still_from, found.complete)
    people, roles = {each.person for each in answers}, {role for each in answers for role in each.fills}
    assert found.more == max(0, plan.required_approvals - len(people))
    assert set(found.still_from) == set(plan.required_from) - roles
    assert found.complete == (found.more == 0 and not found.still_from)


@given(PLANS, ANSWERS, PEOPLE)
def test_what_would_change_nothing(plan: ReviewPlan, answers: list[Submission], last: Any) -> None:
    """P-02: an approval is taken exactly where some way to the end is shorter with it, tried out with everybody who could come after."""
    found, (person, fills) = approvals(plan, answers), last
    if found.complete:
        return
    more = said(person, *sorted(fills))
    known = person in {each.counts_as for each in found.given}
    # Strangers with every mix of roles, several of each: who could still come.
    come = [said(f"{n}{mix}", *mix) for n in (1, 2, 3) for k in range(3) for mix in combinations(ROLES, k)]
    matters = any(
        approvals(plan, [*answers, more, *after]).complete
        and not approvals(plan, [*answers, *after]).complete
        for size in range(4)
        for after in combinations(come, size)
    )
    assert found.helps(person, fills) == (known or matters)


def test_what_does_not_count() -> None:
    """P-02: only approvals do, and edits, which approve what was edited."""
    answers = [
        said("a", *ROLES, type="feedback"),
        said("b", *ROLES, type="respond"),
        said("c", ROLES[0], type="edit"),
    ]
    found = approvals(plan_of(2, *ROLES), answers)
    assert ([each.person for each in found.given], found.still_from) == (["c"], (ROLES[1],))


def test_answers_from_before_there_were_roles() -> None:
    """O-07: what an earlier version stored counts by its identity and fills nothing; the same person later is not another one."""
    before = said("github:ann")
    one = counts_as(frozenset({"slack:UANN", "github:ann"}), [before])
    found = approvals(plan_of(2, *ROLES), [before, said("slack:UANN", ROLES[0], one=one)])
    assert ([each.person for each in found.given], found.more) == (["github:ann"], 1)
    assert found.still_from == (ROLES[1],)


def test_a_person_keeps_their_name() -> None:
    """P-01: whoever was linked to another account after they had answered is the one they counted as."""
    first = said("slack:UANN", one="slack:UANN")
    assert counts_as(frozenset({"github:ann", "slack:UANN"}), [first]) == "slack:UANN"
    assert counts_as(frozenset({"github:ann", "slack:UANN"}), []) == "github:ann"
    assert counts_as(frozenset({"github:bob"}), [first]) == "github:bob"


@pytest.mark.parametrize(
    ("plan", "answers", "sentence"),
    [
        (plan_of(1), [], "0 of 1 approval – still needed: 1 more"),
        (plan_of(3), [said("a")], "1 of 3 approvals – still needed: 2 more"),
        (plan_of(2, *ROLES), [], "0 of 2 approvals – still needed from architects and security"),
        (plan_of(2, *ROLES), [said("a", ROLES[0])], "1 of 2 approvals – still needed from security"),
        (plan_of(2, ROLES[1]), [said("a"), said("b"), said("c")], "2 of 2 approvals – still needed from security"),
        (plan_of(3, ROLES[1]), [said("a")], "1 of 3 approvals – still needed: 2 more, among them security"),
        (plan_of(1, *ROLES), [said("a", ROLES[0])], "1 of 1 approval – still needed from security"),
        (plan_of(2, *ROLES), [said("a", *ROLES)], "1 of 2 approvals – still needed: 1 more"),
        (plan_of(2, *ROLES), [said("a", *ROLES), said("b")], "2 of 2 approvals"),
        (plan_of(1, "slack:U1", "github:acme/a", "api"), [], "0 of 1 approval – still needed from slack:U1, github:acme/a and api"),
    ],
)  # fmt: skip
def test_the_sentence(plan: ReviewPlan, answers: list[Submission], sentence: str) -> None:
    """P-02: how many are still needed, and from whom."""
    assert progress(approvals(plan, answers)) == sentence
