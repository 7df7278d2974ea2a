"""Processes to be killed: each runs the real command line, with its own environment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final

from tests.kit.forks import exit_code, fork_hitl, pipe, stream

BOOT_SECONDS: Final = 30
DEATH_SECONDS: Final = 20
LEAVE_SECONDS: Final = 20


class NotInTime(AssertionError):
    """Something that had to happen did not."""


class Life:
    """One process running ``hitl …`` from its start to its death. ``log``: where its stderr goes."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], folder: Path, log: Path) -> None:
        self.log = log
        self._said = b""
        self._out, out = pipe(duplex=False)
        given, errors = (
            stream(os.open(os.devnull, os.O_RDONLY)),
            stream(os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)),
        )
        self._process = fork_hitl(argv, environ, str(folder), given, out, errors)
        for end in (given, out, errors):
            end.close()

    # looking ---------------------------------------------------------------------------------------------------------

    @property
    def pid(self) -> int:
        """The process's number."""
        pid = self._process.pid
        assert pid is not None
        return pid

    @property
    def alive(self) -> bool:
        """Whether it has not died; a paused process is alive."""
        return exit_code(self._process, 0) is None

    @property
    def paused(self) -> bool:
        """Whether it was stopped (SIGSTOP) and does nothing."""
        if Path("/proc/self/stat").exists():
            try:
                stat = Path(f"/proc/{self.pid}/stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                return False  # it has gone in this very moment
            return stat.rpartition(")")[2].split()[0] == "T"
        told = subprocess.run(["ps", "-o", "state=", "-p", str(self.pid)], capture_output=True, check=False)
        return told.stdout.strip().startswith(b"T")

    def line(self, *, seconds: float = BOOT_SECONDS) -> str | None:
        """The first line it says on stdout; ``None``: it died without a word. Raises ``NotInTime``."""
        end = time.monotonic() + seconds
        while (line := self.heard(max(end - time.monotonic(), 0))) is None:
            if not self.alive:
                return None
            if time.monotonic() > end:
                msg = f"Not a line within {seconds:g} s. Its log:\n{self.told()}"
                raise NotInTime(msg)
        return line

    def heard(self, seconds: float) -> str | None:
        """The first line, waiting so long for more of it at most; ``None``: it has not said it, and where it is dead never will."""
        if b"\n" not in self._said and self._out in wait([self._out, self._process.sentinel], seconds):
            self._said += os.read(self._out.fileno(), 4096)
        line, end, _ = self._said.partition(b"\n")
        return line.decode() if end else None

    def rest(self) -> str:
        """What it said on stdout after its first line; only of one that has ended."""
        while chunk := os.read(self._out.fileno(), 65_536):
            self._said += chunk
        return self._said.partition(b"\n")[2].decode()

    def death(self, *, seconds: float = DEATH_SECONDS) -> int:
        """Its exit code once it has ended; a signal's is negative. Raises ``NotInTime``."""
        code = exit_code(self._process, seconds)
        if code is None:
            msg = f"Still alive after {seconds:g} s. Its log:\n{self.told()}"
            raise NotInTime(msg)
        return code

    def told(self) -> str:
        """The end of what it wrote to stderr."""
        return self.log.read_text(errors="replace")[-6_000:] if self.log.exists() else "(nothing)"

    # ending ----------------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. Harmless when it is dead."""
        self._process.kill()
        self.death()

    def leave(self, *, seconds: float = LEAVE_SECONDS) -> None:
        """SIGTERM: it finishes what is under way and ends with 0. Raises ``NotInTime`` and ``AssertionError``."""
        self._process.terminate()
        code = self.death(seconds=seconds)
        assert code == 0, f"it left with {code}. Its log:\n{self.told()}"

    def carry_on(self) -> None:
        """SIGCONT, where it was stopped."""
        os.kill(self.pid, signal.SIGCONT)

    def bury(self) -> None:
        """Dead or alive, paused or not: afterwards it is gone, and so is what it held here."""
        if self.alive:
            self._process.kill()  # SIGKILL ends a stopped process, too
        exit_code(self._process, DEATH_SECONDS)
        self._out.close()
        with contextlib.suppress(ValueError):  # it would not die
            self._process.close()


def run(argv: Sequence[str], environ: Mapping[str, str], folder: Path, log: Path) -> int:
    """Run one command to its end; its exit code."""
    life = Life(argv, environ, folder, log)
    try:
        return life.death()
    finally:
        life.bury()
