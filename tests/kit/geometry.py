"""What an SVG of ours draws, read from its text: boxes, ways as points, labels – so that tests ask the picture, not the layout."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, pairwise, product

from hitl_middleware.drawing.text import width

SVG = "{http://www.w3.org/2000/svg}"


@dataclass(frozen=True)
class Rect:
    """What takes room. ``of``: whose it is; ``inside``: the subgraph it is in."""

    of: str
    x: float
    y: float
    right: float
    bottom: float

    def overlaps(self, other: Rect) -> bool:
        """Whether the two share more than an edge."""
        apart = (
            self.right <= other.x or other.right <= self.x or self.bottom <= other.y or other.bottom <= self.y
        )
        return not apart

    def holds(self, other: Rect) -> bool:
        """Whether the other lies in it."""
        return (
            self.x <= other.x
            and self.y <= other.y
            and self.right >= other.right
            and self.bottom >= other.bottom
        )

    def has(self, x: float, y: float) -> bool:
        """Whether a point lies within, clear of the border."""
        return self.x + 1 < x < self.right - 1 and self.y + 1 < y < self.bottom - 1


@dataclass(frozen=True)
class Drawn:
    """``boxes`` and ``around`` (subgraphs) by node; ``ways``, as points, by source and target; ``labels`` of edges, ``names`` of nodes."""

    page: Rect
    boxes: dict[str, Rect]
    around: dict[str, Rect]
    ways: dict[tuple[str, str], list[tuple[float, float]]]
    labels: list[Rect]
    names: list[Rect]
    classes: dict[str, set[str]]
    taken: set[tuple[str, str]]


def drawn(svg: str) -> Drawn:
    """Read a picture. It must be well-formed, without styles, scripts and references."""
    root = ET.fromstring(svg)  # noqa: S314 – our own pictures
    assert root.tag == f"{SVG}svg"
    for each in root.iter():
        assert each.tag.removeprefix(SVG) in {
            "svg",
            "g",
            "rect",
            "path",
            "text",
            "title",
            "line",
            "defs",
            "pattern",
        }, each.tag
        assert not {"style", "href", "onload"} & set(each.attrib)
    x, y, wide, high = map(float, root.attrib["viewBox"].split())
    boxes: dict[str, Rect] = {}
    around: dict[str, Rect] = {}
    classes: dict[str, set[str]] = {}
    ways, taken = {}, set()
    labels, names = [], []
    for group in root.findall(f"{SVG}g"):
        kinds = set(group.attrib.get("class", "").split())
        if "node" in kinds:
            node = group.attrib["data-node"]
            classes[node] = kinds
            (rect,) = group.findall(f"{SVG}rect")
            (around if "subgraph" in kinds else boxes)[node] = _rect(node, rect)
            names += [_text(node, text) for text in group.findall(f"{SVG}text")]
        elif "edge" in kinds:
            key = group.attrib["data-source"], group.attrib["data-target"]
            way, _ = group.findall(f"{SVG}path")
            ways[key] = list(_points(way.attrib["d"]))
            labels += [_text("→".join(key), text) for text in group.findall(f"{SVG}text")]
            if "taken" in kinds:
                taken.add(key)
    return Drawn(Rect("page", x, y, x + wide, y + high), boxes, around, ways, labels, names, classes, taken)


def faults(found: Drawn) -> list[str]:
    """What is wrong with a picture, in words: what overlaps, runs through something, or leaves the page."""
    return list(_faults(found))


def _faults(found: Drawn) -> Iterator[str]:
    boxes, frames = list(found.boxes.values()), list(found.around.values())
    for each in (*boxes, *frames, *found.labels):
        if not found.page.holds(each):
            yield f"{each.of} leaves the page"
    for one, other in (*combinations([*boxes, *found.labels], 2), *combinations(found.names, 2)):
        if one.overlaps(other):
            yield f"{one.of} lies on {other.of}"
    for name in found.names:
        if not (found.boxes | found.around)[name.of].holds(name):
            yield f"the name of {name.of} leaves its box"
    yield from _out_of_place([*boxes, *frames], frames)
    yield from _run_through(found)


def _out_of_place(boxes: list[Rect], frames: list[Rect]) -> Iterator[str]:
    for box, frame in product(boxes, frames):
        if _within(box.of, frame.of):
            if not frame.holds(box):
                yield f"{box.of} leaves {frame.of}"
        elif box is not frame and not _within(frame.of, box.of) and box.overlaps(frame):
            yield f"{box.of} lies on {frame.of}"


def _run_through(found: Drawn) -> Iterator[str]:
    titles = [name for name in found.names if name.of in found.around]
    for (source, target), points in found.ways.items():
        if not all(found.page.has(*point) for point in points):
            yield f"{source}→{target} leaves the page"
        frames = [
            frame
            for frame in found.around.values()
            if not _within(source, frame.of) and not _within(target, frame.of)
        ]
        for each in (*found.boxes.values(), *frames, *found.labels, *titles):
            if any(each.has(*point) for point in points):
                yield f"{source}→{target} runs through {each.of}"


def _within(node: str, frame: str) -> bool:
    return node.startswith(f"{frame}:")


def _rect(of: str, rect: ET.Element) -> Rect:
    x, y, wide, high = (float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
    return Rect(of, x, y, x + wide, y + high)


def _text(of: str, text: ET.Element) -> Rect:
    size, x, y = (float(text.attrib[key]) for key in ("font-size", "x", "y"))
    wide = width(text.text or "", size)
    left = x - wide / 2 if text.attrib.get("text-anchor") == "middle" else x
    return Rect(of, left, y - size * 0.8, left + wide, y + size * 0.25)


def _points(path: str) -> Iterator[tuple[float, float]]:
    """Points along a way, at most some pixels apart."""
    at = (0.0, 0.0)
    for letter, rest in re.findall(r"([MLC])([^MLC]*)", path):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", rest)]
        points = list(zip(numbers[::2], numbers[1::2], strict=True))
        if letter == "M":
            yield points[0]
        else:
            yield from (_on(at, points, step / 16) for step in range(1, 17))
        at = points[-1]


def _on(start: tuple[float, float], points: list[tuple[float, float]], t: float) -> tuple[float, float]:
    line = [start, *points]
    while len(line) > 1:
        line = [((1 - t) * a[0] + t * b[0], (1 - t) * a[1] + t * b[1]) for a, b in pairwise(line)]
    return line[0]
