"""Charts as SVG: bars with a label each, columns and lines over time. Pure.

Whoever shows one shows its numbers in a table, too: a chart is never the only place of a number. Labels are data: escaped, and what is too
long is cut with all of it in ``<title>``. Colours are classes (``CHART_STYLE``), places are attributes: no page needs
inline styles.

Room for text is estimated (there is no font here): ``room`` errs on the wide side, and no two labels are put closer than it says.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

WIDTH: Final = 720.0
"""Units of every chart's width; about one is a pixel of a page."""

SIZE: Final = 13.0
"""Of type."""

_LABEL, _WORDS, _GAP, _ROW, _BAR = 240.0, 220.0, 10.0, 26.0, 12.0
_HEIGHT, _TOP, _FOOT, _SIDE = 150.0, 34.0, 24.0, 66.0

CHART_STYLE: Final = """\
.chart { font: 13px system-ui, sans-serif; max-width: 100%; height: auto; display: block; }
.chart text { fill: var(--text, #1b2028); }
.chart .soft { fill: var(--soft, #59616e); }
.chart .grid { stroke: var(--line, #dde1e7); stroke-width: 1; }
.chart .main { fill: var(--chart-main, #2257c5); }
.chart .more { fill: var(--chart-more, #a9c0ee); }
.chart .good { fill: var(--chart-good, #2e9e5b); }
.chart .bad { fill: var(--chart-bad, #c9433c); }
.chart .warn { fill: var(--chart-warn, #d18b1d); }
.chart .calm { fill: var(--chart-calm, #9aa3b0); }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.chart .line.main { fill: none; stroke: var(--chart-main, #2257c5); }
.chart .line.more { fill: none; stroke: var(--chart-more, #a9c0ee); }
@media (prefers-color-scheme: dark) {
  .chart {
    --chart-main: #8db2ff; --chart-more: #3d568c; --chart-good: #4fb37c;
    --chart-bad: #e0726b; --chart-warn: #d9a04a; --chart-calm: #6b7583;
  }
  .chart text { fill: var(--text, #e5e8ed); }
  .chart .soft { fill: var(--soft, #a2abb8); }
  .chart .grid { stroke: var(--line, #323944); }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """``value`` with its words; ``beyond``: how far a paler bar reaches on from it (a p95 behind a p50)."""

    label: str
    value: float
    words: str
    beyond: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One of the things that are counted over time. ``tone``: main · more · good · bad · warn · calm. ``None``: nothing is known there."""

    name: str
    tone: str
    values: tuple[float | None, ...]


def room(text: str, size: float = SIZE) -> float:
    """Units that a text takes at most, in the fonts that browsers take for ``system-ui`` and ``sans-serif``."""
    return size * sum(map(_room, text))


def _room(char: str) -> float:
    if char in "iljtfrI.,:;'|!()[] ·-":
        return 0.41
    if char in "mwMW@%—…–":
        return 1.0
    if unicodedata.east_asian_width(char) in {"W", "F"} or not char.isprintable():
        return 1.2
    if char.isascii():
        return 0.72 if char.isupper() else 0.64
    return 0.9


def cut(text: str, width: float, size: float = SIZE) -> str:
    """As much of a text as there is room for; ``…`` where it was cut."""
    if room(text, size) <= width:
        return text
    kept = text
    while kept and room(f"{kept}…", size) > width:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def bars(title: str, items: Sequence[Bar]) -> str:
    """A bar for each item, one below the other, with its label before and its words behind it."""
    return _svg(title, len(items) * _ROW, _bars(items))


def _bars(items: Sequence[Bar]) -> Iterator[str]:
    said = [cut(_clean(item.words), _WORDS) for item in items]
    left, widest = _LABEL + _GAP, max(map(room, said), default=0.0)
    longest = max((max(item.value, item.beyond or 0.0) for item in items), default=0.0)

    def long(value: float) -> float:
        return value / longest * (WIDTH - left - widest - _GAP) if longest else 0.0

    for number, (item, words) in enumerate(zip(items, said, strict=True)):
        label, top = _clean(item.label), number * _ROW
        middle, bar = top + _ROW / 2 + SIZE * 0.35, top + (_ROW - _BAR) / 2
        yield f"<g><title>{escape(label)}: {escape(_clean(item.words))}</title>"
        yield _text(cut(label, _LABEL), _LABEL, middle, anchor="end")
        if item.beyond is not None:
            yield _rect("more", left, bar, long(item.beyond), _BAR)
        yield _rect("main", left, bar, max(1.0, long(item.value)), _BAR)
        end = max(1.0, long(max(item.value, item.beyond or 0.0)))
        yield _text(words, left + end + _GAP / 2, middle, kind="soft")
        yield "</g>"


def columns(title: str, labels: Sequence[str], series: Sequence[Series]) -> str:
    """For each label a column of what is counted there, the first series lowest; the names of the series stand above."""
    totals = [sum(each.values[at] or 0.0 for each in series) for at in range(len(labels))]
    top = max(totals, default=0.0)
    return _over_time(title, labels, series, top, f"{top:g}", _columns(labels, series, top))


