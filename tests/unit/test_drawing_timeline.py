"""Time lines: people apart from nodes, in words and as SVG (N-02, O-05)."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from itertools import combinations

import pytest

from hitl_middleware.drawing import Bar, Timeline, draw_timeline
from hitl_middleware.drawing.text import width
from hitl_middleware.drawing.timeline import joined, lasting, without

from tests.kit.geometry import SVG, Rect

START = dt.datetime(2026, 11, 26, 9, 0, tzinfo=dt.UTC)


def at(seconds: float) -> dt.datetime:
    """So many seconds after the start."""
    return START + dt.timedelta(seconds=seconds)


def a_bar(label: str, since: float, to: float | None, **more) -> Bar:
    """From when to when, in seconds."""
    return Bar(label=label, start=at(since), end=None if to is None else at(to), **more)


def a_day() -> Timeline:
    """Two seconds of work around five hours of waiting, and a second wait that goes on."""
    bars = (
        a_bar("model", 0, 1.2),
        a_bar("tools", 1.2, 1.3),
        a_bar("Refund 120 €?", 1.3, 18_000, kind="human", note="approved"),
        a_bar("tools", 18_000, 18_000.4),
        a_bar("model", 18_000.4, 18_001),
        a_bar("Refund 9,000 €?", 18_001, None, kind="human", status="waiting"),
        a_bar(
            "a node with a name that takes more than its place",
            18_001,
            18_001,
            status="failed",
            note="it <broke>",
        ),
    )
    return Timeline(start=START, end=at(19_000), bars=bars)


def bars_of(svg: str) -> Iterator[tuple[set[str], str, Rect]]:
    """The bars of a picture: their classes, whose they are, and where they lie."""
    for group in ET.fromstring(svg).iter(f"{SVG}g"):  # noqa: S314 – our own pictures
        kinds = set(group.attrib.get("class", "").split())
        if "stretch" in kinds:
            (rect,) = group.findall(f"{SVG}rect")
            x, y, wide, high = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
            yield (
                kinds,
                group.attrib["data-label"],
                Rect(group.attrib["data-label"], x, y, x + wide, y + high),
            )


def page_of(svg: str) -> Rect:
    """The picture's own size."""
    _, _, wide, high = map(float, ET.fromstring(svg).attrib["viewBox"].split())  # noqa: S314 – our own pictures
    return Rect("page", 0, 0, wide, high)


def words_of(svg: str) -> list[Rect]:
    """Where words stand."""
    found = []
    for text in ET.fromstring(svg).iter(f"{SVG}text"):  # noqa: S314 – our own pictures
        size, x, y = (float(text.attrib[key]) for key in ("font-size", "x", "y"))
        wide = width(text.text or "", size)
        left = x - wide / 2 if text.attrib.get("text-anchor") == "middle" else x
        found.append(Rect(text.text or "", left, y - size * 0.8, left + wide, y + size * 0.25))
    return found


def test_people_are_set_apart():
    """Their bars lie above all nodes', and a node's bar never runs while they are waited for."""
    found = list(bars_of(draw_timeline(a_day())))
    people = [rect for kinds, _, rect in found if "by-human" in kinds]
    nodes = [rect for kinds, _, rect in found if "by-node" in kinds]
    assert (len(people), len(nodes)) == (2, 5)
    assert max(rect.bottom for rect in people) < min(rect.y for rect in nodes)
    assert a_day().waited == pytest.approx(17_998.7 + 999)
    assert ["is-failed" in kinds for kinds, label, _ in found if label.startswith("a node")] == [True]


