"""The command line as its users have it: real processes in a folder of their own, some of them at a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from tests.kit.forks import fork_hitl, stream
from tests.kit.lives import Life

HITL = str(Path(sys.executable).with_name("hitl"))
OURS = ("HITL_", "SLACK_", "FRONT_", "STRIPE_", "PLATFORM_", "SUPPORT_", "GITHUB_")
SECONDS = 60.0
"""How long a process may take before a test calls it stuck; it covers a machine that runs many at once."""


def environment(folder: Path, given: Mapping[str, str]) -> dict[str, str]:
    """The machine's, without anything that speaks to us, and with an empty home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    path = os.pathsep.join([str(Path(HITL).parent), kept.get("PATH", "")])
    return kept | {"HOME": str(folder), "PATH": path, "TERM": "xterm-256color", "COLUMNS": "80"} | dict(given)


class Commands:
    """``hitl …`` in ``folder``. ``environ``: what is set besides."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.environ = dict(environ or {})

    def run(self, *words: str, given: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run one to its end, forked from a parent that has imported everything. ``given``: its input."""
        with (
            tempfile.TemporaryFile() as typed,
            tempfile.TemporaryFile() as said,
            tempfile.TemporaryFile() as erred,
        ):
            typed.write(given.encode())
            typed.seek(0)
            streams = [stream(os.dup(file.fileno())) for file in (typed, said, erred)]
            process = fork_hitl(
                words, environment(self.folder, self.environ | environ), str(self.folder), *streams
            )
            for each in streams:
                each.close()
            process.join(SECONDS)
            code = process.exitcode
            if code is None:
                process.kill()
                process.join()
            process.close()
            said.seek(0)
            erred.seek(0)
            out, errors = said.read().decode(), erred.read().decode()
        assert code is not None, f"hitl {' '.join(words)} did not end within {SECONDS:g} s: {errors}"
        return subprocess.CompletedProcess([HITL, *words], code, out, errors)

    def run_anew(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """The same by the installed script in a new interpreter: for what happens before the first line of a command."""
        return subprocess.run(
            [HITL, *words],
            cwd=self.folder,
            env=environment(self.folder, self.environ | environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def said(self, *words: str, **environ: str) -> str:
        """What one prints that succeeds."""
        done = self.run(*words, **environ)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout

    def json(self, *words: str, **environ: str) -> Any:
        """The same, read as JSON."""
        return json.loads(self.said(*words, "--json", **environ))

    def refused(self, *words: str, given: str = "", **environ: str) -> str:
        """The one sentence of one that is refused: on stderr, with exit code 2 and nothing on stdout."""
        anew = "HITL_FAILPOINTS" in environ  # it is read while the library is imported
        done = self.run_anew(*words, **environ) if anew else self.run(*words, given=given, **environ)
        assert (done.returncode, done.stdout) == (2, ""), done
        assert done.stderr.count("\n") == 1, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr.strip()

    @contextmanager
    def running(self, *words: str, **environ: str) -> Iterator[str]:
        """One that goes on until it is told to stop: its first line, once it is there. It has to leave with 0."""
        log = self.folder / "stderr.txt"
        life = Life(words, environment(self.folder, self.environ | environ), self.folder, log)
        try:
            line = life.line(seconds=SECONDS)
            assert line, log.read_text()
            yield line.strip()
            life.leave(seconds=SECONDS)
            assert life.rest() == ""
        finally:
            life.bury()


class AtTerminal:
    """A command with a person before it: what is on the screen, and keys."""

    def __init__(self, folder: Path, *words: str, **environ: str) -> None:
        self._screen, inside = pty.openpty()
        os.set_blocking(self._screen, False)
        termios.tcsetwinsize(inside, (50, 80))
        streams = [stream(os.dup(inside)) for _ in range(3)]
        self._process = fork_hitl(words, environment(folder, environ), str(folder), *streams)
        for each in streams:
            each.close()
        os.close(inside)
        self.shown = ""
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.kill()
        os.close(self._screen)

    def sees(self, pattern: str) -> re.Match[str]:
        """Wait until this appears after what was seen last."""
        end = time.monotonic() + SECONDS
        while (found := re.compile(pattern, re.MULTILINE).search(self.shown, self._seen)) is None:
            assert self._read(end), f"{pattern!r} did not appear in: {self.shown[self._seen :]}"
        self._seen = found.end()
        return found

    def types(self, line: str) -> None:
        """A line and Return."""
        os.write(self._screen, f"{line}\n".encode())

    def answers(self, line: str) -> None:
        """The same, once there is a prompt."""
        self.sees(r"^(> |.*[?:] )\Z")
        self.types(line)

    def interrupts(self) -> None:
        """Ctrl-C."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGINT)

    def kill(self) -> None:
        """As when the machine loses power."""
        self._process.kill()
        self._process.join()

    def ends(self) -> int:
        """Wait for the end; the exit code."""
        end = time.monotonic() + SECONDS
        while self._read(end):
            pass
        self._process.join(SECONDS)
        code = self._process.exitcode
        assert code is not None, f"it did not end within {SECONDS:g} s: {self.shown}"
        return code

    def _read(self, end: float) -> bool:
        """More of the screen; ``False``: there is no more, or not in time."""
        if not select.select([self._screen], [], [], max(0.0, end - time.monotonic()))[0]:
            return False
        try:
            got = os.read(self._screen, 65_536)
        except OSError:  # Linux's word for: nobody is at the other end
            return False
        self.shown += got.decode(errors="replace").replace("\r\n", "\n")
        return bool(got)
