"""Rules in, a plan out."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_middleware.actions import ActionRequest, Identity
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.policy import DEFAULT_DECISIONS, Escalation, Policy, ReviewPlan, from_interrupt_on

CALL = ActionRequest(name="pay", args={"amount": 7}, identity=Identity("t", "ns", "c"))


@pytest.mark.parametrize(
    ("rules", "verdict"),
    [
        ({}, "ask"),
        ({"when": lambda _: True}, "ask"),
        ({"when": lambda _: False}, "none"),
        ({"when": lambda _: False, "otherwise": "record"}, "record"),
        ({"when": lambda c: c.args["amount"] > 5}, "ask"),
        ({"when": lambda c: c.args["nope"]}, "ask"),
        ({"when": lambda c: c.args["nope"], "otherwise": "record"}, "ask"),
        ({"when": lambda _: 1 / 0}, "ask"),
        ({"when": lambda _: object()}, "ask"),
        ({"when": lambda _: []}, "none"),
    ],
)
def test_the_verdict(rules: dict[str, Any], verdict: str) -> None:
    """S-06, DESIGN §2.8: a rule's answer counts by its truth; a rule that fails asks."""
    assert Policy(**rules).plan(CALL).verdict == verdict


def test_a_rule_changes_nothing() -> None:
    """DESIGN §2.3: what a rule does to the arguments it is given is neither shown nor run."""

    def rule(call: Any) -> bool:
        call.args["lines"].append("more")
        return bool(call.args.pop("amount"))

    call = ActionRequest(name="pay", args={"amount": 7, "lines": []}, identity=Identity("t", "ns", "c"))
    assert Policy(when=rule).plan(call).verdict == "ask"
    assert call.args == {"amount": 7, "lines": []}


async def _later(call: ActionRequest) -> bool:
    """A rule that nobody could wait for."""
    return call.name == "pay"


def test_a_failing_rule_says_so_without_its_words() -> None:
    """DESIGN §2.8: the card says that the rule failed and how it is called, not what a model may have put into its message."""

    def rule(_: ActionRequest) -> bool:
        msg = "secret"
        raise LookupError(msg)

    reason = Policy(when=rule).plan(CALL).reason
    assert reason == "the rule for pay failed (LookupError), so a person is asked"


def test_a_truth_value_that_fails_asks() -> None:
    """DESIGN §2.8: also where only the truth of what a rule answered fails."""

    class Odd:
        def __bool__(self) -> bool:
            raise TypeError

    odd: Any = Odd()
    assert Policy(when=lambda _: odd).plan(CALL).verdict == "ask"


def test_what_is_declared_is_in_the_plan() -> None:
    """P-02: everything a reviewer and a card need, frozen."""
    plan = Policy(
        approvers=["slack:U1", "group:leads"],
        decisions=["approve", "reject"],
        required_approvals=2,
        allow_requester=True,
        expires_in=timedelta(hours=1),
        on_expiry="reject",
        risk="high",
    ).plan(CALL)
    assert plan.approvers == ("slack:U1", "group:leads")
    assert plan.allowed_decisions == ("approve", "reject")
    assert (plan.required_approvals, plan.allow_requester, plan.expires_in) == (2, True, 3600)
    assert (plan.on_expiry, plan.risk) == ("reject", "high")


def test_what_several_must_approve_is_not_offered_for_editing() -> None:
    """P-02, P-04: one person's edit would be an approval of something that the others have not seen."""
    for policy in (Policy(required_approvals=2), Policy(required_from=["a", "b"])):
        plan = policy.plan(CALL)
        assert (plan.by_several, plan.allowed_decisions) == (True, ("approve", "reject", "feedback"))
    assert "edit" in Policy(required_from=["a"]).plan(CALL).allowed_decisions


def test_roles_are_approvers_too() -> None:
    """P-02: who fills a required role may decide, also where the policy names other approvers or leaves them to the default."""
    roles = ["group:architects", "group:security", "group:architects"]
    named = Policy(approvers=["group:security", "slack:U1"], required_from=roles).plan(CALL)
    assert named.approvers == ("group:security", "slack:U1", "group:architects")
    assert named.required_from == ("group:architects", "group:security")
    default = Policy(required_from=roles).plan(CALL)
    assert default.approvers is None
    assert default.completed(["api"]).approvers == ("api", "group:architects", "group:security")
    assert named.completed(["api"]) == named


