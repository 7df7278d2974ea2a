"""Small asyncio tools the stores share: one writer at a time, and work that a cancellation does not tear apart."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class Turn:
    """Lets one unit of work write at a time, first come first served, from whatever event loop of this process.

    A task that begins a second one inside its first is told, not hung.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._holder: asyncio.Task[Any] | None = None

    async def __aenter__(self) -> Self:
        task = asyncio.current_task()
        if task is not None and task is self._holder:
            msg = "this task is inside a unit of work already: pass that one on instead of beginning another"
            raise RuntimeError(msg)
        if (mine := self._take()) is not None:
            try:
                await mine
            except asyncio.CancelledError:
                self._give_up(mine)
                raise
        self._holder = task
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._holder = None
        self._pass_on()

    def _take(self) -> asyncio.Future[None] | None:
        """Take the turn; where somebody has it, what is done when it comes."""
        with self._lock:
            if not self._taken:
                self._taken = True
                return None
            mine = asyncio.get_running_loop().create_future()
            self._waiting.append(mine)
            return mine

    def _give_up(self, mine: asyncio.Future[None]) -> None:
        with self._lock:
            if mine in self._waiting:
                self._waiting.remove(mine)
                return
        self._pass_on()  # it had come in this very moment

    def _pass_on(self) -> None:
        with self._lock:
            while self._waiting:
                following = self._waiting.popleft()
                with suppress(RuntimeError):  # its loop has ended, and it with that
                    following.get_loop().call_soon_threadsafe(_wake, following)
                    return
            self._taken = False


def _wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


_turns: WeakValueDictionary[str, Turn] = WeakValueDictionary()
_finding = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_turns.clear)  # who held one then is not in the child


def turn_at(path: Path) -> Turn:
    """The turn of all that this process writes into one file."""
    with _finding:
        return _turns.setdefault(str(path.absolute()), Turn())


async def finish(work: Awaitable[T]) -> T:
    """Await ``work`` to its end even when this task is cancelled meanwhile; the cancellation is raised afterwards."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError as cancelled:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({task})
        if not task.cancelled():
            task.exception()  # seen: the cancellation is what the caller hears of
        raise cancelled from None
