"""The whole report on a period. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hitl_middleware.analytics.figures import Figures, figures
from hitl_middleware.analytics.people import PersonFigures, Share, answers, people, shares
from hitl_middleware.analytics.reasons import Reason, reasons
from hitl_middleware.analytics.rows import Asked, Period, Sample
from hitl_middleware.analytics.signs import Sign, signs
from hitl_middleware.review import RequestKind

BY_DAY_UP_TO: Final = 31
"""Days of a period that is told day by day; a longer one is told by weeks, of which each begins on a Monday."""

MOST_BUCKETS: Final = 110
"""Two years by weeks; what goes further back is told by longer spans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFigures:
    """What became of what one step, tool or question of a graph asked."""

    graph: str
    kind: RequestKind
    what: str
    figures: Figures

    @property
    def name(self) -> str:
        """One where there is no column for the kind: what became of an act is asked beside whether it may happen."""
        return f"{self.what} – what became of it" if self.kind == "outcome" else self.what


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """What was asked from ``begins`` (a day, in UTC) for ``days``."""

    begins: dt.date
    days: int
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How asking people went, of requests *asked* in the period.

    ``steps``: the longest waiting (p95) first. ``buckets``: in order, without gaps. ``decisions``, ``channels`` and ``people`` count
    answers: where several must approve, each of their approvals is one. ``counted_since``: there were more than are counted, and what is
    older than this was left out.
    """

    period: Period
    graph: str | None
    whole: Figures
    steps: tuple[StepFigures, ...]
    buckets: tuple[Bucket, ...]
    decisions: tuple[Share, ...]
    channels: tuple[Share, ...]
    people: tuple[PersonFigures, ...]
    reasons: tuple[Reason, ...]
    signs: tuple[Sign, ...]
    counted_since: dt.datetime | None


def report(sample: Sample) -> Report:
    """Worked out from what was read."""
    rows = sample.rows
    given = [answer for _, answer in answers(rows)]
    return Report(
        period=sample.period,
        graph=sample.graph,
        whole=figures(rows),
        steps=_steps(rows),
        buckets=tuple(_buckets(sample)),
        decisions=shares(answer.decision for answer in given),
        channels=shares(answer.via for answer in given),
        people=people(rows),
        reasons=reasons(rows),
        signs=signs(rows),
        counted_since=min(each.asked_at for each in rows) if sample.cut and rows else None,
    )


def _steps(rows: Sequence[Asked]) -> tuple[StepFigures, ...]:
    found: dict[tuple[str, RequestKind, str], list[Asked]] = {}
    for each in rows:
        found.setdefault((each.graph, each.kind, each.what), []).append(each)
    steps = [
        StepFigures(graph=graph, kind=kind, what=what, figures=figures(asked))
        for (graph, kind, what), asked in found.items()
    ]
    return tuple(sorted(steps, key=lambda s: (-(s.figures.waiting.p95 or 0.0), s.graph, s.what, s.kind)))


def _buckets(sample: Sample) -> Iterator[Bucket]:
    if not sample.rows:
        return
    period = sample.period
    # What lies before the first request is empty: a period may begin in the year 1.
    first = (
        max(period.since, min(each.asked_at for each in sample.rows)) if _is_long(period) else period.since
    )
    last = (period.until - dt.timedelta(microseconds=1)).astimezone(dt.UTC).date()
    begins, days = _grid(first.astimezone(dt.UTC).date(), last, by_day=not _is_long(period))
    found: dict[int, list[Asked]] = {}
    for each in sample.rows:
        found.setdefault((each.asked_at.astimezone(dt.UTC).date() - begins).days // days, []).append(each)
    for number in range((last - begins).days // days + 1):
        yield Bucket(
            begins=begins + dt.timedelta(days=number * days),
            days=days,
            figures=figures(found.get(number, ())),
        )


def _is_long(period: Period) -> bool:
    return period.days > BY_DAY_UP_TO


def _grid(first: dt.date, last: dt.date, *, by_day: bool) -> tuple[dt.date, int]:
    """The first bucket's day, and how many days each has."""
    if by_day:
        return first, 1
    begins = first - dt.timedelta(days=min(first.weekday(), first.toordinal() - 1))
    weeks = (last - begins).days // 7 + 1
    return begins, 7 * (-(-weeks // MOST_BUCKETS))