def test_who_is_asked_next_stands_in_where_the_policy_says_so() -> None:
    """P-02, P-03: a role stays with those who have it, unless the step of the chain names it; then its people fill it, too."""
    chain = [
        Escalation(["slack:U2"], timedelta(1)),
        Escalation(["slack:U3", "slack:U4"], stands_in_for=["group:security"]),
    ]
    plan = Policy(
        approvers=["slack:U1"],
        required_from=["group:security", "group:legal"],
        expires_in=timedelta(1),
        on_expiry="escalate",
        escalate_to=chain,
    ).plan(CALL)
    first = plan.escalated()
    assert (plan.stand_ins, first.stand_ins) == ((), ())
    assert first.escalated().stand_ins == (("group:security", "slack:U3"), ("group:security", "slack:U4"))
    assert first.escalated().required_from == plan.required_from
    assert ReviewPlan.model_validate(first.escalated().model_dump(mode="json")) == first.escalated()


def test_respond_only_where_it_is_listed() -> None:
    """DESIGN §3: a person answers in the tool's place only where the plan says so."""
    assert "respond" not in Policy().plan(CALL).allowed_decisions == DEFAULT_DECISIONS


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"decisions": []}, "decisions"),
        ({"decisions": ["approve", "launch"]}, "decisions"),
        ({"required_approvals": 0}, "required_approvals"),
        ({"approvers": "slack:U1"}, "approvers"),
        ({"approvers": []}, "approvers"),
        ({"required_from": "group:security"}, "required_from"),
        ({"required_from": ["group:security", " "]}, "required_from"),
        ({"required_from": ["group:security"], "decisions": ["reject"]}, "required_from"),
        ({"required_approvals": 2, "decisions": ["reject", "respond"]}, "required_approvals"),
        (
            {
                "required_from": ["group:security"],
                "expires_in": timedelta(1),
                "on_expiry": "escalate",
                "escalate_to": [Escalation(["meg"], stands_in_for=["group:legal"])],
            },
            "escalate_to",
        ),
        ({"redact": "pin"}, "redact"),
        ({"max_rejections": 0}, "max_rejections"),
        ({"expires_in": timedelta(0)}, "expires_in"),
        ({"when": "args.amount >"}, "when"),
        ({"when": True}, "when"),
        ({"when": _later}, "when"),
    ],
)
def test_a_policy_that_could_never_work_is_refused(rules: dict[str, Any], field: str) -> None:
    """E-04: when it is written, not when a customer waits."""
    with pytest.raises(ConfigurationError, match=f"^{field}: "):
        Policy(**rules)


def test_a_policy_does_not_change_with_its_lists() -> None:
    """DESIGN §2.5: lists in the declaration are copied; a policy is a value with a hash."""
    people = ["slack:U1"]
    policy = Policy(approvers=people, decisions=["approve"])
    people.append("slack:EVE")
    assert policy.plan(CALL).approvers == ("slack:U1",)
    assert hash(policy) == hash(Policy(approvers=("slack:U1",), decisions=("approve",)))
    with pytest.raises(FrozenInstanceError):
        policy.approvers = ("slack:EVE",)  # type: ignore[misc]  # that is what is tested


def test_the_fingerprint_changes_with_what_is_declared() -> None:
    """DESIGN §2.3: it enters every digest, so an approval under one policy is none under another."""
    variants: list[dict[str, Any]] = [
        {},
        {"version": "2"},
        {"approvers": ["a"]},
        {"decisions": ["approve"]},
        {"required_approvals": 2},
        {"required_from": ["b"]},
        {"required_from": ["b", "c"]},
        {"allow_requester": True},
        {"expires_in": timedelta(1)},
        {"expires_in": timedelta(1), "on_expiry": "reject"},
        {"expires_in": timedelta(1), "remind": [timedelta(hours=1)]},
        {"expires_in": timedelta(1), "on_expiry": "escalate", "escalate_to": [Escalation(["b"])]},
        {
            "expires_in": timedelta(1),
            "on_expiry": "escalate",
            "escalate_to": [Escalation(["b"], timedelta(1))],
        },
        {"otherwise": "record"},
        {"when": "args.amount > 5"},
        {"when": "args.amount > 6"},
        {"risk": "high"},
        {"redact": ["amount"]},
    ]
    assert len({Policy(**rules).fingerprint for rules in variants}) == len(variants)
    assert Policy(approvers=["a"]).fingerprint == Policy(approvers=("a",)).fingerprint


