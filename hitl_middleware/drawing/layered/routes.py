"""Coordinates down, and the way of every link."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from hitl_middleware.drawing.layered.layers import LABEL_GAP, LOOP
from hitl_middleware.drawing.layered.values import Layered, Link, Point, Route, Stroke

LEAST_GAP: Final = 36.0
MOST_GAP: Final = 84.0
SLANT: Final = 0.1
"""A gap grows with how far links move aside in it, so that they do not run flat."""

NEAR_LABELS: Final = 16.0
CORNER: Final = 7.0
LOOP_ROOM: Final = 10.0
"""Half of the height that a link from a box to itself takes at the box's side, and its label."""

HOOK: Final = 9.0
"""How far above or below a box a link that leads back turns, where it may not use the box's side; the next one as much further."""


def bands(found: Layered, axes: Mapping[int, float]) -> list[tuple[float, float]]:
    """Top and bottom of each layer."""
    told: list[tuple[float, float]] = []
    y = 0.0
    for index, layer in enumerate(found.layers):
        height = max((found.vertices[vertex].height for vertex in layer), default=0.0)
        told.append((y, y + height))
        aside = max((abs(axes[v] - axes[w]) for v in layer for w in found.down[v]), default=0.0)
        below = found.layers[index + 1] if index + 1 < len(found.layers) else ()
        least = NEAR_LABELS if _only_labels(found, layer) or _only_labels(found, below) else LEAST_GAP
        y += height + min(max(least, least * 0.7 + SLANT * aside), MOST_GAP)
    return told


def _only_labels(found: Layered, layer: Sequence[int]) -> bool:
    return all(found.passes(vertex) for vertex in layer)


