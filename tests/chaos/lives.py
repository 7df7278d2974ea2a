"""Processes to be killed. Each runs the real command line, with its own environment, and is forked from a warm parent.

Importing the whole stack takes seconds. So a parent imports it once – and starts nothing – and every life is forked from it. What the
library reads of its environment when it is imported, that is ``HITL_FAILPOINTS``, is read again in each.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Final

from hitl_middleware import failpoints

WARM_SECONDS: Final = 120
BOOT_SECONDS: Final = 30
DEATH_SECONDS: Final = 20
LEAVE_SECONDS: Final = 20

_WARM: Final = (
    "hitl_middleware.cli.app",
    "hitl_middleware.channels.configured",
    "hitl_middleware.channels.slack.app",
    "hitl_middleware.stores.migrations",
    "hitl_middleware.stores.saver",
    "hitl_middleware.stores.sql.sqlite",
    "hitl_middleware.stores.sql.store",
    "hitl_graphs.support.agent",
    "hitl_graphs.support.routes",
    "hitl_server.serve",
    # What those import only when they need it:
    "aiohttp",
    "alembic.command",
    "alembic.ddl.impl",
    "prometheus_client",
    "pytest",  # where the tests run in one process, multiprocessing runs pytest's own script in every child once more
    "slack_bolt.adapter.starlette.async_handler",
    "slack_bolt.async_app",
    "slack_sdk.web.async_client",
    "sqlalchemy.dialects.sqlite",
    "stripe",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.h11_impl",
)

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload([*_WARM])


def warm_up() -> None:
    """Have the parent of all lives ready; the first life would wait for it otherwise."""
    parent = _context.Process(target=_nothing, daemon=True)
    parent.start()
    parent.join(WARM_SECONDS)
    assert parent.exitcode == 0, "the stack could not be imported"


class NotInTime(AssertionError):
    """Something that had to happen did not."""


class Life:
    """One process running ``hitl …`` from its start to its death. ``log``: where its stderr goes."""

    def __init__(self, argv: Sequence[str], environ: Mapping[str, str], folder: Path, log: Path) -> None:
        self.log = log
        self._said = b""
        self._out, out = _context.Pipe(duplex=False)
        # daemon: whatever a test leaves behind ends with pytest.
        self._process = _context.Process(
            target=_live, args=(list(argv), dict(environ), str(folder), str(log), out), daemon=True
        )
        self._process.start()
        out.close()

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
        return self._process.is_alive()

    @property
    def paused(self) -> bool:
        """Whether it was stopped (SIGSTOP) and does nothing."""
        stat = Path(f"/proc/{self.pid}/stat")
        if stat.exists():
            return stat.read_text().rpartition(")")[2].split()[0] == "T"
        told = subprocess.run(["ps", "-o", "state=", "-p", str(self.pid)], capture_output=True, check=False)
        return told.stdout.strip().startswith(b"T")

    def line(self, *, seconds: float = BOOT_SECONDS) -> str | None:
        """The first line it says on stdout; ``None``: it died without a word. Raises ``NotInTime``."""
        end = time.monotonic() + seconds
        while b"\n" not in self._said:
            ready = wait([self._out, self._process.sentinel], max(end - time.monotonic(), 0))
            if not ready:
                msg = f"Not a line within {seconds:g} s. Its log:\n{self.told()}"
                raise NotInTime(msg)
            chunk = os.read(self._out.fileno(), 4096) if self._out in ready else b""
            if not chunk:
                return None
            self._said += chunk
        return self._said.partition(b"\n")[0].decode()

    def death(self, *, seconds: float = DEATH_SECONDS) -> int:
        """Its exit code once it has ended; a signal's is negative. Raises ``NotInTime``."""
        self._process.join(seconds)
        if self._process.exitcode is None:
            msg = f"Still alive after {seconds:g} s. Its log:\n{self.told()}"
            raise NotInTime(msg)
        return self._process.exitcode

    def told(self) -> str:
        """The end of what it wrote to stderr."""
        return self.log.read_text(errors="replace")[-6_000:] if self.log.exists() else "(nothing)"

    # ending ----------------------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. Harmless when it is dead."""
        self._process.kill()
        self.death()

    def leave(self) -> None:
        """SIGTERM: it finishes what is under way and ends with 0. Raises ``NotInTime`` and ``AssertionError``."""
        self._process.terminate()
        code = self.death(seconds=LEAVE_SECONDS)
        assert code == 0, f"it left with {code}. Its log:\n{self.told()}"

    def carry_on(self) -> None:
        """SIGCONT, where it was stopped."""
        os.kill(self.pid, signal.SIGCONT)

    def bury(self) -> None:
        """Dead or alive, paused or not: afterwards it is gone, and so is what it held here."""
        if self.alive:
            self._process.kill()  # SIGKILL ends a stopped process, too
        self._process.join(DEATH_SECONDS)
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


# in the child --------------------------------------------------------------------------------------------------------


def _nothing() -> None:
    pass


def _live(argv: Sequence[str], environ: Mapping[str, str], folder: str, log: str, out: Connection) -> None:
    _end_with_the_test()
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    os.dup2(out.fileno(), 1)
    out.close()
    with Path(log).open("ab") as file:
        os.dup2(file.fileno(), 2)
    sys.argv = ["hitl", *argv]
    importlib.reload(failpoints)
    from hitl_middleware.cli import main

    main()


def _end_with_the_test() -> None:
    """A pytest that is killed leaves no servers behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="end-with-the-test", daemon=True).start()
