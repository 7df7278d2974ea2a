"""(b) a run stops and people are asked, (c) a signed click carries it to its end: one at a time, against the floor."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bench.floor import Floor
from tests.bench.measuring import Took, compared, interleaved, timed
from tests.bench.ours import Ours
from tests.bench.table import Figure, Table

pytestmark = pytest.mark.bench

PAIRS = 15


def test_suspend_and_click(new_bench_url: Callable[[], str], bench_kind: str, table: Table):
    """≤ 1.0× each, with audit, ledger and cards stored."""
    with Floor(new_bench_url()) as floor, Floor(new_bench_url()) as same, Ours(new_bench_url()) as ours:
        sides: dict[str, Floor | Ours] = {"ours": ours, "floor": floor, "same": same}

        def both(side: Floor | Ours) -> dict[str, Took]:
            parked = []
            suspended = timed(lambda: parked.append(side.suspend()), side.settle)
            clicked = timed(lambda: side.click(parked[0]), side.settle)
            return {"suspend": suspended, "click": clicked}

        found = interleaved(sides, both, times=PAIRS)
    for key, name, part in (("b", "suspend", "suspend"), ("c", "signed click → finished", "click")):
        rounds = [{side: [each[part] for each in took] for side, took in one.items()} for one in found]
        ratio, noise = compared(rounds, "ours", "floor"), compared(rounds, "same", "floor")
        table.add(Figure.of(key, name, bench_kind, ratio, noise, limit=1.0))
