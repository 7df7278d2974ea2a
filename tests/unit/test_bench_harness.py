"""The measuring itself: ratios, turns, the table; and once the smallest measurement that goes through all of it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from tests.bench.floor import Floor
from tests.bench.measuring import Took, compared, interleaved, timed
from tests.bench.ours import Ours
from tests.bench.table import Figure, Table


def test_sides_take_turns():
    """Who begins changes with every pair, and a first time each is not counted."""
    order: list[str] = []

    def work(side: str) -> Took:
        order.append(side)
        return Took(wall=2.0 if side == "a" else 1.0, cpu=1.0)

    found = interleaved({"a": "a", "b": "b"}, work, times=2, rounds=3)
    assert "".join(order) == "ab" + "abba" * 3
    ratio = compared(found, "a", "b")
    assert (ratio.value, ratio.rounds, ratio.cpu) == (2.0, (2.0, 2.0, 2.0), 1.0)
    assert (ratio.ms, ratio.floor_ms) == (2_000, 1_000)


def test_the_table_says_what_was_met(tmp_path: Path):
    """A row holds its target or does not, and the same is kept as JSON."""
    said: list[str] = []
    table = Table()
    table.add(Figure(key="c", name="slow", database="sqlite", value=1.2, limit=1.0))
    table.add(Figure(key="b", name="fast", database="sqlite", value=0.8, limit=1.0, rounds=(0.7, 0.8, 0.9)))
    table.add(Figure(key="d", name="many", database="sqlite", value=3.0, limit=1.5, at_least=True))
    table.finish(said.append, tmp_path / "kept" / "bench.json")
    rows = said[-1].splitlines()[2:]
    assert rows[0].startswith("| b | fast | sqlite | **0.80×** (0.70 … 0.90) | ≤ 1.00× ✓ |")
    assert "≤ 1.00× ✗" in rows[1]
    assert "≥ 1.50× ✓" in rows[2]
    kept = json.loads((tmp_path / "kept" / "bench.json").read_text())
    assert [figure["met"] for figure in kept["figures"]] == [False, True, True]


def test_the_smallest_measurement(tmp_path: Path):
    """Both sides park a run and carry it to its end by a signed click."""
    with Floor(f"sqlite:///{tmp_path}/floor.db") as floor, Ours(f"sqlite:///{tmp_path}/ours.db") as ours:
        for side in (floor, ours):
            parked = side.suspend()
            side.settle()
            assert timed(partial(side.click, parked), side.settle).wall > 0
        assert set(ours.watched.seen.decided)
