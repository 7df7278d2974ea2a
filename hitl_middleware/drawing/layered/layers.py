"""Which layer each box is in, and where links bend on their way through the layers between."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Final

from hitl_middleware.drawing.layered.values import Layered, Link, Size, Vertex

BEND: Final = 5.0
LABEL_GAP: Final = 6.0
"""Between a link and its label, which is to the right of it."""

LOOP: Final = 16.0
"""How far a link from a box to itself reaches from its axis."""


def layered(
    sizes: Mapping[str, Size], links: Sequence[Link], first: Collection[str], last: Collection[str]
) -> Layered:
    """Boxes and bends in layers, in the order in which they were found."""
    back = _leading_back(list(sizes), links)
    layer = _layers(sizes, links, back, first, last)
    found = Layered()
    for name in _found_order(list(sizes), links):
        size = sizes[name]
        half = size.width / 2
        found.boxes[name] = found.add(Vertex(layer[name], half, half, size.height, name=name))
    for link, leads_back in zip(links, back, strict=True):
        found.chains.append((_chain(found, link, leads_back=leads_back), leads_back))
    return found


def _chain(found: Layered, link: Link, *, leads_back: bool) -> list[int]:
    if link.source == link.target:
        host = found.boxes[link.source]
        right = LOOP + (LABEL_GAP + link.label.width if link.label else 0)
        height = link.label.height if link.label else 0
        at = found.vertices[host].layer
        return [found.add(Vertex(at, 0, right, height, host=host, label=bool(link.label), loop=True))]
    ends = (link.target, link.source) if leads_back else (link.source, link.target)
    upper, lower = (found.boxes[name] for name in ends)
    top, bottom = found.vertices[upper].layer, found.vertices[lower].layer
    middle = (top + bottom) // 2 if link.label else -1
    chain = [found.add(Vertex(top, BEND, BEND, host=upper)) if leads_back else upper]
    for layer in range(top + 1, bottom):
        if layer == middle and link.label:
            right = LABEL_GAP + link.label.width
            chain.append(found.add(Vertex(layer, BEND, right, link.label.height, label=True)))
        else:
            chain.append(found.add(Vertex(layer, BEND, BEND)))
    chain.append(found.add(Vertex(bottom, BEND, BEND, host=lower)) if leads_back else lower)
    for above, below in pairwise(chain):
        found.join(above, below)
    return chain


def _walk(names: Sequence[str], links: Sequence[Link]) -> Iterator[tuple[str, int, bool]]:
    """Depth first, from where nothing leads to: each box, with the link that was followed to it (-1: none) and whether it was new.

    A link into the way that is being followed comes with ``False``: it closes a loop.
    """
    following: dict[str, list[int]] = {name: [] for name in names}
    entered = set()
    for index, link in enumerate(links):
        if link.source != link.target:
            following[link.source].append(index)
            entered.add(link.target)
    place = {name: index for index, name in enumerate(names)}
    for indices in following.values():
        indices.sort(key=lambda index: place[links[index].target])
    seen: set[str] = set()
    for root in sorted(names, key=lambda name: name in entered):
        if root in seen:
            continue
        seen.add(root)
        yield root, -1, True
        way, open_ = [(root, iter(following[root]))], {root}
        while way:
            name, rest = way[-1]
            for index in rest:
                target = links[index].target
                if target in open_:
                    yield target, index, False
                elif target not in seen:
                    seen.add(target)
                    open_.add(target)
                    yield target, index, True
                    way.append((target, iter(following[target])))
                    break
            else:
                way.pop()
                open_.discard(name)


def _leading_back(names: Sequence[str], links: Sequence[Link]) -> list[bool]:
    """Of each link whether it closes a loop: without those there is none."""
    back = {index for _, index, new in _walk(names, links) if not new}
    return [index in back for index in range(len(links))]


def _found_order(names: Sequence[str], links: Sequence[Link]) -> list[str]:
    return [name for name, _, new in _walk(names, links) if new]


def _layers(
    sizes: Mapping[str, Size],
    links: Sequence[Link],
    back: Sequence[bool],
    first: Collection[str],
    last: Collection[str],
) -> dict[str, int]:
    """Each box below all that lead to it, and near what it belongs to; a link with a label passes at least one layer between."""
    above: dict[str, list[tuple[str, int]]] = {name: [] for name in sizes}
    below: dict[str, list[tuple[str, int]]] = {name: [] for name in sizes}
    for link, leads_back in zip(links, back, strict=True):
        if link.source == link.target:
            continue
        upper, lower = (link.target, link.source) if leads_back else (link.source, link.target)
        length = 2 if link.label else 1
        above[lower].append((upper, length))
        below[upper].append((lower, length))
    order = _topological(list(sizes), above, below)
    layer: dict[str, int] = {}
    for name in order:
        layer[name] = max((layer[upper] + length for upper, length in above[name]), default=0)
    for _ in range(2):
        for name in reversed(order):
            # As low as what follows allows, where more follows than leads there, or nothing does.
            if below[name] and len(below[name]) > len(above[name]):
                layer[name] = min(layer[lower] - length for lower, length in below[name])
    rest = [name for name in order if name not in first and name not in last]
    top = min((layer[name] for name in rest), default=0) - (1 if first else 0)
    layer = {name: at - top for name, at in layer.items()}
    bottom = max((layer[name] for name in rest), default=0) + 1
    return layer | dict.fromkeys(first, 0) | dict.fromkeys(last, bottom)


def _topological(
    names: Sequence[str],
    above: Mapping[str, Sequence[tuple[str, int]]],
    below: Mapping[str, Sequence[tuple[str, int]]],
) -> list[str]:
    waiting = {name: len(above[name]) for name in names}
    ready = [name for name in names if not waiting[name]]
    for name in ready:  # it grows meanwhile
        for lower, _ in below[name]:
            waiting[lower] -= 1
            if not waiting[lower]:
                ready.append(lower)
    return ready
