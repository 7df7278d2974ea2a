"""Pictures as SVG text: graphs and where a run stands in them, and time lines. Pure: values in, text out; no library, no network.

    graph.py     a graph as values; the same for a terminal, and in Mermaid's language
    painting.py  … as SVG (``draw``)
    placing.py   … with a place for everything
    layered/     … by a layered layout
    timeline.py  when nodes ran and people were waited for, as values; the same for a terminal
    timing.py    … as SVG (``draw_timeline``), with a scale of its own
    style.py     ``STYLE``, the CSS of these drawings
    charts.py    bars, columns and lines of figures, with ``CHART_STYLE``

A layout of our own: the one alive in pure Python (grandalf) knows no subgraphs and no room for labels, and lays links over boxes; the
others need a compiler or a browser.
"""

from hitl_middleware.drawing.graph import (
    NOWHERE,
    Diagram,
    Edge,
    Mark,
    Node,
    NodeKind,
    Standing,
    Status,
    told,
)
from hitl_middleware.drawing.painting import draw
from hitl_middleware.drawing.style import STYLE
from hitl_middleware.drawing.timeline import Bar, Timeline
from hitl_middleware.drawing.timing import draw_timeline

__all__ = [
    "NOWHERE",
    "STYLE",
    "Bar",
    "Diagram",
    "Edge",
    "Mark",
    "Node",
    "NodeKind",
    "Standing",
    "Status",
    "Timeline",
    "draw",
    "draw_timeline",
    "told",
]
