"""SIGKILL at every failpoint: a fresh process of the same database brings it to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hitl_middleware.failpoints import NAMES

from tests.chaos.stage import ANN, Stage

pytestmark = [pytest.mark.chaos, pytest.mark.databases("sqlite", "postgresql")]

WHILE_ASKING = (
    "lease.before",
    "lease.after",
    "resume.before",
    "resume.after",
    "open.before",
    "open.after",
    "post.before",
    "post.after",
)
"""Before anybody could answer."""

WHILE_ANSWERED = (
    "submit.before",
    "submit.after",
    "resume.before@2",
    "open.before@2",
    "open.after@2",
    "claim.before",
    "settle.after",
    "resume.after@2",
)
"""From the click to the end, where the act has surely not begun or is surely known."""

WHILE_TOLD = ("update.before", "update.after")
"""Cards follow beside what they tell of: the act may be under way just then, or done, or neither."""

IN_DOUBT = ("claim.after", "effect.before", "effect.after", "settle.before")
"""Between the claim and its settlement nobody can know from outside whether the act happened."""

WHEN_LATE = ("lapse.before", "lapse.after")
"""Around the consequences of a deadline."""

ELSEWHERE = ("adopt.before", "adopt.after")
"""Only a caller's own process passes these, and no server: ``test_hazards_drop_in_again.py`` dies there."""

DONE = frozenset({"effect.after", "settle.before"})


def test_every_failpoint_is_killed_at():
    """A failpoint that no test dies at proves nothing."""
    points = (*WHILE_ASKING, *WHILE_ANSWERED, *WHILE_TOLD, *IN_DOUBT, *WHEN_LATE, *ELSEWHERE)
    assert {point.partition("@")[0] for point in points} == set(NAMES)


@pytest.mark.parametrize("point", [*WHILE_ASKING, *WHILE_ANSWERED])
def test_killed_where_the_act_is_not_in_doubt(stage: Stage, point: str):
    """DESIGN §1, rules 2 and 6: one act, the decision stands, the run ends, the one card says so, the audit's chain holds."""
    stage.die_at(point)
    run = stage.begin(5)
    (request,) = stage.asked(run)
    stage.approve(request)
    detail = stage.ended(run)
    stage.shows(request, "Approved by @ann", "Executed")
    assert stage.deaths == [point]
    assert detail["status"] == "succeeded"
    (said,) = detail["requests"]
    assert (said["status"], said["decided_by"]) == ("approved", f"slack:{ANN}")
    (action,) = detail["actions"]
    assert (action["status"], action["attempts"], action["result"]) == ("succeeded", 1, "paid 5")
    assert [(paid["amount"], paid["key"]) for paid in stage.paid()] == [(5, action["idempotency_key"])]
    stage.check_at_the_end([request])


@pytest.mark.parametrize("points", [WHILE_TOLD[:1], WHILE_TOLD[1:], WHILE_TOLD], ids=" then ".join)
def test_killed_while_a_card_is_changed(stage: Stage, points: tuple[str, ...]):
    """DESIGN §1, rules 2 and 4: one act, said to be in doubt where it is, and one card that is true in the end."""
    stage.die_at(*points)
    run = stage.begin(5)
    (request,) = stage.asked(run)
    stage.approve(request)

    def known() -> dict[str, Any] | None:
        (action,) = stage.run(run)["actions"]
        return action if action["status"] in {"succeeded", "unknown"} else None

    action = stage.until("the act is known, or known to be in doubt", known)
    if action["status"] == "unknown":
        stage.settle(action["id"], "done" if stage.paid() else "retry")
    assert stage.ended(run)["status"] == "succeeded"
    stage.shows(request, "Approved by @ann", "Executed")
    stage.until("whoever had to die has died", lambda: stage.deaths == list(points))
    assert [(paid["amount"], paid["key"]) for paid in stage.paid()] == [(5, action["idempotency_key"])]
    stage.check_at_the_end([request])


@pytest.mark.parametrize("point", WHEN_LATE)
def test_killed_when_nobody_answered_in_time(make_stage: Callable[..., Stage], point: str):
    """P-03: the deadline has its consequences once, nothing is done, the run ends with the refusal, and the one card says so."""
    stage = make_stage(environ={"PAY_WITHIN": "0.2"})
    stage.die_at(point)
    detail = stage.ended(stage.begin(5))
    (said,) = detail["requests"]
    assert (said["status"], detail["status"], stage.paid()) == ("expired", "succeeded", [])
    stage.shows(said["id"], "Expired")
    assert stage.deaths == [point]

    def told() -> list[str]:
        """The audit is sealed a moment after what it tells of."""
        kinds = [event["kind"] for event in stage.get("/audit", limit=500)["items"]]
        return kinds if "request.expired" in kinds else []

    assert stage.until("the audit tells of it", told).count("request.expired") == 1
    stage.check_at_the_end([said["id"]])
