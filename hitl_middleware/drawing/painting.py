"""A diagram as SVG."""

from __future__ import annotations

from typing import Final

from hitl_middleware.drawing.graph import NOWHERE, Diagram, Standing
from hitl_middleware.drawing.layered import Point, Route, Stroke
from hitl_middleware.drawing.placing import NAME, SMALL, Box, Placed, Way, place
from hitl_middleware.drawing.style import STYLE
from hitl_middleware.drawing.svg import number, tag, written
from hitl_middleware.drawing.text import width

MARGIN: Final = 12.0
HEAD: Final = 7.0
"""Length of an arrow's head."""


def draw(diagram: Diagram, standing: Standing = NOWHERE, *, styled: bool = False, name: str = "") -> str:
    """The graph as one ``<svg>`` element, with where a run stands in it. ``styled``: with ``STYLE`` inside, so that it needs no page.

    ``name``: what it shows, for those who hear it. Ids and labels may be anything; a label that is cut is whole in its ``<title>``.
    """
    placed = place(diagram)
    return _svg(placed, standing, styled=styled, name=name or "Graph")


def _svg(placed: Placed, standing: Standing, *, styled: bool, name: str) -> str:
    wide, high = placed.size.width + 2 * MARGIN, placed.size.height + 2 * MARGIN
    # Boxes of subgraphs lie below the ways that run through them; the others above.
    around = [box for box in placed.boxes if box.node.kind == "subgraph"]
    boxes = [box for box in placed.boxes if box.node.kind != "subgraph"]
    parts = [
        *([tag("style", STYLE)] if styled else []),
        *(_box(box, standing) for box in around),
        *(_way(way, standing) for way in sorted(placed.ways, key=lambda way: _ends(way) in standing.taken)),
        *(_box(box, standing) for box in boxes),
    ]
    return tag(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        class_="hitl-drawing",
        viewBox=f"{number(-MARGIN)} {number(-MARGIN)} {number(wide)} {number(high)}",
        width=wide,
        height=high,
        role="img",
        aria_label=name,
    )


def _box(box: Box, standing: Standing) -> str:
    node, mark = box.node, standing.marks.get(box.node.id)
    x, y, size = *box.corner, box.size
    told = [
        node.label or node.id,
        *([f"{mark.words}{f': {mark.note}' if mark.note else ''}"] if mark else []),
    ]
    corner = size.height / 2 if node.kind in {"start", "end"} else 8.0
    inside = [
        tag("title", written("\n".join(told))),
        tag(
            "rect",
            x=x,
            y=y,
            width=size.width,
            height=size.height,
            rx=corner,
            fill="none",
            stroke="currentColor",
        ),
    ]
    middle = x + size.width / 2
    if node.kind == "subgraph":
        inside.append(_line(box.text, x + 12, y + 18, NAME, "name"))
        if mark:
            inside.append(_line(mark.words, x + 12 + width(box.text, NAME) + 10, y + 18, SMALL, "mark"))
    elif mark and node.kind not in {"start", "end"}:
        inside.append(_line(box.text, middle, y + 19, NAME, "name", "middle"))
        inside.append(_line(mark.words, middle, y + 34, SMALL, "mark", "middle"))
    else:
        size_of_text = SMALL if node.kind in {"start", "end"} else NAME
        inside.append(
            _line(box.text, middle, y + size.height / 2 + size_of_text * 0.35, size_of_text, "name", "middle")
        )
    classes = " ".join(["node", node.kind, *([mark.status] if mark else [])])
    return tag("g", *inside, class_=classes, data_node=node.id)


def _line(text: str, x: float, y: float, size: float, kind: str, anchor: str | None = None) -> str:
    return tag(
        "text", written(text), x=x, y=y, font_size=size, class_=kind, text_anchor=anchor, fill="currentColor"
    )


def _ends(way: Way) -> tuple[str, str]:
    return way.edge.source, way.edge.target


def _way(way: Way, standing: Standing) -> str:
    edge, route = way.edge, way.route
    kinds = {"conditional": edge.conditional, "back": route.back, "taken": _ends(way) in standing.taken}
    path, head = _path(route)
    inside = [
        tag(
            "path",
            class_="way",
            d=path,
            fill="none",
            stroke="currentColor",
            stroke_dasharray="4 3" if edge.conditional else None,
        ),
        tag("path", class_="head", d=head, fill="currentColor"),
    ]
    if way.text and route.label:
        inside.append(_line(way.text, route.label.x, route.label.y + SMALL, SMALL, "soft"))
        if way.text != edge.label:
            inside.insert(0, tag("title", written(edge.label or "")))
    return tag(
        "g",
        *inside,
        class_=" ".join(["edge", *(kind for kind, so in kinds.items() if so)]),
        data_source=edge.source,
        data_target=edge.target,
    )


def _path(route: Route) -> tuple[str, str]:
    """The way without the last bit, which its arrow's head covers, and that head."""
    *_, last = route.strokes
    tip = last.points[-1]
    before = last.points[-2] if last.kind == "C" else _point_before(route)
    length = max(((tip.x - before.x) ** 2 + (tip.y - before.y) ** 2) ** 0.5, 0.001)
    along = Point((tip.x - before.x) / length, (tip.y - before.y) / length)
    base = tip.moved(-along.x * HEAD, -along.y * HEAD)
    across = Point(-along.y * HEAD * 0.45, along.x * HEAD * 0.45)
    strokes = (*route.strokes[:-1], Stroke(last.kind, (*last.points[:-1], base)))
    words = (f"{stroke.kind}{' '.join(map(_at, stroke.points))}" for stroke in strokes)
    head = f"M{_at(tip)}L{_at(base.moved(*across))}L{_at(base.moved(-across.x, -across.y))}Z"
    return f"M{_at(route.start)}{''.join(words)}", head


def _point_before(route: Route) -> Point:
    return route.strokes[-2].points[-1] if len(route.strokes) > 1 else route.start


def _at(point: Point) -> str:
    return f"{number(point.x)},{number(point.y)}"
