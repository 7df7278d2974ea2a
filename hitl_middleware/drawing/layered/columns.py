"""Coordinates across, after Brandes and Köpf (2001): four layouts, each leaning to one corner, and the middle of them.

Vertices that belong together stand in blocks with one axis; a bend is never torn off another bend, so long links run straight.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

from hitl_middleware.drawing.layered.values import Layered

BETWEEN_BOXES: Final = 30.0
BESIDE_BOX: Final = 16.0
BETWEEN_BENDS: Final = 8.0


def columns(found: Layered, layers: Sequence[Sequence[int]]) -> dict[int, float]:
    """The axis of each vertex; the leftmost edge of all is at 0."""
    torn = _torn(found, layers)
    made: list[dict[int, float]] = []
    for upwards in (False, True):
        for mirrored in (False, True):
            rows = [list(reversed(layer)) if mirrored else list(layer) for layer in layers]
            if upwards:
                rows.reverse()
            root = _blocks(rows, found.down if upwards else found.up, torn)
            axes = _compact(rows, root, _gap(found, mirrored=mirrored))
            made.append({vertex: -axis for vertex, axis in axes.items()} if mirrored else axes)
    axes = _balanced(found, made)
    _drawn_near(found, layers, axes)
    return axes


def _drawn_near(found: Layered, layers: Sequence[Sequence[int]], axes: dict[int, float]) -> None:
    """Take ways that lead back as near to their boxes as they can stand, each as a whole: a loop should be seen as one."""
    gap = _gap(found, mirrored=False)
    before = {right: left for layer in layers for left, right in pairwise(layer)}
    lanes = [chain for chain, back in found.chains if back and len({round(axes[v], 3) for v in chain}) == 1]
    lanes += [[v] for v, each in enumerate(found.vertices) if each.loop]
    for chain in sorted(lanes, key=lambda chain: axes[chain[0]]):
        slack = min(
            axes[v] - axes[before[v]] - gap(before[v], v) if v in before else axes[v] - found.vertices[v].left
            for v in chain
        )
        for vertex in chain:
            axes[vertex] -= max(slack, 0.0)


def _gap(found: Layered, *, mirrored: bool) -> Callable[[int, int], float]:
    """How far apart the axes of two neighbours are, at least."""

    def gap(before: int, after: int) -> float:
        left, right = (after, before) if mirrored else (before, after)
        boxes = (not found.passes(left)) + (not found.passes(right))
        between = (BETWEEN_BENDS, BESIDE_BOX, BETWEEN_BOXES)[boxes]
        return found.vertices[left].right + between + found.vertices[right].left

    return gap


def _torn(found: Layered, layers: Sequence[Sequence[int]]) -> set[tuple[int, int]]:
    """Links (upper, lower end) that cross a link from bend to bend: they give way."""
    torn: set[tuple[int, int]] = set()
    for upper, lower in pairwise(layers):
        place = {vertex: index for index, vertex in enumerate(upper)}
        straight: list[tuple[int, int]] = []  # places of the ends of links from bend to bend: upper, lower
        for index, vertex in enumerate(lower):
            if found.passes(vertex):
                straight += [(place[other], index) for other in found.up[vertex] if found.passes(other)]
        for index, vertex in enumerate(lower):
            for other in found.up[vertex]:
                if found.passes(vertex) and found.passes(other):
                    continue
                at = place[other]
                if any((top - at) * (bottom - index) < 0 for top, bottom in straight):
                    torn.add((other, vertex))
    return torn


def _blocks(
    rows: Sequence[Sequence[int]], near: Sequence[Sequence[int]], torn: set[tuple[int, int]]
) -> dict[int, int]:
    """Align every vertex with the middle one of its neighbours in the row before, from left to right; the root of each one's block."""
    root = {vertex: vertex for row in rows for vertex in row}
    taken: set[int] = set()
    for before, row in pairwise(rows):
        place = {vertex: index for index, vertex in enumerate(before)}
        furthest = -1
        for vertex in row:
            others = sorted(near[vertex], key=lambda other: place[other])
            middle = (len(others) - 1) / 2
            for index in dict.fromkeys((int(middle), int(middle + 0.5))) if others else ():
                other = others[index]
                if (other, vertex) in torn or (vertex, other) in torn or other in taken:
                    continue
                if place[other] > furthest:
                    root[vertex] = root[other]
                    taken.add(other)
                    furthest = place[other]
                    break
    return root


def _compact(
    rows: Sequence[Sequence[int]], root: Mapping[int, int], gap: Callable[[int, int], float]
) -> dict[int, float]:
    """Place the blocks as far left as they go, then each as near as it can be to those on its right."""
    before: dict[int, dict[int, float]] = {block: {} for block in root.values()}
    after: dict[int, dict[int, float]] = {block: {} for block in root.values()}
    for row in rows:
        for left, right in pairwise(row):
            one, two = root[left], root[right]
            least = max(before[two].get(one, 0.0), gap(left, right))
            before[two][one] = after[one][two] = least
    order = _topological(before, after)
    at: dict[int, float] = {}
    for block in order:
        at[block] = max((at[one] + least for one, least in before[block].items()), default=0.0)
    for block in reversed(order):
        if after[block]:
            at[block] = max(at[block], min(at[two] - least for two, least in after[block].items()))
    return {vertex: at[block] for vertex, block in root.items()}


def _topological(
    before: Mapping[int, Mapping[int, float]], after: Mapping[int, Mapping[int, float]]
) -> list[int]:
    waiting = {block: len(others) for block, others in before.items()}
    ready = [block for block, count in waiting.items() if not count]
    for block in ready:  # it grows meanwhile
        for other in after[block]:
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    return ready


def _balanced(found: Layered, made: Sequence[Mapping[int, float]]) -> dict[int, float]:
    """The mean of the two middle ones of the four, shifted onto the narrowest; that keeps every distance they all keep."""

    def sides(axes: Mapping[int, float]) -> tuple[float, float]:
        left = min((axis - found.vertices[vertex].left for vertex, axis in axes.items()), default=0.0)
        right = max((axis + found.vertices[vertex].right for vertex, axis in axes.items()), default=0.0)
        return left, right

    spans = [sides(axes) for axes in made]
    left, right = min(spans, key=lambda span: span[1] - span[0])
    # Those that lean to the left share their left side with it, the mirrored ones (every second) their right side.
    shifts = [right - span[1] if index % 2 else left - span[0] for index, span in enumerate(spans)]
    axes = {}
    for vertex in made[0]:
        four = sorted(each[vertex] + shift for each, shift in zip(made, shifts, strict=True))
        axes[vertex] = (four[1] + four[2]) / 2
    start, _ = sides(axes)
    return {vertex: axis - start for vertex, axis in axes.items()}
