"""The one place that reads the clock; everything else is handed a ``Clock``."""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> dt.datetime:
        """The time, with microseconds, aware."""
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        """Seconds that never go back; for measuring how long something took in this process."""
        return time.monotonic()


@dataclass(slots=True)
class ManualClock:
    """A clock that moves when a test says so."""

    at: dt.datetime = field(default_factory=lambda: dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC))
    elapsed: float = 0.0

    def now(self) -> dt.datetime:
        """The time it was set to."""
        return self.at

    def monotonic(self) -> float:
        """Seconds advanced since the start."""
        return self.elapsed

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        self.at += dt.timedelta(seconds=seconds)
        self.elapsed += seconds
