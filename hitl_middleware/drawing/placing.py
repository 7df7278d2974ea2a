"""A diagram with a place for everything: subgraphs are boxes around what is in them, laid out from the inside out.

A link that crosses the border of a subgraph does so at a port, a box without size in the first or last layer inside. So outside the
subgraph is one box with places where links enter and leave it, and nothing there can run into what is inside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from hitl_middleware.drawing.graph import Diagram, Edge, Node
from hitl_middleware.drawing.layered import Arranged, Link, Point, Route, Size, arrange
from hitl_middleware.drawing.text import cut, width

NAME: Final = 13.0
"""Size of the names of nodes, in pixels."""

SMALL: Final = 11.0
"""Size of everything else that is written."""

MOST_NAME: Final = 210.0
MOST_LABEL: Final = 150.0
LEAST_BOX: Final = 96.0
"""Enough for a node's mark, whatever it says: boxes keep their places while a run goes on."""

BOX_HEIGHT: Final = 44.0
PILL_HEIGHT: Final = 28.0
PAD: Final = 14.0
TITLE_HEIGHT: Final = 26.0
MARK_ROOM: Final = 92.0
LABEL_HEIGHT: Final = 15.0
INSIDE: Final = 16.0
"""Between the border of a subgraph and what is in it."""

_TITLE: Final = "title"


@dataclass(frozen=True, slots=True)
class Box:
    """A node in its place. ``text``: its label, cut where it is too long."""

    node: Node
    corner: Point
    size: Size
    text: str


@dataclass(frozen=True, slots=True)
class Way:
    """An edge in its place. ``text``: its label, as far as there is one."""

    edge: Edge
    route: Route
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Placed:
    """Everything in its place; what is inside stands behind what it is in."""

    boxes: tuple[Box, ...]
    ways: tuple[Way, ...]
    size: Size


@dataclass(frozen=True, slots=True)
class _Inner:
    """A subgraph laid out by itself: where its ports are, from the left, and the ways from them to the boxes."""

    boxes: tuple[Box, ...]
    ways: Mapping[int, Route]
    size: Size
    entries: Mapping[str, tuple[float, Route]]
    exits: Mapping[str, tuple[float, Route]]


@lru_cache(maxsize=64)
def place(diagram: Diagram) -> Placed:
    """Lay a diagram out. How a run stands in it moves nothing, so this is done once for each graph."""
    edges = diagram.drawable
    whole = _laid_out(diagram, None, edges)
    ways = tuple(Way(edge, whole.ways[index], _label(edge)) for index, edge in enumerate(edges))
    return Placed(whole.boxes, ways, whole.size)


def _label(edge: Edge) -> str | None:
    return cut(edge.label, MOST_LABEL, SMALL) if edge.label else None


def _laid_out(diagram: Diagram, owner: str | None, edges: tuple[Edge, ...]) -> _Inner:
    """What is directly in ``owner``, with the subgraphs in it. ``edges``: all there are; those with both ends in here are given ways."""
    children = diagram.inside.get(owner, ())
    inner = {node.id: _laid_out(diagram, node.id, edges) for node in children if diagram.inside.get(node.id)}
    sizes = {f"n{node.id}": inner[node.id].size if node.id in inner else _size(node) for node in children}
    links: list[Link] = []
    kinds: list[tuple[str, int | str]] = []
    entering: dict[str, None] = {}
    leaving: dict[str, None] = {}
    for index, edge in enumerate(edges):
        source, target = (_child(diagram, owner, end) for end in (edge.source, edge.target))
        if source is not None and target is not None:
            if source == target and (source, target) != (edge.source, edge.target):
                continue  # it is further inside
            label = _label(edge)
            links.append(
                Link(
                    source=f"n{source}",
                    target=f"n{target}",
                    label=Size(width(label, SMALL) + 2, LABEL_HEIGHT) if label else None,
                    leaves=inner[source].exits[edge.source][0] if source != edge.source else None,
                    enters=inner[target].entries[edge.target][0] if target != edge.target else None,
                )
            )
            kinds.append(("edge", index))
        elif owner is not None and target is not None:
            entering.setdefault(edge.target)
        elif owner is not None and source is not None:
            leaving.setdefault(edge.source)
    for key in entering:
        child = _child(diagram, owner, key)
        sizes[f"i{key}"] = _PORT
        enters = inner[child].entries[key][0] if child is not None and child != key else None
        links.append(Link(source=f"i{key}", target=f"n{child}", enters=enters))
        kinds.append(("entry", key))
    for key in leaving:
        child = _child(diagram, owner, key)
        sizes[f"o{key}"] = _PORT
        leaves = inner[child].exits[key][0] if child is not None and child != key else None
        links.append(Link(source=f"n{child}", target=f"o{key}", leaves=leaves))
        kinds.append(("exit", key))
    first = [f"i{key}" for key in entering]
    if owner is not None:
        sizes[_TITLE] = _title(diagram.by_id[owner])
        first.append(_TITLE)
    made = arrange(
        sizes,
        links,
        first=first,
        last=[f"o{key}" for key in leaving],
        leftmost=_TITLE if owner is not None else None,
    )
    return _put_together(diagram, owner, edges, made, kinds, inner)


