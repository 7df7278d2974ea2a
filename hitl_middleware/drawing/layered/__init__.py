"""Layered layout after Sugiyama: boxes of given sizes and links between them become positions and routes. Knows no graphs of ours.

    layers.py    loops are opened, every box gets a layer, long links bend at each layer they pass
    order.py     the order within each layer, with few crossings
    columns.py   coordinates across, after Brandes and Köpf: long links run straight
    routes.py    coordinates down, and the way of every link
    arrange.py   one after the other

A link that leads back is drawn as a loop: it leaves its box at the side, runs up in a lane of its own and comes in at the side. Within a
layer every link has a place of its own and runs straight down; it moves aside only in the gap between two layers, where no box and no
label is. So no link runs through a box, and no label lies on anything. The same input gives the same layout.
"""

from hitl_middleware.drawing.layered.arrange import arrange
from hitl_middleware.drawing.layered.values import Arranged, Link, Point, Route, Size, Stroke

__all__ = ["Arranged", "Link", "Point", "Route", "Size", "Stroke", "arrange"]
