"""How a process leaves when it is told to: once, in order; twice, at once; and never later than it said.

In order means: nothing new is taken, what is under way is finished, leases are handed back. What does not end in time is cut – a tool
that blocks its thread cannot be, so in the end the process goes without it. That is a crash like any other: nothing is lost by it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

import structlog

log = structlog.get_logger("hitl.process")

STOPS: Final = (signal.SIGINT, signal.SIGTERM)

LATE: Final = 75
"""Exit code of a process that had to be cut: "try again", as sysexits.h says it."""


class Leaving:
    """Hears signals on the running loop, in the main thread. ``begin``: what the first begins; ``seconds``: how long that may take."""

    def __init__(self, begin: Callable[[], object], *, seconds: float) -> None:
        self._begin = begin
        self._seconds = seconds
        self._end: threading.Timer | None = None

    def listen(self) -> None:
        """From now on."""
        loop = asyncio.get_running_loop()
        for number in STOPS:
            loop.add_signal_handler(number, self._told, number)

    def _told(self, number: int) -> None:
        if self._end is not None:
            _at_once(number)
        log.info("stopping", signal=signal.Signals(number).name, seconds=self._seconds)
        # The loop ends before the process does: what is told then is heard wherever the main thread waits.
        loop = asyncio.get_running_loop()
        for each in STOPS:
            loop.remove_signal_handler(each)
            signal.signal(each, _at_once)
        # Never called off: a thread that hangs may also keep the interpreter from ending, when all else is done.
        self._end = threading.Timer(self._seconds, _cut)
        self._end.daemon = True
        self._end.start()
        self._begin()


def _at_once(number: int, _frame: FrameType | None = None) -> None:
    sys.stderr.flush()
    os._exit(128 + number)  # as a shell says that a signal ended it


def _cut() -> None:
    log.error("stopped in the middle", why="something under way did not end in time")
    sys.stderr.flush()
    os._exit(LATE)
