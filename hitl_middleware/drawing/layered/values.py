"""What goes in and what comes out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple


class Point(NamedTuple):
    """In pixels, from the upper left corner."""

    x: float
    y: float

    def moved(self, x: float, y: float) -> Point:
        """The same somewhere else."""
        return Point(self.x + x, self.y + y)


@dataclass(frozen=True, slots=True)
class Size:
    """Of a box or a label, in pixels."""

    width: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What leads from a box to a box. ``leaves`` and ``enters``: where, from the left side of the box; ``None``: in its middle.

    A box with such places is not entered at its side: a link that leads back comes in from above there, and goes out below.
    """

    source: str
    target: str
    label: Size | None = None
    leaves: float | None = None
    enters: float | None = None


@dataclass(frozen=True, slots=True)
class Stroke:
    """One piece of a way, as in SVG: to a point in a straight line (``L``), or on a curve (``C``, with two control points before it)."""

    kind: Literal["L", "C"]
    points: tuple[Point, ...]

    def moved(self, x: float, y: float) -> Stroke:
        """The same somewhere else."""
        return Stroke(self.kind, tuple(point.moved(x, y) for point in self.points))


@dataclass(frozen=True, slots=True)
class Route:
    """The way of a link from its source to its target. ``label``: the upper left corner of its label. ``back``: it closes a loop."""

    start: Point
    strokes: tuple[Stroke, ...]
    label: Point | None = None
    back: bool = False

    def moved(self, x: float, y: float) -> Route:
        """The same somewhere else."""
        strokes = tuple(stroke.moved(x, y) for stroke in self.strokes)
        return Route(self.start.moved(x, y), strokes, self.label and self.label.moved(x, y), self.back)

    def followed_by(self, other: Route) -> Route:
        """Both as one way."""
        joint = Stroke("L", (other.start,))
        return Route(
            self.start,
            (*self.strokes, joint, *other.strokes),
            self.label or other.label,
            self.back or other.back,
        )


@dataclass(frozen=True, slots=True)
class Arranged:
    """Upper left corners of the boxes by name, ways of the links in their order, and the room they take together."""

    corners: Mapping[str, Point]
    routes: Sequence[Route]
    size: Size


@dataclass(slots=True)
class Vertex:
    """Something with a place in a layer: a box, or where a link passes.

    ``left`` and ``right``: how far it reaches from its axis, on which links run through it. ``lane``: of a link that leads back, beside
    the box ``host``. ``loop``: a lane in which a box leads to itself.
    """

    layer: int
    left: float
    right: float
    height: float = 0.0
    name: str | None = None
    host: int | None = None
    label: bool = False
    loop: bool = False


@dataclass(slots=True)
class Layered:
    """Vertices in layers. ``chains``: for each link its vertices from the upper end to the lower, and whether it leads back (up).

    ``up`` and ``down``: the neighbours of each vertex in the next layers.
    """

    vertices: list[Vertex] = field(default_factory=list)
    layers: list[list[int]] = field(default_factory=list)
    boxes: dict[str, int] = field(default_factory=dict)
    chains: list[tuple[list[int], bool]] = field(default_factory=list)
    up: list[list[int]] = field(default_factory=list)
    down: list[list[int]] = field(default_factory=list)

    def add(self, vertex: Vertex) -> int:
        """Put in a vertex; its number."""
        self.vertices.append(vertex)
        self.up.append([])
        self.down.append([])
        while len(self.layers) <= vertex.layer:
            self.layers.append([])
        self.layers[vertex.layer].append(len(self.vertices) - 1)
        return len(self.vertices) - 1

    def join(self, upper: int, lower: int) -> None:
        """Have a link run from one to the other."""
        self.down[upper].append(lower)
        self.up[lower].append(upper)

    def passes(self, vertex: int) -> bool:
        """Whether links only pass there."""
        return self.vertices[vertex].name is None