_PORT: Final = Size(12, 0)


def _put_together(
    diagram: Diagram,
    owner: str | None,
    edges: tuple[Edge, ...],
    made: Arranged,
    kinds: list[tuple[str, int | str]],
    inner: Mapping[str, _Inner],
) -> _Inner:
    side = INSIDE if owner is not None else 0.0
    boxes: list[Box] = []
    ways: dict[int, Route] = {}
    entries: dict[str, tuple[float, Route]] = {}
    exits: dict[str, tuple[float, Route]] = {}
    corners = {key: corner.moved(side, 0) for key, corner in made.corners.items()}
    for node in diagram.inside.get(owner, ()):
        corner = corners[f"n{node.id}"]
        within = inner.get(node.id)
        size = within.size if within else _size(node)
        boxes.append(Box(node, corner, size, _name(node)))
        if within:
            boxes += [Box(b.node, b.corner.moved(*corner), b.size, b.text) for b in within.boxes]
            ways |= {index: route.moved(*corner) for index, route in within.ways.items()}
    for (kind, what), route in zip(kinds, made.routes, strict=True):
        moved = route.moved(side, 0)
        ends = (edges[what].source, edges[what].target) if isinstance(what, int) else (what, what)
        source, target = (_child(diagram, owner, end) for end in ends)
        if kind != "entry" and source is not None and source != ends[0]:
            moved = inner[source].exits[ends[0]][1].moved(*corners[f"n{source}"]).followed_by(moved)
        if kind != "exit" and target is not None and target != ends[1]:
            moved = moved.followed_by(inner[target].entries[ends[1]][1].moved(*corners[f"n{target}"]))
        if isinstance(what, int):
            ways[what] = moved
        elif kind == "entry":
            entries[what] = (moved.start.x, moved)
        else:
            exits[what] = (moved.strokes[-1].points[-1].x, moved)
    # Nothing is written below the last layer of a subgraph that nothing leaves.
    below = INSIDE if owner is not None and not exits else 0.0
    size = Size(made.size.width + 2 * side, made.size.height + below)
    return _Inner(tuple(boxes), ways, size, entries, exits)


def _child(diagram: Diagram, owner: str | None, node_id: str) -> str | None:
    """The node directly in ``owner`` that is this one or has it inside; ``None``: it is elsewhere."""
    at = node_id
    for above in diagram.above(node_id):
        if above == owner:
            return at
        if above is None:
            return None
        at = above
    return None


def _name(node: Node) -> str:
    return cut(node.label or node.id, MOST_NAME, NAME)


def _size(node: Node) -> Size:
    if node.kind in {"start", "end"}:
        return Size(max(width(_name(node), SMALL) + 2 * PAD, 56.0), PILL_HEIGHT)
    return Size(max(width(_name(node), NAME) + 2 * PAD, LEAST_BOX), BOX_HEIGHT)


def _title(node: Node) -> Size:
    return Size(width(_name(node), NAME) + MARK_ROOM, TITLE_HEIGHT)
