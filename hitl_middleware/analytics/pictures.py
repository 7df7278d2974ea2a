"""A report as charts. Each is told in a table, too (``tables``). Pure."""

from __future__ import annotations

from typing import Final

from hitl_middleware import telling
from hitl_middleware.analytics.report import Report
from hitl_middleware.display import one_line
from hitl_middleware.drawing.charts import Bar, Series, bars, columns, lines

MOST_BARS: Final = 12
"""Bars of one chart; the table has all."""


def span(seconds: float | None, units: int = 2) -> str:
    """A length of time in its largest units: ``2 h 5 min``; below ten seconds with a tenth; ``–``: none."""
    if seconds is None:
        return "–"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    return telling.span(seconds, units)


def percent(part: float | None) -> str:
    """A part of 1; ``–``: of nothing. Not rounded to none or all where it is neither."""
    if part is None:
        return "–"
    if 0 < part < 0.01:
        return "under 1 %"
    if 0.99 < part < 1:
        return "over 99 %"
    return f"{part * 100:.0f} %"


def waiting_by_step(found: Report) -> str:
    """How long each step was waited for: p50, and on to p95."""
    timed = [each for each in found.steps if each.figures.waiting.count][:MOST_BARS]
    return bars(
        "Waiting time by graph and step: p50, and paler on to p95",
        [
            Bar(
                label=one_line(f"{each.name} · {each.graph}", 100),
                value=each.figures.waiting.p50 or 0.0,
                beyond=each.figures.waiting.p95,
                words=f"{span(each.figures.waiting.p50)} – {span(each.figures.waiting.p95)}",
            )
            for each in timed
        ],
    )


def waiting_over_time(found: Report) -> str:
    """p50 and p95 of what was asked in each day or week."""
    longest = max((b.figures.waiting.p95 or 0.0 for b in found.buckets), default=0.0)
    return lines(
        f"Waiting time {_by(found)}: p50 and p95",
        _labels(found),
        [
            Series(name="p95", tone="more", values=tuple(b.figures.waiting.p95 for b in found.buckets)),
            Series(name="p50", tone="main", values=tuple(b.figures.waiting.p50 for b in found.buckets)),
        ],
        highest=span(longest, 1),
        top=longest,
    )


def decided_over_time(found: Report) -> str:
    """What became of what was asked in each day or week."""
    figures = [each.figures for each in found.buckets]
    return columns(
        f"What became of requests {_by(found)}",
        _labels(found),
        [
            Series(name="approved", tone="good", values=tuple(float(f.approved) for f in figures)),
            Series(name="rejected", tone="bad", values=tuple(float(f.rejected) for f in figures)),
            Series(
                name="sent back or answered",
                tone="main",
                values=tuple(float(f.revised + f.answered + f.settled) for f in figures),
            ),
            Series(
                name="expired or taken back",
                tone="calm",
                values=tuple(float(f.expired + f.withdrawn) for f in figures),
            ),
            Series(name="waiting", tone="warn", values=tuple(float(f.pending) for f in figures)),
        ],
    )


def answers_by_channel(found: Report) -> str:
    """How many answers came by each channel."""
    return bars(
        "Answers by channel",
        [
            Bar(label=one_line(each.name, 100), value=each.count, words=f"{each.count:,}")
            for each in found.channels[:MOST_BARS]
        ],
    )


def answers_by_person(found: Report) -> str:
    """How many answers each person gave."""
    return bars(
        "Answers by person",
        [
            Bar(label=one_line(each.name or each.person, 100), value=each.answers, words=f"{each.answers:,}")
            for each in found.people[:MOST_BARS]
        ],
    )


def _by(found: Report) -> str:
    days = found.buckets[0].days if found.buckets else 1
    return {1: "day by day", 7: "week by week"}.get(days, f"by {days} days")


def _labels(found: Report) -> list[str]:
    return [f"{each.begins.day} {each.begins:%b}" for each in found.buckets]
