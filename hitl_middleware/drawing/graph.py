"""A graph as values: its nodes, what leads where, and how each node stands in a run."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Literal

NodeKind = Literal["start", "end", "step", "human", "tools", "subgraph"]

Status = Literal["done", "waiting", "failed", "running", "next", "unknown"]
"""How a node stands: ``next`` is due and has not begun, ``unknown`` performed an act whose outcome nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """``id`` is unique in its diagram; ``parent`` is the id of the subgraph it is in, a node of kind ``subgraph``."""

    id: str
    label: str
    kind: NodeKind = "step"
    parent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """``conditional``: it is taken, or another one is."""

    source: str
    target: str
    label: str | None = None
    conditional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How one node stands. ``visits``: how often it has run; ``note``: more about it, shown when it is pointed at."""

    status: Status
    visits: int = 0
    note: str = ""

    @property
    def words(self) -> str:
        """The same in a word or two."""
        return f"{self.status} ×{self.visits}" if self.visits > 1 else self.status


@dataclass(frozen=True, kw_only=True)
class Diagram:
    """What a graph looks like. An edge from or to a node that is not there is none, nor is one between a subgraph and its own inside."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...] = ()

    @cached_property
    def by_id(self) -> Mapping[str, Node]:
        """Nodes by id."""
        return {node.id: node for node in self.nodes}

    @cached_property
    def inside(self) -> Mapping[str | None, tuple[Node, ...]]:
        """Nodes by the subgraph they are in; ``None``: in no other."""
        found: dict[str | None, list[Node]] = {}
        for node in self.by_id.values():
            found.setdefault(self.parent(node), []).append(node)
        return {key: tuple(nodes) for key, nodes in found.items()}

    def parent(self, node: Node) -> str | None:
        """The subgraph a node is in, where it is in one that is there; a ring of parents is none."""
        seen, above = {node.id}, node.parent
        while above is not None and above in self.by_id:
            if above in seen:
                return None
            seen.add(above)
            above = self.by_id[above].parent
        return node.parent if node.parent in self.by_id else None

    def above(self, node_id: str) -> tuple[str | None, ...]:
        """The subgraphs around a node, the nearest first; ``None`` is the graph itself."""
        found: list[str | None] = []
        at: str | None = node_id
        while at is not None:
            at = self.parent(self.by_id[at])
            found.append(at)
        return tuple(found)

    @cached_property
    def drawable(self) -> tuple[Edge, ...]:
        """The edges between nodes that are there."""
        known = self.by_id
        return tuple(
            edge
            for edge in dict.fromkeys(self.edges)
            if edge.source in known
            and edge.target in known
            and edge.source not in self.above(edge.target)
            and edge.target not in self.above(edge.source)
        )

    @property
    def mermaid(self) -> str:
        """The same in Mermaid's language, to be copied elsewhere."""
        return "\n".join(_mermaid(self))


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where a run stands in a graph: how its nodes stand, and which edges it has taken (source and target)."""

    marks: Mapping[str, Mark] = field(default_factory=dict)
    taken: frozenset[tuple[str, str]] = frozenset()


NOWHERE: Final = Standing()


def told(diagram: Diagram, standing: Standing = NOWHERE) -> str:
    """The graph as a list for a terminal: each node with how it stands, and where it leads."""
    lines: list[str] = []
    outgoing: dict[str, list[Edge]] = {}
    for edge in diagram.drawable:
        outgoing.setdefault(edge.source, []).append(edge)
    for node, depth in _in_order(diagram, None, 0):
        mark = standing.marks.get(node.id)
        sign = _SIGNS[mark.status] if mark else " "
        words = f"  [{mark.words}]" if mark else ""
        note = f"  {mark.note}" if mark and mark.note else ""
        lines.append(f"{sign} {'  ' * depth}{_plain(node.label)}{words}{_plain(note)}")
        for edge in outgoing.get(node.id, ()):
            arrow = "··▸" if edge.conditional else "──▸"
            label = f" ({_plain(edge.label)})" if edge.label else ""
            lines.append(f"  {'  ' * depth}  {arrow} {_plain(diagram.by_id[edge.target].label)}{label}")
    return "\n".join(lines)


_SIGNS: Final[Mapping[Status, str]] = {
    "done": "✓",
    "waiting": "◆",
    "failed": "✗",
    "running": "▶",
    "next": "·",
    "unknown": "?",
}


def _in_order(diagram: Diagram, parent: str | None, depth: int) -> Iterator[tuple[Node, int]]:
    last = [node for node in diagram.inside.get(parent, ()) if node.kind == "end"]
    for node in (*(each for each in diagram.inside.get(parent, ()) if each not in last), *last):
        yield node, depth
        yield from _in_order(diagram, node.id, depth + 1)


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "\ufffd" for char in text)


def _mermaid(diagram: Diagram) -> Iterator[str]:
    names = {node.id: f"n{index}" for index, node in enumerate(diagram.nodes)}
    yield "graph TD"
    yield from _mermaid_inside(diagram, None, names, "  ")
    for edge in diagram.drawable:
        arrow = "-.->" if edge.conditional else "-->"
        label = f"|{_quoted(edge.label)}|" if edge.label else ""
        yield f"  {names[edge.source]} {arrow}{label} {names[edge.target]}"


def _mermaid_inside(
    diagram: Diagram, parent: str | None, names: Mapping[str, str], indent: str
) -> Iterator[str]:
    for node in diagram.inside.get(parent, ()):
        if node.kind == "subgraph":
            yield f"{indent}subgraph {names[node.id]}[{_quoted(node.label)}]"
            yield from _mermaid_inside(diagram, node.id, names, f"{indent}  ")
            yield f"{indent}end"
        else:
            left, right = ("([", "])") if node.kind in {"start", "end"} else ("[", "]")
            yield f"{indent}{names[node.id]}{left}{_quoted(node.label)}{right}"


def _quoted(text: str) -> str:
    """As Mermaid writes text that may hold anything: in quotes, odd characters as entities."""
    return '"' + re.sub(r"[^\w .,/():+-]", lambda found: f"#{ord(found[0])};", text) + '"'
