"""(f) a turn with 16 gated calls, each answered by a click of its own: against one answer for all of them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bench.floor import Floor
from tests.bench.measuring import Took, compared, interleaved, timed
from tests.bench.ours import Ours
from tests.bench.table import Figure, Table

pytestmark = pytest.mark.bench

CALLS = 16
TURNS = 4


def test_sixteen_clicks(new_bench_url: Callable[[], str], bench_kind: str, table: Table):
    """≤ 2×: whatever is decided while the run is under way is collected, and goes along with the next resume."""
    with (
        Floor(new_bench_url(), calls=CALLS) as floor,
        Floor(new_bench_url(), calls=CALLS) as same,
        Ours(new_bench_url(), calls=CALLS) as ours,
    ):
        sides: dict[str, Floor | Ours] = {"ours": ours, "floor": floor, "same": same}

        def answered(side: Floor | Ours) -> Took:
            parked = side.suspend()
            side.settle()
            return timed(lambda: side.click(parked), side.settle)

        found = interleaved(sides, answered, times=TURNS)
    ratio, noise = compared(found, "ours", "floor"), compared(found, "same", "floor")
    table.add(
        Figure.of("f", "16 calls and 16 clicks, to one answer for all", bench_kind, ratio, noise, limit=2.0)
    )
