"""What is due when, and what comes of it: the pure table under every deadline."""

from __future__ import annotations

import datetime as dt
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_middleware import Escalation, Policy, deadlines, human_step
from hitl_middleware.actions import ActionRequest, Identity
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.policy import AtTheEnd, ReviewPlan
from hitl_middleware.records import ReviewRequest

BORN = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
HOUR = timedelta(hours=1)
CALL = ActionRequest(name="pay", args={}, identity=Identity("t", "", "c"))


def _plan(**rules: Any) -> ReviewPlan:
    return Policy(**({"approvers": ["slack:UANN"]} | rules)).plan(CALL)


def _asked(plan: ReviewPlan, kind: Any = "tool_call") -> ReviewRequest:
    deadline_at, due_at = deadlines.times(plan, kind, BORN)
    return ReviewRequest(
        id="r", code="c", kind=kind, status="pending", version=1, run_id="run", thread_id="t", graph="g", interrupt_id="i",
        plan=plan, title="Pay", created_at=BORN, updated_at=BORN, deadline_at=deadline_at, due_at=due_at,
    )  # fmt: skip


def _swept(request: ReviewRequest, *seconds: float) -> list[tuple[float, str]]:
    """What happens when somebody looks at these moments, and how long after it was asked."""
    told: list[tuple[float, str]] = []
    for after in seconds:
        now = BORN + timedelta(seconds=after)
        while (event := deadlines.due(request, now)) is not None:
            told.append((after, event))
            request = deadlines.after(request, event, now)
    return told


def test_nothing_expires_by_default() -> None:
    """P-03, DESIGN §3: without a deadline nothing is ever due."""
    assert deadlines.times(_plan(), "tool_call", BORN) == (None, None)


def test_an_unknown_outcome_has_no_deadline() -> None:
    """P-03: what became of an act is not a matter of time; the plan of its call has a deadline."""
    plan = _plan(expires_in=HOUR, on_expiry="reject")
    assert deadlines.times(plan, "outcome", BORN) == (None, None)


@pytest.mark.parametrize(("rule", "event"), [("leave", "overdue"), ("reject", "expire")])
def test_a_deadline_falls_once_and_not_early(rule: Any, event: str) -> None:
    """P-03: not a microsecond before; at the moment itself; never again."""
    request = _asked(_plan(expires_in=HOUR, on_expiry=rule))
    assert _swept(request, 3_599.999999, 3_600, 3_601, 10_000) == [(3_600, event)]


def test_left_is_still_pending_and_says_so() -> None:
    """P-03: ``leave``."""
    left = deadlines.after(_asked(_plan(expires_in=HOUR)), "overdue", BORN + HOUR)
    assert (left.status, left.overdue, left.due_at, left.version) == ("pending", True, None, 2)
    assert left.deadline_at == BORN + HOUR


def test_a_chain_asks_one_after_the_other() -> None:
    """P-03: each step has its whole time from when it is asked, however late that was; at the end the last step's rule holds."""
    chain = [Escalation(["slack:UBOB"], HOUR), Escalation(["github:meg"], 2 * HOUR, on_expiry="reject")]
    plan = _plan(
        expires_in=HOUR,
        on_expiry="escalate",
        escalate_to=chain,
        remind=[timedelta(minutes=10)],
    )
    request = _asked(plan)
    told = _swept(request, 1, 3_000, 3_600, 6_600, 9_000, 9_001, 15_599, 15_601, 16_200, 16_201)
    assert told == [
        (3_000, "remind"),
        (3_600, "escalate"),
        (6_600, "remind"),
        (9_000, "escalate"),
        (15_601, "remind"),
        (16_200, "expire"),
    ]
    first = deadlines.after(request, "escalate", BORN + HOUR)
    assert first.plan.approvers == ("slack:UANN", "slack:UBOB")
    assert first.deadline_at == BORN + 2 * HOUR
    assert first.notes == ("Escalated to slack:UBOB: Nobody answered by 2026-01-01 13:00:00 UTC",)


def test_a_last_step_without_a_deadline_waits() -> None:
    """P-03: as long as they like."""
    request = _asked(_plan(expires_in=HOUR, on_expiry="escalate", escalate_to=[Escalation(["github:meg"])]))
    assert _swept(request, 3_600, 10**8) == [(3_600, "escalate")]


def test_a_reminder_that_leaves_no_time_is_left_out_of_that_step() -> None:
    """P-03: an hour before a deadline of half an hour there is nobody to remind."""
    chain = [Escalation(["github:meg"], HOUR / 2)]
    request = _asked(_plan(expires_in=2 * HOUR, on_expiry="escalate", escalate_to=chain, remind=[HOUR]))
    assert _swept(request, 3_600, 7_200, 7_201, 9_000) == [
        (3_600, "remind"),
        (7_200, "escalate"),
        (9_000, "overdue"),
    ]


SECONDS = st.integers(1, 100_000)


