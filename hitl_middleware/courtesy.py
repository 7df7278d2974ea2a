"""After you: what nobody waits for begins a little later while people wait for the answer to their click."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress

MOST = 0.25
"""Seconds that something is held back for. Where people click without a pause, runs go on all the same."""


class Courtesy:
    """Lives on one event loop."""

    def __init__(self) -> None:
        self._people = 0
        self._nobody = asyncio.Event()
        self._nobody.set()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Somebody waits for what is done in here."""
        self._people += 1
        self._nobody.clear()
        try:
            yield
        finally:
            self._people -= 1
            if not self._people:
                self._nobody.set()

    async def after_you(self) -> None:
        """Wait until nobody waits, for ``MOST`` at the longest."""
        if self._people:
            with suppress(TimeoutError):
                async with asyncio.timeout(MOST):
                    await self._nobody.wait()
