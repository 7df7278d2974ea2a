"""(d) how many decisions are taken in a second when 50 come at once, and (e) how long people wait when 200 click in one moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.bench.clicks import Answered, at_once
from tests.bench.floor import Floor
from tests.bench.measuring import ROUNDS, Ratio
from tests.bench.ours import Ours
from tests.bench.table import Figure, Table

pytestmark = pytest.mark.bench

AT_ONCE = 50
BURST = 200


@dataclass(frozen=True, slots=True)
class Crowd:
    """Seconds until the last one was answered, and until the last run had ended."""

    answered: float
    ended: float


def _crowd(side: Floor | Ours) -> Crowd:
    parked = side.suspend_all(AT_ONCE)
    side.settle()
    answers = at_once(side.url, [value for each in parked for value in each.values])
    side.ended(parked)
    ended = time.monotonic()
    side.settle()
    assert {answer.status for answer in answers} == {200}
    begun, last = min(a.begun for a in answers), max(a.answered for a in answers)
    return Crowd(last - begun, max(last, ended if isinstance(side, Ours) else last) - begun)


def test_decisions_in_a_second(new_bench_url: Callable[[], str], bench_kind: str, table: Table):
    """≥ 1.5×: decided, durable and answered. The floor's are answered when their runs have ended; ours end a moment later."""
    with Floor(new_bench_url()) as floor, Floor(new_bench_url()) as same, Ours(new_bench_url()) as ours:
        sides: dict[str, Floor | Ours] = {"ours": ours, "floor": floor, "same": same}
        rounds = [{name: _crowd(side) for name, side in sides.items()} for _ in range(ROUNDS)]
    for name, what, limit in (
        ("decisions a second, 50 at once", "answered", 1.5),
        ("the same, until their runs have ended", "ended", None),
    ):
        took = [{side: float(getattr(crowd, what)) for side, crowd in one.items()} for one in rounds]
        ratio, noise = (
            Ratio(
                rounds=tuple(one["floor"] / one[side] for one in took),
                cpu=None,
                ms=1_000 * sorted(one[side] for one in took)[ROUNDS // 2],
                floor_ms=1_000 * sorted(one["floor"] for one in took)[ROUNDS // 2],
            )
            for side in ("ours", "same")
        )
        table.add(Figure.of("d", name, bench_kind, ratio, noise, limit=limit, at_least=True))


def test_a_burst_of_clicks(new_bench_url: Callable[[], str], bench_kind: str, table: Table):
    """99 of 100 answered within 250 ms, nobody after a second, and nobody before their decision is durable."""
    p99, slowest = [], []
    with Ours(new_bench_url()) as ours:
        for _ in range(ROUNDS):
            parked = ours.suspend_all(BURST)
            ours.settle()
            answers = at_once(ours.url, [value for each in parked for value in each.values])
            ours.ended(parked)
            ours.settle()
            assert {answer.status for answer in answers} == {200}
            _durable_first(ours, answers)
            waited = sorted(1_000 * (answer.answered - answer.begun) for answer in answers)
            p99.append(waited[int(0.99 * BURST) - 1])
            slowest.append(waited[-1])
    for name, found, limit in (
        ("200 clicks at once: p99", p99, 250.0),
        ("the slowest of them", slowest, 1_000.0),
    ):
        middle = sorted(found)[ROUNDS // 2]
        row = Figure(key="e", name=name, database=bench_kind, value=middle, limit=limit, unit="ms")
        table.add(row)


def _durable_first(ours: Ours, answers: list[Answered]) -> None:
    decided = ours.watched.seen.decided
    early = [answer for answer in answers if decided[answer.value.partition(":")[0]] > answer.answered]
    assert early == []