def test_work_is_seen_beside_a_wait_of_hours():
    """Two seconds of five hours would be nothing; they are given room, in order, and the picture says so."""
    svg = draw_timeline(a_day())
    model = [rect for _, label, rect in bars_of(svg) if label == "model"]
    assert [rect.right - rect.x > 50 for rect in model] == [True, True]
    assert model[0].right < model[1].x
    assert "waiting is drawn shorter than it was" in svg
    even = Timeline(start=START, end=at(10), bars=(a_bar("a", 0, 5), a_bar("b", 5, 10)))
    a, b = (rect.right - rect.x for _, _, rect in bars_of(draw_timeline(even)))
    assert a == pytest.approx(b, abs=0.2)
    assert "shorter" not in draw_timeline(even)


@pytest.mark.parametrize("count", [0, 1, 8, 100])
def test_words_do_not_lie_on_words(count):
    """Names, sums, marks of the axis; with many rows the last says how many more there are. Everything is on the page."""
    bars = [a_bar(f"node number {i} of a graph of many", i * 3, i * 3 + 2.5) for i in range(count)]
    waits = [a_bar(f"wait {i}", i * 2, i * 2 + 7, kind="human") for i in range(count // 2)]
    for line in (Timeline(start=START, end=at(301), bars=(*bars, *waits)), a_day()):
        svg = draw_timeline(line)
        page = page_of(svg)
        texts = words_of(svg)
        assert [one.of for one, other in combinations(texts, 2) if one.overlaps(other)] == []
        assert [each.of for each in [*texts, *(r for _, _, r in bars_of(svg))] if not page.holds(each)] == []
    if count == 100:
        assert "and 40 more nodes" in draw_timeline(Timeline(start=START, end=at(301), bars=tuple(bars)))


def test_names_are_data():
    """Escaped, cut, and told whole."""
    svg = draw_timeline(a_day())
    titles = [each.text or "" for each in ET.fromstring(svg).iter(f"{SVG}title")]  # noqa: S314 – our own pictures
    assert any("it <broke>" in title for title in titles)
    assert "a node with a name that takes more than its place" in titles
    assert "<broke>" not in svg


def test_nodes_of_one_subgraph_are_told_apart():
    """Of a path that is too long for its place its beginning is left out: what it ends with is what differs."""
    ends = ["draft", "ask-the-owner", "think_about_it_for_a_very_long_time"]
    bars = tuple(a_bar(f"department/writing/{end}", 0, 1) for end in ["draft", "ask-the-owner"])
    bars += (a_bar(f"department/writing/{ends[2]}", 1, 2),)
    picture = ET.fromstring(draw_timeline(Timeline(start=START, end=at(2), bars=bars)))  # noqa: S314 – our own
    drawn = [each.text or "" for each in picture.iter(f"{SVG}text")]
    assert {"…/writing/draft", "…/ask-the-owner"} <= {*drawn}
    assert any(each.startswith("…/think_about") and each.endswith("…") for each in drawn)


def test_the_same_for_a_terminal():
    """One line for each bar, in order, with what is not as it should be."""
    first, *rest = str(a_day()).splitlines()
    assert first == "5 h 16 min in all, of which 5 h 16 min waiting for people"
    assert [line.split()[0] for line in rest[:2]] == ["+0", "+1.2"]
    assert "people: Refund 9,000 €? [waiting]" in str(a_day())
    assert "so far" in str(a_day())


def test_spans():
    """What is waited for twice counts once; what is left of a span without others is what lies between them."""
    assert joined([(at(5), at(7)), (at(0), at(2)), (at(1), at(3))]) == ((at(0), at(3)), (at(5), at(7)))
    assert without((at(0), at(10)), [(at(2), at(3)), (at(5), at(12))]) == [(at(0), at(2)), (at(3), at(5))]
    assert without((at(1), at(2)), [(at(0), at(3))]) == []
    told = [lasting(s) for s in (0, 0.05, 0.35, 9.96, 59.7, 61, 3_600, 3_661, 90_000)]
    assert told == ["0 ms", "50 ms", "0.3 s", "10 s", "1 min", "1 min 1 s", "1 h", "1 h 1 min", "1 d 1 h"]
