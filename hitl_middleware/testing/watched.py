"""What a fake remembers: read and changed by many threads, waited for, and kept in a file if somebody wants it."""

from __future__ import annotations

import abc
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class NothingCame(AssertionError):
    """What a test waited for did not come in time."""


class Watched(abc.ABC):
    """Change it inside `with changing():`, which also wakes whoever waits."""

    def __init__(self) -> None:
        self._keep: Callable[[], None] = lambda: None
        self._changed = threading.Condition(threading.RLock())
        self._changes = 0
        self._inside = 0

    @contextlib.contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else reads or writes inside; what is kept is kept, and whoever waits is woken after."""
        with self._changed:
            self._inside += 1
            try:
                yield
            finally:
                self._inside -= 1
                if not self._inside:
                    self._keep()
                self._changes += 1
                self._changed.notify_all()

    def keep_in(self, path: Path, dump: Callable[[], bytes]) -> None:
        """Write what `dump` gives to this file whenever something has changed, before anybody hears that it has."""
        last = b""

        def save() -> None:
            nonlocal last
            told = dump()
            if told != last:
                new = path.with_suffix(".new")
                new.write_bytes(told)
                new.replace(path)  # a kill leaves the old file or the new one, never a half
                last = told

        self._keep = save

    @property
    def changes(self) -> int:
        """How often something has changed."""
        return self._changes

    def read(self, what: Callable[[], T]) -> T:
        """Read several things that belong together."""
        with self._changed:
            return what()

    def wait_for(self, predicate: Callable[[], T | None], seconds: float) -> T:
        """What `predicate` returns as soon as that is true; it is asked again after each change."""
        end = time.monotonic() + seconds
        while True:
            with self._changed:
                seen = self._changes
            # Asked without the lock: a predicate may well call this server and wait for the answer.
            if found := predicate():
                return found
            if not self._wait_beyond(seen, end - time.monotonic()):
                msg = f"Not within {seconds:g} seconds. {self.inventory()}"
                raise NothingCame(msg)

    def _wait_beyond(self, seen: int, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: self._changes != seen, seconds)

    def inventory(self) -> str:
        """All there is, for somebody who expected something else."""
        lines = ["There is:"]
        for name, items in self.read(self._listed).items():
            lines += [f"  {name}:", *(f"    {each}" for each in items or ["none"])]
        return "\n".join(lines)

    @abc.abstractmethod
    def _listed(self) -> Mapping[str, Sequence[str]]:
        """A line for each thing there is, under a heading for its kind."""
