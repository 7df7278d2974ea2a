"""When each node ran, and when it was people that were waited for: as values, for a terminal, and as SVG (``timing``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from hitl_middleware.drawing.graph import Status

Span = tuple[dt.datetime, dt.datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One stretch of time. ``human``: people were waited for; ``label`` is then what they were asked, else a node's name.

    ``end``: ``None`` where it goes on. ``note``: more about it, shown when it is pointed at.
    """

    label: str
    start: dt.datetime
    end: dt.datetime | None
    kind: Literal["node", "human"] = "node"
    status: Status = "done"
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """From ``start`` to ``end`` (now, where it goes on). Times are aware."""

    start: dt.datetime
    end: dt.datetime
    bars: tuple[Bar, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it took, so far."""
        return max((self.end - self.start).total_seconds(), 0.0)

    def span(self, bar: Bar) -> Span:
        """A bar's time, as far as it is within the line's."""
        start = min(max(bar.start, self.start), self.end)
        return start, max(min(bar.end or self.end, self.end), start)

    @property
    def waits(self) -> tuple[Span, ...]:
        """When people were waited for; waits that overlap are one."""
        return joined(self.span(bar) for bar in self.bars if bar.kind == "human")

    @property
    def waited(self) -> float:
        """How many seconds people were waited for."""
        return sum((end - start).total_seconds() for start, end in self.waits)

    @property
    def rows(self) -> tuple[tuple[str, tuple[Bar, ...]], ...]:
        """Bars of nodes by their label, in the order in which they first ran."""
        found: dict[str, list[Bar]] = {}
        for bar in sorted((b for b in self.bars if b.kind == "node"), key=lambda b: b.start):
            found.setdefault(bar.label, []).append(bar)
        return tuple((label, tuple(bars)) for label, bars in found.items())

    def __str__(self) -> str:
        """One line for each bar, in order: when, how long, what."""
        lines = [
            f"{lasting(self.seconds)} in all, of which {lasting(self.waited)} waiting for people",
        ]
        for bar in sorted(self.bars, key=lambda b: b.start):
            start, end = self.span(bar)
            since = f"+{lasting((start - self.start).total_seconds())}"
            took = lasting((end - start).total_seconds()) + ("" if bar.end else " so far")
            who = "people: " if bar.kind == "human" else ""
            what = "" if bar.status == "done" else f" [{bar.status}]"
            note = f"  {bar.note}" if bar.note else ""
            lines.append(
                "".join(
                    c if c.isprintable() else "\ufffd"
                    for c in f"{since:>10}  {took:>14}  {who}{bar.label}{what}{note}"
                )
            )
        return "\n".join(lines)


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, those that overlap or touch as one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return tuple(found)


def without(span: Span, taken: Sequence[Span]) -> list[Span]:
    """What is left of a span without others, which are in order and apart."""
    left: list[Span] = []
    start, end = span
    for since, to in taken:
        if to <= start or since >= end:
            continue
        if since > start:
            left.append((start, since))
        start = to
    return [*left, (start, end)] if start < end else left


def lasting(seconds: float) -> str:
    """A length of time in one or two units: ``0.35 s``, ``2 min 5 s``, ``3 d 4 h``."""
    if seconds < 0.0995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, below, smaller in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"