class Router:
    """Draws the ways, once everything has its place."""

    def __init__(self, found: Layered, axes: Mapping[int, float], rows: Sequence[Sequence[int]]) -> None:
        self._found = found
        self._axes = axes
        self.bands = bands(found, axes)
        self._lanes = self._beside(rows)
        self._stubs = self._on_sides()

    def corner(self, vertex: int) -> Point:
        """The upper left corner of a box, which stands in the middle of its layer."""
        each = self._found.vertices[vertex]
        top, bottom = self.bands[each.layer]
        return Point(self._axes[vertex] - each.left, (top + bottom - each.height) / 2)

    def route(self, link: Link, chain: Sequence[int], *, back: bool) -> Route:
        """The way of one link."""
        if self._found.vertices[chain[0]].loop:
            return self._loop(chain[0])
        way = _Way(self._start(link, chain, back=back))
        down = list(reversed(chain)) if back else list(chain)
        if back:
            self._out_at_side(way, link, down[0])
        for one, two in pairwise(down):
            self._across(way, link, one, two, back=back)
        if back:
            self._in_at_side(way, link, down[-1])
        else:
            box = self.corner(down[-1])
            way.line(Point(self._entry(link, down[-1]), box.y))
        label = next((vertex for vertex in chain if self._found.vertices[vertex].label), None)
        return Route(way.start, tuple(way.strokes), None if label is None else self._label(label), back)

    def _label(self, vertex: int) -> Point:
        each = self._found.vertices[vertex]
        top, bottom = self.bands[each.layer]
        reach = LOOP if each.loop else 0.0
        return Point(self._axes[vertex] + reach + LABEL_GAP, (top + bottom - each.height) / 2)

    def _start(self, link: Link, chain: Sequence[int], *, back: bool) -> Point:
        if not back:
            vertex = chain[0]
            return Point(
                self._exit(link, vertex), self.corner(vertex).y + self._found.vertices[vertex].height
            )
        host = self._host(chain[-1])
        corner, each = self.corner(host), self._found.vertices[host]
        if link.leaves is not None:
            return Point(corner.x + link.leaves, corner.y + each.height)
        return Point(corner.x + each.left + each.right, self._stubs[chain[-1]])

    def _exit(self, link: Link, vertex: int) -> float:
        return self.corner(vertex).x + link.leaves if link.leaves is not None else self._axes[vertex]

    def _entry(self, link: Link, vertex: int) -> float:
        return self.corner(vertex).x + link.enters if link.enters is not None else self._axes[vertex]

    def _across(self, way: _Way, link: Link, one: int, two: int, *, back: bool) -> None:
        """From within one layer into the next on the way: straight to its edge, and across the gap."""
        here, there = self._found.vertices[one], self._found.vertices[two]
        (top, bottom), (next_top, next_bottom) = self.bands[here.layer], self.bands[there.layer]
        at = way.at.x
        if back:
            way.line(Point(at, top))
            way.curve(Point(self._axes[two], next_bottom))
        else:
            x = self._entry(link, two) if there.name is not None else self._axes[two]
            way.line(Point(at, bottom))
            way.curve(Point(x, next_top))

    def _out_at_side(self, way: _Way, link: Link, lane: int) -> None:
        x = self._axes[lane]
        if link.leaves is None:
            way.corner(Point(x, way.at.y), Point(x, way.at.y - CORNER))
            return
        turn = way.at.y + self._depth(lane, below=True)
        way.corner(Point(way.at.x, turn), Point(x, turn))
        way.corner(Point(x, turn), Point(x, turn - CORNER))

    def _in_at_side(self, way: _Way, link: Link, lane: int) -> None:
        host = self._host(lane)
        corner, each = self.corner(host), self._found.vertices[host]
        x = self._axes[lane]
        if link.enters is None:
            stub = self._stubs[lane]
            way.corner(Point(x, stub), Point(corner.x + each.left + each.right, stub))
            way.line(Point(corner.x + each.left + each.right, stub))
            return
        turn, target = corner.y - self._depth(lane, below=False), corner.x + link.enters
        way.corner(Point(x, turn), Point(target, turn))
        way.corner(Point(target, turn), Point(target, corner.y))
        way.line(Point(target, corner.y))

    def _depth(self, lane: int, *, below: bool) -> float:
        """How far from its box a way turns that may not use the box's side: each a little further than the lane before it."""
        host = self._host(lane)
        near = self._found.up if below else self._found.down
        beside = [vertex for vertex in self._lanes[host] if near[vertex]]
        layer = self._found.vertices[host].layer
        if below:
            free = (
                self.bands[layer + 1][0] - self.bands[layer][1] if layer + 1 < len(self.bands) else MOST_GAP
            )
        else:
            free = self.bands[layer][0] - self.bands[layer - 1][1] if layer else MOST_GAP
        return min(HOOK * (beside.index(lane) + 1), free - 4)

    def _loop(self, vertex: int) -> Route:
        host = self._host(vertex)
        corner, each = self.corner(host), self._found.vertices[host]
        side, middle = corner.x + each.left + each.right, corner.y + each.height / 2
        reach = self._axes[vertex] + LOOP
        high = min(each.height / 4, 7.0)
        curve = Stroke(
            "C",
            (
                Point(reach + 6, middle - high),
                Point(reach + 6, middle + high),
                Point(side, middle + high),
            ),
        )
        label = self._label(vertex) if self._found.vertices[vertex].label else None
        return Route(Point(side, middle - high), (curve,), label, back=True)

    def _host(self, vertex: int) -> int:
        host = self._found.vertices[vertex].host
        assert host is not None  # noqa: S101 – lanes only
        return host

    def _beside(self, rows: Sequence[Sequence[int]]) -> dict[int, list[int]]:
        """The lanes of each box, the nearest first."""
        lanes: dict[int, list[int]] = {}
        for vertex in (vertex for row in rows for vertex in row):
            if (host := self._found.vertices[vertex].host) is not None:
                lanes.setdefault(host, []).append(vertex)
        return lanes

    def _on_sides(self) -> dict[int, float]:
        """At which height each lane leaves the side of its box, so that no stub crosses another lane of the same box.

        Those that lead up leave above the middle, the nearest lane highest; those that lead down below it, the nearest lowest.
        """
        found: dict[int, float] = {}
        for host, beside in self._lanes.items():
            up = [vertex for vertex in beside if self._found.up[vertex]]
            down = [vertex for vertex in beside if self._found.down[vertex]]
            top, height = self.corner(host).y, self._found.vertices[host].height
            if any(self._found.vertices[vertex].loop for vertex in beside):
                # What leads to itself is in the middle, and its label beside it.
                room = max(height / 2 - LOOP_ROOM, 0.0)
                found |= _spread(up, top, room) | _spread(down[::-1], top + height - room, room)
            else:
                found |= _spread([*up, *reversed(down)], top, height)
        return found


def _spread(vertices: Sequence[int], top: float, height: float) -> dict[int, float]:
    return {vertex: top + height * (index + 1) / (len(vertices) + 1) for index, vertex in enumerate(vertices)}


class _Way:
    """Strokes as they are drawn."""

    def __init__(self, start: Point) -> None:
        self.start = self.at = start
        self.strokes: list[Stroke] = []

    def line(self, to: Point) -> None:
        if abs(to.x - self.at.x) + abs(to.y - self.at.y) > 0.05:
            self.strokes.append(Stroke("L", (to,)))
            self.at = to

    def curve(self, to: Point) -> None:
        """Down or up in a gap: it leaves and arrives upright."""
        if abs(to.x - self.at.x) < 0.5:
            self.line(to)
            return
        half = (to.y - self.at.y) / 2
        self.strokes.append(Stroke("C", (self.at.moved(0, half), to.moved(0, -half), to)))
        self.at = to

    def corner(self, at: Point, then: Point) -> None:
        """Straight to a corner, round it, and a little on towards ``then``."""
        first, second = _towards(at, self.at), _towards(at, then)
        self.line(first)
        self.strokes.append(Stroke("C", (at, at, second)))
        self.at = second


def _towards(start: Point, to: Point) -> Point:
    length = abs(to.x - start.x) + abs(to.y - start.y)  # one of the two is 0
    step = min(CORNER, length / 2) / length if length else 0
    return Point(start.x + (to.x - start.x) * step, start.y + (to.y - start.y) * step)
