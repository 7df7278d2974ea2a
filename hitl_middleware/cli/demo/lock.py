"""One demo at a time in one folder. The lock is the operating system's, so it is gone with its process, however that ended."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hitl_middleware.errors import ConfigurationError


class DemoRunning(ConfigurationError):
    """Another hitl demo is running in this folder. Finish or stop it first, or run this one in another folder."""


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock. Raises ``DemoRunning``."""
    with path.open("ab") as file:
        try:
            _lock(file.fileno())
        except OSError:
            raise DemoRunning from None
        yield


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
