"""The order within each layer: sweeps by barycentres and swaps of neighbours, as long as crossings get fewer."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from hitl_middleware.drawing.layered.values import Layered

SWEEPS: Final = 16
MOST: Final = 1_500
"""Vertices beyond which only a few sweeps are made: it takes time that nobody waits for."""

Order = list[list[list[int]]]
"""Per layer groups: a vertex, or a box with the lanes beside it, which stay there."""


def ordered(found: Layered, leftmost: str | None) -> list[list[int]]:
    """The vertices of each layer from left to right. ``leftmost``: the box that comes first in its layer."""
    order = [_groups(found, layer) for layer in found.layers]
    pinned = None if leftmost is None else found.boxes[leftmost]
    _pin(order, pinned)
    best, fewest = _copy(order), _crossings(found, order)
    for sweep in range(SWEEPS if len(found.vertices) <= MOST else 4):
        if not fewest:
            break
        downwards = sweep % 2 == 0
        for index in range(len(order)) if downwards else reversed(range(len(order))):
            beside = (
                order[index - 1 if downwards else index + 1]
                if 0 <= index + (-1 if downwards else 1) < len(order)
                else None
            )
            if beside is not None:
                near = found.up if downwards else found.down
                order[index] = _sorted(order[index], _places(beside), near)
        _pin(order, pinned)
        _sort_lanes(found, order)
        if len(found.vertices) <= MOST:
            _swap(found, order, pinned)
        crossings = _crossings(found, order)
        if crossings < fewest:
            best, fewest = _copy(order), crossings
    _sort_lanes(found, best)
    return [[vertex for group in layer for vertex in group] for layer in best]


def _groups(found: Layered, layer: Sequence[int]) -> list[list[int]]:
    groups = {vertex: [vertex] for vertex in layer if found.vertices[vertex].host is None}
    for vertex in layer:
        if (host := found.vertices[vertex].host) is not None:
            groups[host].append(vertex)
    return list(groups.values())


def _pin(order: Order, pinned: int | None) -> None:
    for layer in order:
        layer.sort(key=lambda group: group[0] != pinned)


def _copy(order: Order) -> Order:
    return [[list(group) for group in layer] for layer in order]


def _places(layer: Sequence[Sequence[int]]) -> dict[int, int]:
    return {vertex: index for index, vertex in enumerate(v for group in layer for v in group)}


def _sorted(
    layer: list[list[int]], beside: Mapping[int, int], near: Sequence[Sequence[int]]
) -> list[list[int]]:
    """By the mean place of the neighbours; who has none stays where it is."""
    keyed: list[tuple[float, list[int]]] = []
    for group in layer:
        places = [beside[other] for vertex in group for other in near[vertex]]
        if places:
            keyed.append((sum(places) / len(places), group))
    moving = iter(sorted(keyed, key=lambda each: each[0]))
    free = {id(group) for _, group in keyed}
    return [next(moving)[1] if id(group) in free else group for group in layer]


def _sort_lanes(found: Layered, order: Order) -> None:
    """Lanes of a box by where they lead to, so that they do not cross each other; the one to itself is nearest."""
    places = [_places(layer) for layer in order]

    def key(vertex: int) -> tuple[bool, float]:
        for near, step in ((found.up, -1), (found.down, 1)):
            for other in near[vertex]:
                at = found.vertices[vertex].layer + step
                return True, places[at][other] / len(places[at])
        return False, 0.0

    for layer in order:
        for group in layer:
            if len(group) > 2:
                group[1:] = sorted(group[1:], key=key)


def _swap(found: Layered, order: Order, pinned: int | None) -> None:
    """Swap neighbours where that leaves fewer crossings between the two."""
    for index, layer in enumerate(order):
        above = _places(order[index - 1]) if index else {}
        below = _places(order[index + 1]) if index + 1 < len(order) else {}
        for at in range(len(layer) - 1):
            left, right = layer[at], layer[at + 1]
            if left[0] == pinned:
                continue
            now = then = 0
            for near, places in ((found.up, above), (found.down, below)):
                lefts = sorted(places[other] for vertex in left for other in near[vertex])
                rights = sorted(places[other] for vertex in right for other in near[vertex])
                now += _inverted(lefts, rights)
                then += _inverted(rights, lefts)
            if then < now:
                layer[at], layer[at + 1] = right, left


def _inverted(lefts: Sequence[int], rights: Sequence[int]) -> int:
    """How many links of the right one lead to the left of one of the left one's."""
    return sum(len(lefts) - bisect_right(lefts, place) for place in rights)


def _crossings(found: Layered, order: Order) -> int:
    total = 0
    for upper, lower in pairwise(order):
        places = _places(lower)
        passed: list[int] = []
        for vertex in (v for group in upper for v in group):
            ends = sorted(places[other] for other in found.down[vertex])
            total += sum(len(passed) - bisect_right(passed, end) for end in ends)
            for end in ends:
                insort(passed, end)
    return total
