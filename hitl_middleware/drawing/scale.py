"""From times to places on a line. Pure."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hitl_middleware.drawing.timeline import Span, Timeline, joined, lasting

MOST_QUIET: Final = 0.6
"""Share of the time in which no node ran from which on that time is drawn shorter than it was."""

QUIET_ROOM: Final = 0.45
"""… and how much of the line it is given then."""

_STEPS: Final = (
    0.001,
    0.005,
    0.01,
    0.05,
    0.1,
    0.5,
    1,
    5,
    10,
    30,
    60,
    300,
    600,
    1_800,
    3_600,
    21_600,
    43_200,
    86_400,
)


@dataclass(frozen=True, slots=True)
class Scale:
    """``times`` (seconds from the start) lie at ``places`` (pixels); between them it is even. ``broken``: not everywhere alike."""

    start: dt.datetime
    times: tuple[float, ...]
    places: tuple[float, ...]
    broken: bool

    def at(self, moment: dt.datetime) -> float:
        """Where a moment lies."""
        return self.place((moment - self.start).total_seconds())

    def place(self, seconds: float) -> float:
        """The same for seconds from the start."""
        index = min(max(bisect_right(self.times, seconds) - 1, 0), len(self.times) - 2)
        since, to = self.times[index], self.times[index + 1]
        left, right = self.places[index], self.places[index + 1]
        share = (seconds - since) / (to - since) if to > since else 0.0
        return left + (right - left) * min(max(share, 0.0), 1.0)

    @property
    def ticks(self) -> Iterator[tuple[float, str]]:
        """Places that are worth a word, and that word: how long after the start."""
        whole = self.times[-1]
        if self.broken:
            yield from (
                (place, lasting(time) if time else "0")
                for time, place in zip(self.times, self.places, strict=True)
            )
            return
        step = next((step for step in _STEPS if whole / step <= 6), max(whole / 5, 0.001))
        yield from (
            (self.place(count * step), lasting(count * step) if count else "0")
            for count in range(int(whole / step) + 1)
        )


def scale_of(line: Timeline, left: float, right: float) -> Scale:
    """A scale for a time line between two places. Where hardly anything but waiting happened, what happened is given room."""
    whole = max(line.seconds, 0.001)
    busy = joined(line.span(bar) for bar in line.bars if bar.kind == "node")
    working = sum((to - since).total_seconds() for since, to in busy)
    if not working or 1 - working / whole <= MOST_QUIET:
        return Scale(line.start, (0.0, whole), (left, right), broken=False)
    return _broken(line, busy, working, left, right)


def _broken(line: Timeline, busy: Sequence[Span], working: float, left: float, right: float) -> Scale:
    room = right - left
    whole = max(line.seconds, 0.001)
    fast = room * (1 - QUIET_ROOM) / working
    slow = room * QUIET_ROOM / (whole - working)
    times, places = [0.0], [left]
    for since, to in busy:
        for moment, speed in ((since, slow), (to, fast)):
            seconds = (moment - line.start).total_seconds()
            if seconds > times[-1]:
                places.append(places[-1] + (seconds - times[-1]) * speed)
                times.append(seconds)
    if whole > times[-1]:
        times.append(whole)
        places.append(right)
    return Scale(line.start, tuple(times), tuple(places), broken=True)
