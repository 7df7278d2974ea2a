"""Time in tests that run by themselves."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

from hitl_middleware.clock import SystemClock


class TurnedClock:
    """The machine's clock, and as much more as tests turned it on."""

    def __init__(self) -> None:
        self._system = SystemClock()
        self._ahead = 0.0

    def now(self) -> dt.datetime:
        """The time."""
        return self._system.now() + dt.timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._system.monotonic() + self._ahead

    def seconds(self) -> float:
        """The time since 1970, for the fakes."""
        return self.now().timestamp()

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        self._ahead += seconds


def until(holds: Callable[[], bool], what: str, *, seconds: float = 30.0) -> None:
    """Look until ``holds``, at most for ``seconds``; for what another process does and nobody tells us of."""
    pause, end = threading.Event(), SystemClock().monotonic() + seconds
    while not holds():
        assert SystemClock().monotonic() < end, f"not within {seconds:g} s: {what}"
        pause.wait(0.05)


def within(seconds: float, do: Callable[[], None], what: str) -> None:
    """Do what may never end, and fail instead of waiting for ever; what it raises is raised here."""
    raised: list[BaseException] = []

    def work() -> None:
        try:
            do()
        except BaseException as error:  # noqa: BLE001 – raised again below
            raised.append(error)

    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    worker.join(seconds)
    assert not worker.is_alive(), f"not within {seconds:g} s: {what}"
    if raised:
        raise raised[0]
