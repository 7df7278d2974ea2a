"""What LangGraph says of a graph, as a ``Diagram``. Its JSON form, which an Agent Server answers, too. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from hitl_middleware.drawing import Diagram, Edge, Node, NodeKind

Json = Mapping[str, Any]

_ENDS: Final[Mapping[str, tuple[str, NodeKind]]] = {
    "__start__": ("start", "start"),
    "__end__": ("end", "end"),
}
_KINDS: Final[Mapping[str, NodeKind]] = {"HumanStep": "human", "ToolNode": "tools"}


def diagram(found: Json) -> Diagram:
    """``Graph.to_json()``, drawn with ``xray``: nodes inside others are called ``outer:inner``, and no node's own name has a colon."""
    nodes: dict[str, Node] = {}
    for each in _list(found, "nodes"):
        node_id = str(each.get("id"))
        *around, name = node_id.split(":")
        for depth in range(1, len(around) + 1):
            outer = ":".join(around[:depth])
            above = ":".join(around[: depth - 1]) or None
            nodes[outer] = Node(id=outer, label=around[depth - 1], kind="subgraph", parent=above)
        label, kind = _ENDS.get(name, (name, _kind(each)))
        nodes[node_id] = Node(id=node_id, label=label, kind=kind, parent=":".join(around) or None)
    edges = (
        Edge(
            source=str(each.get("source")),
            target=str(each.get("target")),
            label=None if each.get("data") is None else str(each["data"]),
            conditional=bool(each.get("conditional")),
        )
        for each in _list(found, "edges")
    )
    return Diagram(nodes=tuple(nodes.values()), edges=tuple(edges))


def _kind(node: Json) -> NodeKind:
    data = node.get("data")
    path = data.get("id") if isinstance(data, Mapping) else None
    return _KINDS.get(str(path[-1]), "step") if isinstance(path, Sequence) and path else "step"


def _list(found: Json, key: str) -> Sequence[Json]:
    items = found.get(key)
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
