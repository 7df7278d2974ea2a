"""Killed between the claim and its settlement: nobody knows, so a person says – and what they say is what holds."""

from __future__ import annotations

import datetime as dt
from itertools import product
from typing import Any

import pytest

from hitl_middleware.clock import SystemClock

from tests.chaos.stage import ANN, LEASE, Stage
from tests.chaos.test_killed import DONE, IN_DOUBT
from tests.kit.databases import on_each

pytestmark = pytest.mark.chaos

MOST_LEASES = 3
"""DESIGN rule 2: a claim whose owner died is shown as unknown within so many leases."""


@on_each(
    "point,said",
    sqlite=[*product(IN_DOUBT, ["done", "failed", "retry"])],
    postgresql=[("claim.after", "retry"), ("effect.after", "done"), ("settle.before", "failed")],
)
def test_an_act_in_doubt_is_settled_by_a_person(stage: Stage, point: str, said: str):
    """DESIGN rules 2 and 4, S-08: "Unknown" within 3 leases, never repeated by itself; done, failed and retry each end right."""
    stage.die_at(point)
    run = stage.begin(5)
    (request,) = stage.asked(run)
    stage.approve(request)
    stage.until_dead()
    stage.revive()
    served_at = SystemClock().now()
    action = stage.in_doubt(run)
    happened = 1 if point in DONE else 0

    assert stage.deaths == [point]
    assert len(stage.paid()) == happened
    assert _told_after(stage, served_at) <= MOST_LEASES * LEASE
    card = stage.shows(request, "Approved by @ann", "Unknown", f"hitl actions settle {action['id']}")
    assert [button.text for button in card.buttons] == ["Say what happened"]
    assert len(stage.cards()) == 1

    stage.settle(action["id"], said)
    detail = stage.ended(run)
    stage.shows(request, "Approved by @ann", "Failed" if said == "failed" else "Executed")
    assert detail["status"] == "succeeded"
    assert len(stage.paid()) == happened + (said == "retry")
    (ended,) = detail["actions"]
    assert ended["status"] == ("failed" if said == "failed" else "succeeded")
    assert ended["attempts"] == (2 if said == "retry" else 1)
    assert {paid["key"] for paid in stage.paid()} <= {ended["idempotency_key"]}
    asked, question = detail["requests"]
    assert (asked["status"], asked["decided_by"]) == ("approved", f"slack:{ANN}")
    assert (question["kind"], question["status"], question["decided_by"]) == (
        "outcome",
        "answered",
        f"slack:{ANN}",
    )
    stage.check_at_the_end([request])


def _told_after(stage: Stage, served_at: dt.datetime) -> float:
    """Seconds to the word "unknown", by the database's clock, from the claim – or from the moment somebody lived who could say it."""

    def sealed() -> list[Any] | None:
        found = stage.events("action.claimed", "action.unknown")
        return found if len(found) == 2 else None

    claimed, unknown = (
        dt.datetime.fromisoformat(event["at"]) for event in stage.until("it is in the audit", sealed)
    )
    return (unknown - max(claimed, served_at)).total_seconds()
