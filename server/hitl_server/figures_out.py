"""Analytics as the API tells them: ``hitl_middleware.analytics`` in JSON. Times waited are in seconds, rates parts of 1."""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict

from hitl_middleware.analytics import Report
from hitl_middleware.review import RequestKind
from hitl_server.shapes import Text


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class WaitingOut(_Out):
    """How many decided requests were waited for, and how long: percentiles by nearest rank, in seconds."""

    count: int
    p50: float | None
    p95: float | None
    longest: float | None


class FiguresOut(_Out):
    """What became of requests. Rates are parts of what people decided (`decided`); `unknown` are acts of which nobody knows the outcome."""

    asked: int
    pending: int
    overdue: int
    decided: int
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
    approval_rate: float | None
    rejection_rate: float | None
    waiting: WaitingOut


class StepOut(_Out):
    """What one tool, step or question of a graph asked."""

    graph: Text
    kind: RequestKind
    what: Text
    figures: FiguresOut


class BucketOut(_Out):
    """What was asked from a day on, for so many days."""

    begins: dt.date
    days: int
    figures: FiguresOut


class ShareOut(_Out):
    """How often."""

    name: Text
    count: int


class PersonFiguresOut(_Out):
    """What one person answered. `quick`: approvals within 5 s of the question."""

    person: Text
    name: Text | None
    answers: int
    approved: int
    rejected: int
    revised: int
    responded: int
    quick: int
    channels: tuple[ShareOut, ...]


class ReasonOut(_Out):
    """Words with which something was rejected; `null`: without any. Case, spaces and a full stop make no other reason."""

    text: Text | None
    count: int
    graphs: tuple[Text, ...]


class SignOut(_Out):
    """A sign that somebody approves without looking, or that something need not be asked. `examples`: ids of requests."""

    kind: Literal["quick", "always", "burst"]
    says: Text
    count: int
    of: int
    person: Text | None
    name: Text | None
    graph: Text | None
    what: Text | None
    examples: tuple[str, ...]


class PeriodOut(_Out):
    """Requests asked at `since` or later and before `until`."""

    since: dt.datetime
    until: dt.datetime


class AnalyticsOut(_Out):
    """How asking people went, of what was asked in a period.

    `counted_since`: there was more than is counted at once, and what is older than this was left out; `null`: all of it is counted.
    """

    period: PeriodOut
    graph: Text | None
    whole: FiguresOut
    steps: tuple[StepOut, ...]
    buckets: tuple[BucketOut, ...]
    decisions: tuple[ShareOut, ...]
    channels: tuple[ShareOut, ...]
    people: tuple[PersonFiguresOut, ...]
    reasons: tuple[ReasonOut, ...]
    signs: tuple[SignOut, ...]
    counted_since: dt.datetime | None


def analytics_out(found: Report) -> AnalyticsOut:
    """A report as the API tells it."""
    return AnalyticsOut.model_validate(found)
