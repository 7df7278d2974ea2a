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
import termios
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

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
        """Run one to its end. ``given``: its input."""
        return subprocess.run(
            [HITL, *words],
            input=given,
            cwd=self.folder,
            env=environment(self.folder, self.environ | environ),
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
        done = self.run(*words, given=given, **environ)
        assert (done.returncode, done.stdout) == (2, ""), done
        assert done.stderr.count("\n") == 1, done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr.strip()

    @contextmanager
    def running(self, *words: str, **environ: str) -> Iterator[str]:
        """One that goes on until it is told to stop: its first line, once it is there. It has to leave with 0."""
        log = self.folder / "stderr.txt"
        with log.open("a") as errors:
            process = subprocess.Popen(
                [HITL, *words],
                cwd=self.folder,
                env=environment(self.folder, self.environ | environ),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        watch = threading.Timer(SECONDS, process.kill)
        watch.start()
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            watch.cancel()
            assert line, log.read_text()
            yield line.strip()
            process.send_signal(signal.SIGTERM)
            assert process.wait(SECONDS) == 0
            assert process.stdout.read() == ""
        finally:
            watch.cancel()
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


class AtTerminal:
    """A command with a person before it: what is on the screen, and keys."""

    def __init__(self, folder: Path, *words: str, **environ: str) -> None:
        self._screen, inside = pty.openpty()
        os.set_blocking(self._screen, False)
        termios.tcsetwinsize(inside, (50, 80))
        self._process = subprocess.Popen(
            [HITL, *words],
            cwd=folder,
            env=environment(folder, environ),
            stdin=inside,
            stdout=inside,
            stderr=inside,
            start_new_session=True,
        )
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
        self._process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """As when the machine loses power."""
        self._process.kill()
        self._process.wait()

    def ends(self) -> int:
        """Wait for the end; the exit code."""
        end = time.monotonic() + SECONDS
        while self._read(end):
            pass
        return self._process.wait(SECONDS)

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
