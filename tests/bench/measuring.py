"""How a figure is measured: sides take turns, pair by pair, and what counts is how one stands to the other in the same minute.

A number in milliseconds says more of the machine than of the program. So every figure is a ratio to its floor; both are measured in turn
and in the same process, and a second floor beside the first one shows what the ratio of two equal things comes to (A/A): the noise.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

ROUNDS = 3

Side = TypeVar("Side")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Took:
    """One piece of work. ``wall``: seconds until it was done; ``cpu``: processor seconds of this process until nothing was left to do."""

    wall: float
    cpu: float


def timed(do: Callable[[], object], settle: Callable[[], object]) -> Took:
    """Do it, and wait until what it left behind is done as well, which only ``cpu`` counts."""
    cpu, begun = time.process_time(), time.perf_counter()
    do()
    wall = time.perf_counter() - begun
    settle()
    return Took(wall, time.process_time() - cpu)


@dataclass(frozen=True, slots=True)
class Ratio:
    """What one side took, in terms of another: the median of the rounds, each a ratio of medians.

    ``ms`` and ``floor_ms`` are medians in milliseconds, to know what is spoken of; ``cpu`` is the ratio of processor time.
    """

    rounds: tuple[float, ...]
    cpu: float | None
    ms: float
    floor_ms: float

    @property
    def value(self) -> float:
        return median(self.rounds)


Rounds = Sequence[Mapping[str, Sequence[Took]]]
"""For each round what each side took, by its name."""


def interleaved(
    sides: Mapping[str, Side], work: Callable[[Side], T], *, times: int, rounds: int = ROUNDS
) -> Sequence[Mapping[str, Sequence[T]]]:
    """Let the sides do the work in turn, ``times`` in each round; who begins changes, and a first time each is not counted."""
    found: list[dict[str, list[T]]] = []
    names = list(sides)
    for side in sides.values():
        work(side)
    for _ in range(rounds):
        took: dict[str, list[T]] = {name: [] for name in names}
        gc.collect()
        for number in range(times):
            turn = number % len(names)
            for name in (*names[turn:], *names[:turn]):
                took[name].append(work(sides[name]))
        found.append(took)
    return found


def compared(found: Rounds, side: str, floor: str) -> Ratio:
    """How ``side`` stands to ``floor``."""
    wall = [(_wall(took[side]), _wall(took[floor])) for took in found]
    cpu = [(_cpu(took[side]), _cpu(took[floor])) for took in found]
    return Ratio(
        rounds=tuple(mine / theirs for mine, theirs in wall),
        cpu=median(mine / theirs for mine, theirs in cpu),
        ms=1_000 * median(mine for mine, _ in wall),
        floor_ms=1_000 * median(theirs for _, theirs in wall),
    )


def _wall(took: Sequence[Took]) -> float:
    return median(each.wall for each in took)


def _cpu(took: Sequence[Took]) -> float:
    return median(each.cpu for each in took)