@st.composite
def _rules(draw: st.DrawFn) -> dict[str, Any]:
    time = draw(st.integers(2, 100_000))
    remind = draw(st.lists(st.integers(1, time - 1), max_size=4))
    steps = draw(st.lists(SECONDS, max_size=3))
    end: AtTheEnd = draw(st.sampled_from(get_args(AtTheEnd)))
    chain = [
        Escalation(
            [f"github:p{number}"], timedelta(seconds=each), end if number == len(steps) - 1 else "leave"
        )
        for number, each in enumerate(steps)
    ]
    return {
        "expires_in": timedelta(seconds=time), "on_expiry": "escalate" if chain else end, "escalate_to": chain,
        "remind": [timedelta(seconds=each) for each in remind],
    }  # fmt: skip


@given(rules=_rules(), moments=st.lists(st.floats(0, 700_000), max_size=40), decided=st.floats(0, 700_000))
def test_whenever_somebody_looks(rules: dict[str, Any], moments: list[float], decided: float) -> None:
    """P-03: whoever looks, and when: nothing early, reminders at most once each, the chain in order and to its end at most, all quiet
    after a decision and after the end.
    """
    request = _asked(_plan(**rules))
    chain, events, now = list(rules["escalate_to"]), [], BORN
    for seconds in sorted(moments):
        now = BORN + timedelta(seconds=seconds)
        if seconds > decided and request.status == "pending":
            request = ReviewRequest(
                **{name: getattr(request, name) for name in ReviewRequest.__slots__} | {"status": "approved"}
            )
        before, event = request, deadlines.due(request, now)
        if event is None:
            continue
        assert before.due_at is not None
        assert before.due_at <= now, "early"
        assert before.deadline_at is not None
        assert (event == "remind") == (now < before.deadline_at)
        assert seconds <= decided, "something happened to a decided request"
        request = deadlines.after(request, event, now)
        assert request.due_at is None or request.due_at > now, "the same moment twice"
        events.append(event)
        if event == "escalate":
            step = chain.pop(0)
            assert set(request.plan.approvers or ()) >= set(step.approvers)
            assert request.deadline_at == now + step.expires_in
    assert events.count("remind") <= len(set(rules["remind"])) * (1 + len(rules["escalate_to"]))
    assert [each for each in events[:-1] if each in {"expire", "overdue"}] == []
    if events and events[-1] == "expire":
        assert not chain
        assert request.status in {"expired", "approved"}


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        ({"on_expiry": "reject"}, "on_expiry: there is no deadline"),
        ({"expires_in": 3600}, r"expires_in: 3600; give a time, as in timedelta\(hours=8\)"),
        ({"expires_in": HOUR, "remind": HOUR}, "remind: give a list of times"),
        ({"expires_in": HOUR, "remind": [60]}, "remind: 60; give a time"),
        ({"decisions": "approve"}, "decisions: give a list of them, not the text 'approve'"),
        ({"remind": [HOUR]}, "remind: there is no deadline"),
        ({"expires_in": HOUR, "on_expiry": "approve"}, "on_expiry: 'approve'; choose from leave, reject, escalate"),
        ({"expires_in": HOUR, "remind": [HOUR]}, "is not within the 1:00:00 that people have"),
        ({"expires_in": HOUR, "on_expiry": "escalate"}, "nobody to escalate to"),
        ({"expires_in": HOUR, "escalate_to": [Escalation(["a"])]}, "needs on_expiry='escalate', not 'leave'"),
        (
            {"expires_in": HOUR, "on_expiry": "escalate", "escalate_to": [Escalation(["a"]), Escalation(["b"])]},
            "step 1 of 2 needs expires_in, or those after it would never be asked",
        ),
        (
            {"expires_in": HOUR, "on_expiry": "escalate", "escalate_to": [Escalation(["a"], HOUR, "reject"), Escalation(["b"])]},
            "step 1 of 2 cannot end it",
        ),
    ],
)  # fmt: skip
def test_what_could_never_work_is_refused(rules: dict[str, Any], says: str) -> None:
    """E-04: when the policy is written, with a sentence; for a workflow step the same."""
    with pytest.raises(ConfigurationError, match=says):
        Policy(**rules)
    with pytest.raises(ConfigurationError, match=says):
        human_step("Do this?", **rules)


@pytest.mark.parametrize(
    ("step", "says"),
    [
        (("slack:U1",), "list of identities, not the text"),
        (([],), "nobody would be asked"),
        ((["a"], 60), "60; give a time"),
        ((["a"], -HOUR), "a deadline lies ahead"),
        ((["a"], HOUR, "escalate"), "choose from leave, reject"),
        ((["a"], None, "reject"), "when. Give expires_in"),
    ],
)
def test_a_step_that_could_never_work_is_refused(step: tuple[Any, ...], says: str) -> None:
    """E-04."""
    with pytest.raises(ConfigurationError, match=says):
        Escalation(*step)


def test_a_step_that_cannot_be_rejected_does_not_expire_so() -> None:
    """E-04: there would be no edge to take."""
    with pytest.raises(ConfigurationError, match="does not take reject"):
        human_step("Do this?", decisions=["approve", "feedback"], expires_in=HOUR, on_expiry="reject")


def test_a_chain_counts_when_plans_are_compared() -> None:
    """P-04: an approval by somebody of the chain is none under a plan that would never have asked them."""
    chained = _plan(expires_in=HOUR, on_expiry="escalate", escalate_to=[Escalation(["github:meg"])])
    assert not chained.covers(_plan())
    assert _plan().covers(chained)
    assert chained.covers(chained)
    assert chained.policy_version != _plan(expires_in=HOUR).policy_version
