"""The transition tables."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from hitl_middleware.actions import DECISION_TYPES
from hitl_middleware.errors import IllegalTransition
from hitl_middleware.review import (
    ACTION,
    REQUEST,
    RUN,
    STATUS_AFTER,
    ActionStatus,
    RequestStatus,
    RunStatus,
    is_final,
    step,
)

KINDS: list[tuple[Any, Any, Any]] = [
    ("request", REQUEST, RequestStatus),
    ("action", ACTION, ActionStatus),
    ("run", RUN, RunStatus),
]


@pytest.mark.parametrize(("kind", "table", "names"), KINDS)
def test_the_tables_are_closed(kind: Any, table: Any, names: Any) -> None:
    """DESIGN §3: every status is in its table, every step leads to one that is, none leads to itself."""
    assert set(table) == set(get_args(names))
    for old, following in table.items():
        assert following <= set(table)
        assert old not in following
        assert is_final(kind, old) == (not following)


@pytest.mark.parametrize(("kind", "table", "names"), KINDS)
def test_only_what_is_listed_is_a_step(kind: Any, table: Any, names: Any) -> None:
    """DESIGN §3: every other pair is refused."""
    for old in table:
        for new in table:
            if new in table[old]:
                step(kind, old, new)
            else:
                with pytest.raises(IllegalTransition, match=f"{kind} cannot go from '{old}' to '{new}'"):
                    step(kind, old, new)


def test_what_must_never_be_possible() -> None:
    """DESIGN §2.2, §2.4, §3: the sentences of the design, as absent steps."""
    never = [
        ("action", "denied", "approved"),
        ("action", "denied", "executing"),
        ("action", "waiting", "executing"),
        ("action", "succeeded", "executing"),
        ("action", "failed", "approved"),
        ("action", "unknown", "executing"),
        ("request", "rejected", "approved"),
        ("request", "approved", "rejected"),
        ("request", "expired", "approved"),
        ("run", "failed", "running"),
    ]
    for kind, old, new in never:
        with pytest.raises(IllegalTransition):
            step(kind, old, new)  # type: ignore[arg-type]


def test_every_final_status_can_be_reached() -> None:
    """DESIGN §3: from the first status of each table."""
    for table, first in ((REQUEST, "pending"), (ACTION, "waiting"), (RUN, "queued")):
        seen, waiting = {first}, [first]
        while waiting:
            for status in table[waiting.pop()] - seen:
                seen.add(status)
                waiting.append(status)
        assert seen == set(table)


def test_every_decision_ends_a_request() -> None:
    """DESIGN §3: ``approved`` covers approve and edit; respond answers; feedback revises."""
    assert set(STATUS_AFTER) == set(DECISION_TYPES)
    assert all(
        is_final("request", status) and status in REQUEST["pending"] for status in STATUS_AFTER.values()
    )
    assert STATUS_AFTER["edit"] == STATUS_AFTER["approve"] == "approved"