PEOPLE = st.none() | st.sets(st.sampled_from("abc"), min_size=1).map(tuple)
PLANS = st.builds(
    ReviewPlan,
    verdict=st.sampled_from(["none", "record", "ask"]),
    approvers=PEOPLE,
    required_approvals=st.integers(1, 3),
    required_from=st.sets(st.sampled_from("ab")).map(tuple),
    stand_ins=st.sets(st.sampled_from([("a", "c"), ("b", "c")])).map(tuple),
    allow_requester=st.booleans(),
    allowed_decisions=st.sets(st.sampled_from(DEFAULT_DECISIONS), min_size=1).map(tuple),
    risk=st.none() | st.sampled_from(["low", "high"]),
    redact=st.sets(st.sampled_from(["pin", "token"])).map(tuple),
)


@given(PLANS)
def test_a_plan_covers_itself(plan: ReviewPlan) -> None:
    """P-04: an edit that the policy treats as it treated the proposal needs no second look."""
    assert plan.covers(plan)


@given(PLANS, PLANS)
def test_what_covers_is_at_least_as_strict(given_: ReviewPlan, wanted: ReviewPlan) -> None:
    """P-04: an approval under a laxer plan is not enough for an edited call that wants a stricter one."""
    if wanted.verdict != "ask":
        assert given_.covers(wanted)
    elif given_.covers(wanted):
        assert given_.required_approvals >= wanted.required_approvals
        assert set(wanted.required_from) <= set(given_.required_from)
        assert set(given_.stand_ins) <= set(wanted.stand_ins)
        assert wanted.allow_requester or not given_.allow_requester
        assert wanted.approvers is None or set(given_.approvers or "z") <= set(wanted.approvers)


@given(PLANS, PLANS, PLANS)
def test_covering_carries_over(first: ReviewPlan, second: ReviewPlan, third: ReviewPlan) -> None:
    """P-04: between plans that ask, covering is transitive: no chain of edits ends at a plan that nobody's approval meets."""
    if first.verdict == second.verdict == third.verdict == "ask" and None not in {
        first.approvers,
        second.approvers,
        third.approvers,
    }:
        assert first.covers(third) or not (first.covers(second) and second.covers(third))


def test_langchains_form() -> None:
    """E-03: ``interrupt_on`` as LangChain writes it."""
    rule = lambda _: True  # noqa: E731 – a rule is mostly written so
    assert from_interrupt_on(config=False) is None
    default = from_interrupt_on(config=True)
    assert default is not None
    assert "respond" in default.decisions
    chosen = from_interrupt_on({"allowed_decisions": ["approve"], "when": rule, "description": "Pay?"})
    assert chosen is not None
    assert (chosen.decisions, chosen.when, chosen.title) == (("approve",), rule, "Pay?")
    with pytest.raises(ConfigurationError, match="unknown keys \\['alowed'\\]"):
        from_interrupt_on({"alowed": []})


@pytest.mark.parametrize(
    ("rules", "says", "rule", "reason"),
    [
        ({}, "always", None, "pay always needs a decision"),
        (
            {"when": "args.amount\n  > 5"},
            "yes",
            "args.amount\n  > 5",
            "the rule for pay asks: args.amount > 5",
        ),
        (
            {"when": "args.amount > 9"},
            "no",
            "args.amount > 9",
            "the rule for pay asks nobody: args.amount > 9",
        ),
    ],
)
def test_a_verdict_explains_itself(rules: dict[str, Any], says: str, rule: str | None, reason: str) -> None:
    """P-04: which rule it was, what it said, and a sentence for people."""
    explained = Policy(**rules).explain(CALL)
    assert (explained.says, explained.rule, explained.plan.reason) == (says, rule, reason)


def test_a_function_is_named_with_its_place() -> None:
    """P-04: which of many rules it was."""
    rule = Policy(when=lambda _: True).rule
    assert rule is not None
    assert rule.startswith(f"{__name__}.test_a_function_is_named_with_its_place.<locals>.<lambda> (line ")
    assert Policy(when=bool).rule == "builtins.bool"


@pytest.mark.parametrize(
    ("change", "covered"),
    [
        ({}, True),
        ({"risk": "high"}, False),
        ({"risk": None}, True),
        ({"decisions": ["approve", "edit", "reject", "feedback", "respond"]}, True),
        ({"decisions": ["approve", "reject"]}, False),
        ({"redact": ["pin", "token"]}, True),
        ({"redact": []}, False),
    ],
)
def test_an_edit_under_a_changed_policy(change: dict[str, Any], covered: bool) -> None:
    """P-04: an approval does not cover what its people could not know: another risk, an argument hidden from them, a "no edits"."""
    old: dict[str, Any] = {"risk": "low", "redact": ["pin"]}
    assert Policy(**old).plan(CALL).covers(Policy(**{**old, **change}).plan(CALL)) is covered