def _columns(labels: Sequence[str], series: Sequence[Series], highest: float) -> Iterator[str]:
    step = (WIDTH - _SIDE) / max(1, len(labels))
    for at, label in enumerate(labels):
        yield f"<g><title>{escape(_clean(label))}: {escape(_clean(_told(series, at)))}</title>"
        base = _TOP + _HEIGHT
        for each in series:
            height = (each.values[at] or 0.0) / highest * _HEIGHT if highest else 0.0
            base -= height
            if height:
                yield _rect(each.tone, _SIDE + at * step + step * 0.15, base, step * 0.7, height)
        yield "</g>"


def lines(title: str, labels: Sequence[str], series: Sequence[Series], highest: str, top: float) -> str:
    """A line for each series; it is broken where nothing is known. ``top``: the value that reaches to the top, ``highest`` its words."""
    return _over_time(title, labels, series, top, highest, _lines(labels, series, top))


def _lines(labels: Sequence[str], series: Sequence[Series], top: float) -> Iterator[str]:
    step = (WIDTH - _SIDE) / max(1, len(labels))
    for each in series:
        points = [
            None
            if value is None
            else (_SIDE + (at + 0.5) * step, _TOP + _HEIGHT * (1 - (min(value, top) / top if top else 0.0)))
            for at, value in enumerate(each.values)
        ]
        for part in _unbroken(points):
            if len(part) > 1:
                path = " ".join(f"{x:.1f},{y:.1f}" for x, y in part)
                yield f'<polyline class="line {escape(each.tone)}" points="{path}"/>'
            for x, y in part:
                yield f'<circle class="{escape(each.tone)}" cx="{x:.1f}" cy="{y:.1f}" r="{min(3.0, max(1.5, step / 4)):.1f}"/>'


def _unbroken(points: Sequence[tuple[float, float] | None]) -> Iterator[list[tuple[float, float]]]:
    part: list[tuple[float, float]] = []
    for point in (*points, None):
        if point is not None:
            part.append(point)
        elif part:
            yield part
            part = []


def _over_time(
    title: str,
    labels: Sequence[str],
    series: Sequence[Series],
    top: float,
    highest: str,
    inside: Iterator[str],
) -> str:
    return _svg(
        title,
        _TOP + _HEIGHT + _FOOT,
        (*_legend(series), *_axis(labels, top, highest), *inside),
    )


def _legend(series: Sequence[Series]) -> Iterator[str]:
    x = _SIDE
    for each in series:
        name = _clean(each.name)
        if x + SIZE + room(name) > WIDTH:
            return
        yield _rect(each.tone, x, 4, SIZE - 3, SIZE - 3)
        yield _text(name, x + SIZE, SIZE, kind="soft")
        x += SIZE + room(name) + 2 * _GAP


def _axis(labels: Sequence[str], top: float, highest: str) -> Iterator[str]:
    marks = [(_TOP + _HEIGHT, "0"), *([(_TOP, _clean(highest))] if top else [])]
    for y, words in marks:
        yield f'<line class="grid" x1="{_SIDE:.1f}" x2="{WIDTH:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield _text(cut(words, _SIDE - _GAP), _SIDE - _GAP / 2, y + SIZE * 0.35, kind="soft", anchor="end")
    step = (WIDTH - _SIDE) / max(1, len(labels))
    widest = min(WIDTH / 4, max(map(room, map(_clean, labels)), default=0.0))
    pushed = max(0.0, (widest - step) / 2)  # the last one, back from the edge
    every = max(1, math.ceil((widest + pushed + _GAP) / step))
    # Counted from the end: what is newest is labelled.
    for at in range(len(labels) - 1, -1, -every):
        label = cut(_clean(labels[at]), WIDTH / 4)
        middle = _SIDE + (at + 0.5) * step
        half = room(label) / 2
        yield _text(
            label,
            min(max(middle, half), WIDTH - half),
            _TOP + _HEIGHT + SIZE + 5,
            kind="soft",
            anchor="middle",
        )


def _told(series: Sequence[Series], at: int) -> str:
    return ", ".join(f"{each.name} {value:g}" for each in series if (value := each.values[at])) or "nothing"


def _svg(title: str, height: float, inside: Sequence[str] | Iterator[str]) -> str:
    name = escape(_clean(title))
    return (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {max(height, 1.0):g}" width="{WIDTH:g}" '
        f'height="{max(height, 1.0):g}" role="img" aria-label="{name}"><title>{name}</title>{"".join(inside)}</svg>'
    )


def _rect(tone: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{escape(tone)}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def _text(text: str, x: float, y: float, *, kind: str = "", anchor: str = "start") -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text{of_kind} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _clean(text: str) -> str:
    """On one line, and without what no XML may hold. What else is invisible, whoever hands it over makes visible."""
    line = " ".join(text.split())
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in line)
