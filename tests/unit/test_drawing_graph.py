"""Graphs as SVG: what a reader of the picture can rely on, asked of the picture itself (N-01)."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest

from hitl_graphs.delivery import sdlc_feature
from hitl_graphs.support import graph as support
from hitl_middleware.drawing import STYLE, Diagram, Edge, Mark, Node, Standing, draw, told
from hitl_middleware.drawing.text import cut, width
from hitl_middleware.runs.history.shapes import diagram

from tests.kit.geometry import drawn, faults


def steps(*names: str, parent: str | None = None) -> tuple[Node, ...]:
    """Nodes called so."""
    return tuple(Node(id=f"{parent}:{n}" if parent else n, label=n, parent=parent) for n in names)


def line(*names: str) -> tuple[Edge, ...]:
    """One after the other."""
    return tuple(Edge(source=a, target=b) for a, b in pairwise(names))


def nested() -> Diagram:
    """Two subgraphs, one inside the other, with loops inside, out of them and back into them, and labels on the way."""
    nodes = (
        Node(id="__start__", label="start", kind="start"),
        *steps("first", "beside"),
        Node(id="outer", label="outer", kind="subgraph"),
        *steps("a", "b", parent="outer"),
        Node(id="outer:inner", label="a subgraph with a long name", kind="subgraph", parent="outer"),
        *steps("x", "y", "z", parent="outer:inner"),
        *steps("last"),
        Node(id="__end__", label="end", kind="end"),
    )
    edges = (
        *line(
            "__start__",
            "first",
            "outer:a",
            "outer:inner:x",
            "outer:inner:y",
            "outer:inner:z",
            "outer:b",
            "last",
            "__end__",
        ),
        Edge(source="outer:inner:y", target="outer:inner:x", label="once more", conditional=True),
        Edge(source="outer:b", target="outer:a", conditional=True),
        Edge(source="outer:inner:z", target="first", label="all over again", conditional=True),
        Edge(source="last", target="outer:inner:y", conditional=True),
        Edge(source="first", target="beside", label="aside", conditional=True),
        Edge(source="beside", target="last"),
        Edge(source="beside", target="beside", label="wait", conditional=True),
    )
    return Diagram(nodes=nodes, edges=edges)


def forty() -> Diagram:
    """40 nodes with branches, joins, long ways, loops of all sizes, and labels."""
    dice = random.Random(7)
    names = [f"step number {index}" for index in range(100)]
    edges = [
        Edge(
            source=names[i], target=names[min(i + 1 + dice.randrange(3), 39)], conditional=dice.random() < 0.5
        )
        for i in range(39)
    ]
    edges += [
        Edge(source=names[i], target=names[i + dice.randrange(4, 9)], label="skips some")
        for i in range(0, 30, 4)
    ]
    edges += [
        Edge(source=names[i], target=names[i - dice.randrange(0, 9)], label="again" if i % 2 else None)
        for i in range(9, 39, 5)
    ]
    return Diagram(nodes=steps(*names), edges=tuple(edges))


def tangled(seed: int) -> Diagram:
    """Anything: nodes in subgraphs in subgraphs, edges between any two of them, labels of any length."""
    dice = random.Random(seed)
    nodes = list(steps(*(f"n{i}" for i in range(dice.randrange(1, 12)))))
    frames: list[str | None] = [None]
    for index in range(dice.randrange(4)):
        parent = dice.choice(frames)
        name = f"{parent}:g{index}" if parent else f"g{index}"
        nodes.append(Node(id=name, label="g" * dice.randrange(1, 60), kind="subgraph", parent=parent))
        nodes += steps(*(f"m{i}" for i in range(dice.randrange(1, 5))), parent=name)
        frames.append(name)
    ids = [node.id for node in nodes if node.kind != "subgraph"]
    edges = [
        Edge(
            source=dice.choice(ids),
            target=dice.choice(ids),
            conditional=dice.random() < 0.5,
            label="l" * dice.randrange(1, 40) if dice.random() < 0.3 else None,
        )
        for _ in range(dice.randrange(30))
    ]
    unique = {(edge.source, edge.target): edge for edge in edges}
    return Diagram(nodes=tuple(nodes), edges=tuple(unique.values()))


SHIPPED = {"support": support, "sdlc-feature": sdlc_feature}


@pytest.mark.parametrize("name", [*SHIPPED, "nested", "forty"])
def test_nothing_lies_on_anything(name):
    """No box on a box, no label on a box or a label, no edge through a box or through words, everything on the page (issue 7)."""
    shape = (
        {"nested": nested, "forty": forty}[name]()
        if name not in SHIPPED
        else diagram(SHIPPED[name].get_graph(xray=True).to_json())
    )
    found = drawn(draw(shape))
    assert faults(found) == []
    assert len(found.boxes) + len(found.around) == len(shape.nodes)
    assert set(found.ways) == {(edge.source, edge.target) for edge in shape.edges}


def test_nothing_lies_on_anything_in_any_graph():
    """The same for 100 graphs that nobody would draw."""
    wrong = {seed: found for seed in range(100) if (found := faults(drawn(draw(tangled(seed)))))}
    assert wrong == {}


def test_edges_lead_from_their_source_to_their_target():
    """Each way begins on the border of its source's box and ends on that of its target's."""
    found = drawn(draw(nested()))
    for (source, target), points in found.ways.items():
        for (x, y), box in ((points[0], found.boxes[source]), (points[-1], found.boxes[target])):
            near = (
                box.x - 9 <= x <= box.right + 9 and box.y - 9 <= y <= box.bottom + 9
            )  # an arrow's head is the rest
            assert near, (source, target)


def test_a_way_back_is_seen_as_a_loop():
    """It leaves and enters at the side and runs up beside everything between; ways on lead down."""
    found = drawn(
        draw(Diagram(nodes=steps("a", "b", "c"), edges=(*line("a", "b", "c"), Edge(source="c", target="a"))))
    )
    assert found.boxes["a"].bottom < found.boxes["b"].y < found.boxes["b"].bottom < found.boxes["c"].y
    back = found.ways["c", "a"]
    assert back[0][0] == found.boxes["c"].right
    assert max(x for x, _ in back) > max(box.right for box in found.boxes.values())
    assert back[-1][0] >= found.boxes["a"].right


def test_long_names_are_cut_and_told_whole():
    """A box is no wider than its limit; the whole name is in its title, whatever characters it has."""
    name = "a step whose name goes on & on <for> \"a\" 'while' \x00\u202e" + "ß漢🙂" * 80
    svg = draw(Diagram(nodes=steps(name, "b"), edges=line(name, "b")))
    found = drawn(svg)
    assert max(box.right - box.x for box in found.boxes.values()) < 260
    titles = [each.text or "" for each in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}title")]  # noqa: S314
    assert any(
        title.startswith("a step whose name goes on & on <for> \"a\" 'while'") and title.endswith("ß漢🙂")
        for title in titles
    )
    assert "\u202e" not in svg
    assert "\x00" not in svg


def test_where_a_run_stands_is_drawn_and_moves_nothing():
    """Marks are classes and words, not colour alone; boxes stand where they stood without them."""
    marks = {
        "a": Mark(status="done", visits=3),
        "b": Mark(status="waiting", note="Refund 120 €?"),
        "c": Mark(status="unknown"),
    }
    shape = Diagram(nodes=steps("a", "b", "c"), edges=line("a", "b", "c"))
    svg = draw(shape, Standing(marks=marks, taken=frozenset({("a", "b")})))
    bare, found = drawn(draw(shape)), drawn(svg)
    assert found.boxes == bare.boxes
    assert [status for n in "abc" for status in found.classes[n] & {"done", "waiting", "unknown"}] == [
        "done",
        "waiting",
        "unknown",
    ]
    assert found.taken == {("a", "b")}
    assert ">done ×3<" in svg
    assert "waiting: Refund 120 €?" in svg
    assert faults(found) == []


def test_the_same_graph_is_the_same_picture():
    """Nothing of a run of the program, a hash or a clock is in it."""
    assert draw(forty()) == draw(forty())


def test_a_picture_of_its_own_has_its_style():
    """A notebook's picture holds ``STYLE``; a page's holds none, as its CSP wants it."""
    shape = Diagram(nodes=steps("a"))
    assert STYLE.splitlines()[1] in draw(shape, styled=True)
    assert "<style" not in draw(shape)
    assert "style=" not in draw(shape)


def test_an_edge_to_nowhere_is_none():
    """A graph may say anything: what is not there is not drawn, and an empty one is an empty picture."""
    odd = Diagram(
        nodes=(Node(id="a", label="a", parent="gone"), Node(id="b", label="", parent="b")),
        edges=line("a", "gone", "b"),
    )
    assert set(drawn(draw(odd)).boxes) == {"a", "b"}
    assert drawn(draw(Diagram(nodes=()))).boxes == {}


def test_the_same_for_a_terminal():
    """A list: each node with its mark, what it leads to, what is inside it further in."""
    text = told(
        nested(),
        Standing(
            marks={"outer:b": Mark(status="waiting", note="Shall I?"), "first": Mark(status="done", visits=2)}
        ),
    )
    lines = text.splitlines()
    assert "✓ first  [done ×2]" in lines[2]
    assert any(line.startswith("◆   b  [waiting]  Shall I?") for line in lines)
    assert any("··▸ x (once more)" in line for line in lines)


def test_mermaid_source():
    """Names are data there, too; subgraphs hold their nodes."""
    shape = Diagram(
        nodes=(Node(id="g", label='g"]', kind="subgraph"), *steps("a", "end", parent="g")),
        edges=line("g:a", "g:end"),
    )
    assert shape.mermaid.splitlines() == [
        "graph TD",
        '  subgraph n0["g#34;#93;"]',
        '    n1["a"]',
        '    n2["end"]',
        "  end",
        "  n1 --> n2",
    ]


def test_text_takes_the_room_it_is_given():
    """What is cut fits, and says that it was cut; wide scripts count as wide."""
    assert width("漢字", 10) == 20
    assert width("e\u0301", 10) == width("e", 10)
    for most in (40, 90, 200):
        short = cut("The quick brown fox jumps over the lazy dog", most, 13)
        assert width(short, 13) <= most
        assert short.endswith("…")
    assert cut("short", 200, 13) == "short"
