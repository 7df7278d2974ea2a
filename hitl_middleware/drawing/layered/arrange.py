"""From boxes and links to a layout."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from hitl_middleware.drawing.layered.columns import columns
from hitl_middleware.drawing.layered.layers import layered
from hitl_middleware.drawing.layered.order import ordered
from hitl_middleware.drawing.layered.routes import Router
from hitl_middleware.drawing.layered.values import Arranged, Link, Size


def arrange(
    sizes: Mapping[str, Size],
    links: Sequence[Link],
    *,
    first: Collection[str] = (),
    last: Collection[str] = (),
    leftmost: str | None = None,
) -> Arranged:
    """Lay boxes out from top to bottom. ``first`` and ``last``: boxes with a layer of their own above and below all others.

    ``leftmost``: one of ``first`` that comes before the others of its layer. Links are between boxes that there are.
    """
    found = layered(sizes, links, first, last)
    rows = ordered(found, leftmost)
    axes = columns(found, rows)
    router = Router(found, axes, rows)
    routes = [
        router.route(link, chain, back=back) for link, (chain, back) in zip(links, found.chains, strict=True)
    ]
    corners = {name: router.corner(v) for name, v in found.boxes.items()}
    width = max((axes[v] + each.right for v, each in enumerate(found.vertices)), default=0.0)
    height = router.bands[-1][1] if router.bands else 0.0
    # A way that turns above the first layer or below the last reaches beyond them.
    ys = [point.y for route in routes for stroke in route.strokes for point in stroke.points]
    top = max(-min(ys, default=0.0), 0.0)
    return Arranged(
        {name: corner.moved(0, top) for name, corner in corners.items()},
        [route.moved(0, top) for route in routes],
        Size(width, max(height, *ys, 0.0) + top),
    )
