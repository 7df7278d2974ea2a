"""Counts, rates and waiting times of any number of requests. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hitl_middleware.analytics.rows import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Seconds that ``count`` decided requests waited: for half of them at most ``p50``, for 95 of 100 at most ``p95``."""

    count: int
    p50: float | None
    p95: float | None
    longest: float | None


def waiting(seconds: Iterable[float]) -> Waiting:
    """Percentiles by nearest rank: each is a time that somebody did wait."""
    found = sorted(seconds)
    return Waiting(
        count=len(found),
        p50=_rank(found, 0.50),
        p95=_rank(found, 0.95),
        longest=found[-1] if found else None,
    )


def _rank(found: Sequence[float], part: float) -> float | None:
    # Rounded first: 0.95 * 20 must not become 19.000000000000004 and so the 20th.
    return found[max(1, math.ceil(round(part * len(found), 9))) - 1] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What became of requests. ``revised``: sent back with feedback; ``withdrawn``: the run moved on without an answer.

    ``unknown``: acts of which nobody knows the outcome now; ``settled``: questions what became of one, answered.
    """

    asked: int
    pending: int
    overdue: int
    approved: int
    edited: int
    rejected: int
    revised: int
    answered: int
    expired: int
    withdrawn: int
    failed: int
    unknown: int
    settled: int
    waiting: Waiting

    @property
    def decided(self) -> int:
        """What people decided."""
        return self.approved + self.rejected + self.revised + self.answered

    @property
    def approval_rate(self) -> float | None:
        """Approved (edited included), as a part of what people decided; ``None``: they have decided nothing."""
        return self.approved / self.decided if self.decided else None

    @property
    def rejection_rate(self) -> float | None:
        """The same of what was rejected."""
        return self.rejected / self.decided if self.decided else None


def figures(rows: Sequence[Asked]) -> Figures:
    """Of these requests."""
    statuses = [each.status for each in rows]
    # An act belongs to the request that let it run; that about its outcome tells of the same act again, and decides nothing.
    acts = [each for each in rows if each.kind != "outcome"]
    return Figures(
        asked=len(rows),
        pending=statuses.count("pending"),
        overdue=sum(each.overdue and each.status == "pending" for each in rows),
        approved=statuses.count("approved"),
        edited=sum(
            each.status == "approved" and any(a.decision == "edit" for a in each.answers) for each in rows
        ),
        rejected=statuses.count("rejected"),
        revised=statuses.count("revised"),
        answered=sum(each.status == "answered" for each in acts),
        expired=statuses.count("expired"),
        withdrawn=statuses.count("cancelled") + statuses.count("superseded"),
        failed=sum(each.outcome == "failed" for each in acts),
        unknown=sum(each.outcome == "unknown" for each in acts),
        settled=sum(each.status == "answered" and each.kind == "outcome" for each in rows),
        waiting=waiting(each.waited for each in rows if each.waited is not None),
    )
