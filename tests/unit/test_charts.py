"""Charts: what stands where. Nothing overlaps, nothing is outside, nobody's label is more than text."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitl_middleware.drawing.charts import (
    CHART_STYLE,
    SIZE,
    WIDTH,
    Bar,
    Series,
    bars,
    columns,
    cut,
    lines,
    room,
)

SVG = "{http://www.w3.org/2000/svg}"
PLACES = ("x", "y", "width", "height", "cx", "cy")
HOSTILE = "</text></svg><script>alert(1)</script>\" onload='x' & \x00\x1b[2J\ud800"
TEXT = st.text(max_size=60)
NUMBER = st.floats(min_value=0, max_value=1e9)


def drawn(svg: str) -> ET.Element:
    """A chart, read as XML."""
    found = ET.fromstring(svg)  # noqa: S314 – ours
    assert (found.get("role"), found.get("class")) == ("img", "chart")
    assert found[0].tag == f"{SVG}title"
    assert found.get("aria-label") == (found[0].text or "")
    assert {each.tag.removeprefix(SVG) for each in found.iter()} <= {
        "svg", "title", "g", "text", "rect", "line", "polyline", "circle",
    }  # fmt: skip
    assert not [
        name for each in found.iter() for name in each.attrib if name.startswith("on") or name == "style"
    ]
    _inside(found)
    _apart(found)
    return found


def _inside(svg: ET.Element) -> None:
    """Nothing outside the viewBox."""
    _, _, width, height = map(float, (svg.get("viewBox") or "").split())
    for each in svg.iter():
        at = {key: float(value) for key, value in each.attrib.items() if key in PLACES}
        match each.tag.removeprefix(SVG):
            case "rect":
                assert 0 <= at["x"] <= at["x"] + at["width"] <= width + 0.2
                assert 0 <= at["y"] <= at["y"] + at["height"] <= height + 0.2
            case "circle":
                assert 0 <= at["cx"] <= width
                assert 0 <= at["cy"] <= height
            case "text":
                left, right = _ends(each)
                assert -0.2 <= left <= right <= width + 0.2, each.text
                assert 0 < at["y"] <= height


def _ends(text: ET.Element) -> tuple[float, float]:
    x, long = float(text.get("x") or 0), room(text.text or "")
    before = {"start": 0.0, "middle": long / 2, "end": long}[text.get("text-anchor") or "start"]
    return x - before, x - before + long


def _apart(svg: ET.Element) -> None:
    """No two labels on one line touch."""
    rows: dict[str, list[tuple[float, float]]] = {}
    for text in svg.iter(f"{SVG}text"):
        if text.text:
            rows.setdefault(text.get("y") or "", []).append(_ends(text))
    for ends in rows.values():
        ends.sort()
        assert all(one[1] <= two[0] + 0.2 for one, two in pairwise(ends)), ends


@settings(max_examples=25)
@given(
    items=st.lists(st.tuples(TEXT, NUMBER, st.text(max_size=12), st.none() | NUMBER), max_size=8), title=TEXT
)
def test_bars_stay_where_they_belong(items, title) -> None:
    """O-06: whatever the labels and numbers are, each has its row, and what is drawn is inside and does not touch."""
    svg = drawn(bars(title, [Bar(label=a, value=b, words=c, beyond=d) for a, b, c, d in items]))
    assert len(svg.findall(f"{SVG}g")) == len(items)


@settings(max_examples=25)
@given(data=st.data(), many=st.integers(0, 120), title=TEXT)
def test_time_stays_where_it_belongs(data, many, title) -> None:
    """O-06: the same of columns and lines: labels are left out before they touch."""
    some, few = (
        data.draw(st.lists(st.text(max_size=12), min_size=1, max_size=5)),
        data.draw(st.lists(st.none() | NUMBER, min_size=1, max_size=5)),
    )
    labels = [some[at % len(some)] for at in range(many)]
    numbers = tuple(few[at % len(few)] for at in range(many))
    series = [Series(name="a", tone="good", values=numbers), Series(name=title, tone="bad", values=numbers)]
    drawn(columns(title, labels, series))
    known = [number for number in numbers if number is not None]
    drawn(lines(title, labels, series, "1 day", max(known, default=0.0)))


def test_a_bar_is_as_long_as_its_value() -> None:
    """Twice the value, twice the bar; the paler one reaches on."""
    svg = drawn(
        bars(
            "Waiting",
            [Bar(label="a", value=10, words="10 s", beyond=40), Bar(label="b", value=20, words="20 s")],
        )
    )
    wide = {(r.get("class"), r.get("y")): float(r.get("width") or 0) for r in svg.iter(f"{SVG}rect")}
    (one, two), (more,) = (
        [w for (kind, _), w in wide.items() if kind == "main"],
        [w for (kind, _), w in wide.items() if kind == "more"],
    )
    assert two == pytest.approx(2 * one, abs=0.2)
    assert more == pytest.approx(4 * one, abs=0.3)


def test_a_column_is_put_together_of_its_parts() -> None:
    """Each part as high as its count, one upon the other; the highest column reaches the top."""
    series = [Series(name="yes", tone="good", values=(3, 0)), Series(name="no", tone="bad", values=(1, 2))]
    svg = drawn(columns("Decisions", ["Mon", "Tue"], series))
    parts = [r for g in svg.iter(f"{SVG}g") for r in g.iter(f"{SVG}rect")]
    high = [float(r.get("height") or 0) for r in parts]
    assert high == pytest.approx([112.5, 37.5, 75.0])
    assert float(parts[0].get("y") or 0) == pytest.approx(float(parts[1].get("y") or 0) + high[1])
    assert [g.findtext(f"{SVG}title") for g in svg.iter(f"{SVG}g")] == ["Mon: yes 3, no 1", "Tue: no 2"]


def test_a_line_is_broken_where_nothing_is_known() -> None:
    """A day on which nobody waited is no 0 s."""
    svg = drawn(
        lines("p50", list("abcd"), [Series(name="p50", tone="main", values=(1, 2, None, 3))], "3 s", 3)
    )
    assert [len((line.get("points") or "").split()) for line in svg.iter(f"{SVG}polyline")] == [2]
    assert len(list(svg.iter(f"{SVG}circle"))) == 3


def test_a_label_is_text() -> None:
    """Markup in a label is shown and does nothing, and what XML cannot hold is replaced."""
    for svg in (
        bars(HOSTILE, [Bar(label=HOSTILE, value=1, words=HOSTILE[:20])]),
        columns(HOSTILE, [HOSTILE], [Series(name=HOSTILE, tone="good", values=(1,))]),
    ):
        assert "<script" not in svg
        assert "\x00" not in svg
        svg.encode()
        drawn(svg)


def test_a_long_label_is_cut() -> None:
    """With all of it in the title: nothing is lost, and nothing runs into the bars."""
    long = "a_tool_with_a_name_that_goes_on_and_on_" * 5
    svg = drawn(bars("x", [Bar(label=long, value=1, words="1")]))
    (label, _) = [text.text or "" for text in svg.iter(f"{SVG}text")]
    assert label.endswith("…")
    assert long.startswith(label[:-1])
    assert svg.findtext(f"{SVG}g/{SVG}title") == f"{long}: 1"
    assert cut("short", 200) == "short"
    assert room(cut("W" * 99, 100)) <= 100


def test_nothing_is_drawn_of_nothing() -> None:
    """No items, no division by zero, a chart all the same."""
    drawn(bars("none", []))
    drawn(bars("zeros", [Bar(label="a", value=0, words="0", beyond=0)]))
    drawn(columns("none", [], []))
    drawn(lines("none", ["a"], [Series(name="x", tone="main", values=(None,))], "", 0))


def test_colours_are_in_the_style_sheet() -> None:
    """Every tone has its colour, for light and dark; a page needs no inline style."""
    assert all(
        f".chart .{tone} " in CHART_STYLE
        for tone in ("main", "more", "good", "bad", "warn", "calm", "soft", "grid")
    )
    assert "prefers-color-scheme: dark" in CHART_STYLE
    assert SIZE < WIDTH
