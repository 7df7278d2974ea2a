"""A time line as SVG: nodes in rows, the wait for people in lanes of its own above them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from hitl_middleware.drawing.scale import Scale, scale_of
from hitl_middleware.drawing.style import STYLE
from hitl_middleware.drawing.svg import number, tag, written
from hitl_middleware.drawing.text import cut, cut_path, width
from hitl_middleware.drawing.timeline import Bar, Timeline, lasting

WIDE: Final = 740.0
LEFT: Final = 150.0
RIGHT: Final = 606.0
"""Between these two is time; left of it names, right of it sums."""

ROW: Final = 24.0
BAR: Final = 12.0
LEAST: Final = 3.0
"""How wide a bar is at least, however short it was."""

MOST_LANES: Final = 4
MOST_ROWS: Final = 60
TEXT: Final = 12.0
SMALL: Final = 11.0


def draw_timeline(line: Timeline, *, styled: bool = False, name: str = "") -> str:
    """The time line as one ``<svg>`` element. ``styled`` and ``name`` as for ``draw``."""
    scale = scale_of(line, LEFT, RIGHT)
    lanes, rows = _lanes(line), line.rows
    parts: list[str] = [tag("style", STYLE)] if styled else []
    y = 8.0
    top = y
    for index, lane in enumerate(lanes):
        label = "people" if index == 0 else ""
        total = f"{lasting(line.waited)}" if index == 0 else ""
        parts.append(_row("human", label, total, line, lane, scale, y))
        y += ROW
    rule = y + 4
    y += 8 if lanes else 0
    for label, bars in rows[:MOST_ROWS]:
        parts.append(_row("node", label, _sum(line, bars), line, bars, scale, y))
        y += ROW
    if len(rows) > MOST_ROWS:
        parts.append(_text(f"and {len(rows) - MOST_ROWS} more nodes", 0, y + 16, SMALL, "soft"))
        y += ROW
    behind = list(_behind(line, scale, top, y, rule if lanes and rows else None))
    parts = [*parts[: int(styled)], *behind, *parts[int(styled) :], *_axis(line, scale, y)]
    return tag(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        class_="hitl-drawing timeline",
        viewBox=f"0 0 {number(WIDE)} {number(y + 44)}",
        width=WIDE,
        height=y + 44,
        role="img",
        aria_label=name or f"Time: {lasting(line.waited)} of {lasting(line.seconds)} people were waited for",
    )


def _lanes(line: Timeline) -> list[list[Bar]]:
    """Waits that overlap stand below each other; when there are too many at once, the rest on top of each other."""
    lanes: list[list[Bar]] = []
    for bar in sorted((bar for bar in line.bars if bar.kind == "human"), key=lambda bar: bar.start):
        start, _ = line.span(bar)
        free = next((lane for lane in lanes if line.span(lane[-1])[1] <= start), None)
        if free is None and len(lanes) < MOST_LANES:
            lanes.append(free := [])
        (lanes[-1] if free is None else free).append(bar)
    return lanes


def _sum(line: Timeline, bars: Sequence[Bar]) -> str:
    spans = [line.span(bar) for bar in bars]
    took = lasting(sum((to - since).total_seconds() for since, to in spans))
    last = bars[-1].status
    return took if last == "done" else f"{took} {last}"


def _row(
    kind: str, label: str, total: str, line: Timeline, bars: Sequence[Bar], scale: Scale, y: float
) -> str:
    middle = y + ROW / 2
    short = cut_path(label, LEFT - 16, TEXT)
    inside = (
        [tag("g", tag("title", written(label)), _text(short, 0, middle + 4, TEXT, "name"))] if label else []
    )
    inside += [_bar(bar, line, scale, y) for bar in bars]
    if total:
        inside.append(_text(cut(total, WIDE - RIGHT - 12, SMALL), RIGHT + 12, middle + 4, SMALL, "soft"))
    return tag("g", *inside, class_=f"row of-{kind}")


def _bar(bar: Bar, line: Timeline, scale: Scale, y: float) -> str:
    since, to = line.span(bar)
    left = min(scale.at(since), RIGHT - LEAST)
    wide = max(scale.at(to) - left, LEAST)
    took = lasting((to - since).total_seconds()) + ("" if bar.end else " so far")
    words = [
        bar.label,
        *([bar.status] if bar.status != "done" else []),
        took,
        *([bar.note] if bar.note else []),
    ]
    high = BAR + 4 if bar.kind == "human" else BAR
    inside = [
        tag("title", written("\n".join(words))),
        tag("rect", x=left, y=y + (ROW - high) / 2, width=wide, height=high, rx=2.0, fill="currentColor"),
    ]
    if bar.kind == "human" and width(took, SMALL) + 10 <= wide:
        inside.append(_text(took, left + wide / 2, y + ROW / 2 + 4, SMALL, "took", "middle"))
    return tag("g", *inside, class_=f"stretch by-{bar.kind} is-{bar.status}", data_label=bar.label)


def _behind(line: Timeline, scale: Scale, top: float, bottom: float, rule: float | None) -> Iterator[str]:
    """What lies below the bars: when people were waited for, through all rows, and the line between them and the nodes."""
    for since, to in line.waits:
        left = scale.at(since)
        yield tag(
            "rect",
            class_="wait",
            x=left,
            y=top,
            width=max(scale.at(to) - left, 1.0),
            height=bottom - top,
            fill="none",
        )
    if rule is not None:
        yield tag(
            "path", class_="rule", d=f"M0,{number(rule)}H{number(WIDE)}", fill="none", stroke="currentColor"
        )


def _axis(line: Timeline, scale: Scale, y: float) -> Iterator[str]:
    yield tag(
        "path",
        class_="axis",
        d=f"M{number(LEFT)},{number(y + 4)}H{number(RIGHT)}",
        fill="none",
        stroke="currentColor",
    )
    free = LEFT - 100
    ticks = list(scale.ticks)
    for index, (x, words) in enumerate(ticks):
        half = width(words, SMALL) / 2
        last = (
            ticks[-1] if index < len(ticks) - 1 and scale.broken else None
        )  # where it ends is said in any case
        if x - half < free or (last and x + half + 8 > last[0] - width(last[1], SMALL) / 2):
            continue
        free = x + half + 8
        yield tag(
            "path", class_="axis", d=f"M{number(x)},{number(y + 4)}v4", fill="none", stroke="currentColor"
        )
        yield _text(words, x, y + 20, SMALL, "soft tick", "middle")
    began = f"from {line.start:%Y-%m-%d %H:%M:%S} UTC" + (
        "; waiting is drawn shorter than it was" if scale.broken else ""
    )
    yield _text(began, LEFT, y + 37, SMALL, "soft")


def _text(words: str, x: float, y: float, size: float, kind: str, anchor: str | None = None) -> str:
    return tag(
        "text", written(words), x=x, y=y, font_size=size, class_=kind, text_anchor=anchor, fill="currentColor"
    )
