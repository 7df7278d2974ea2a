"""What a person sees and types. Plain lines of at most 80 columns; colour only on a terminal, and never with NO_COLOR."""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from hitl_middleware.cli.demo.boxes import boxed, wrapped
from hitl_middleware.display import visible

MOST_COLUMNS = 80
_LOOK_SECONDS = 0.2


class Terminal:
    """Draws and asks."""

    def __init__(self) -> None:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(AttributeError):
                stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # a terminal that cannot show a sign shows another
        self._console = Console(
            highlight=False, soft_wrap=True, color_system=None if os.environ.get("NO_COLOR") else "auto"
        )
        self.columns = max(50, min(MOST_COLUMNS, self._console.width))
        self._last = "the prompt"
        self._typed: queue.Queue[str | None] = queue.Queue()
        self._reader: threading.Thread | None = None

    def heading(self, text: str) -> None:
        """A new part begins."""
        if self._last:
            self._print("")
        self._print(f"── {text} ".ljust(self.columns, "─"), "bold cyan")
        self._print("")

    def say(self, text: str = "", *, indent: int = 0, style: str = "") -> None:
        """A paragraph of ours, wrapped."""
        for line in text.splitlines() or [""]:
            for part in wrapped(" " * indent + line, self.columns):
                self._print(part, style)

    def quote(self, text: str, *, indent: int = 2) -> None:
        """Somebody's words, as data."""
        for line in visible(text).splitlines() or [""]:
            for part in wrapped(" " * indent + "┆ " + line, self.columns):
                self._print(part, "italic")

    def table(self, rows: Sequence[tuple[str, str]], *, indent: int = 2) -> None:
        """Names and what they stand for."""
        width = max((len(name) for name, _ in rows), default=0)
        for name, text in rows:
            first, *more = wrapped(visible(text).replace("\n", " "), self.columns - indent - width - 2)
            self._print(f"{' ' * indent}{name:<{width}}  {first}")
            for line in more:
                self._print(" " * (indent + width + 2) + line)

    def box(self, title: str, lines: Sequence[str]) -> None:
        """Something that others see elsewhere, as it is there; its first line is its title."""
        for number, line in enumerate(boxed(title, lines, self.columns - 4)):
            self._print("    " + line, "bold" if number == 1 else "")

    def _print(self, line: str, style: str = "") -> None:
        self._console.print(Text(visible(line), style=style))  # nobody's text moves the cursor
        self._last = line

    # asking ----------------------------------------------------------------------------------------------------------

    def choose(self, options: Mapping[str, str], overtaken: Callable[[], bool]) -> str | None:
        """One of the keys of ``options``; ``None`` when ``overtaken`` says that there is nothing to choose any more."""
        shown = "  ".join(
            word if word.startswith("[") else f"[{key}] {word}" for key, word in options.items()
        )
        while True:
            self._print(shown, "bold")
            answer = self.line_unless(overtaken)
            if answer is None:
                return None
            word = answer.strip().lower()
            found = [key for key, name in options.items() if word == key or (word and name.startswith(word))]
            if len(found) == 1:
                return found[0]
            self._print(f"Please type one of: {', '.join(options)}.")

    def line(self, prompt: str) -> str:
        """One line of words."""
        return self.line_unless(lambda: False, prompt) or ""

    def line_unless(self, overtaken: Callable[[], bool], prompt: str = "> ") -> str | None:
        """The same; ``None`` as soon as ``overtaken`` says that there is nothing to be said any more."""
        # Read in a thread, so that a decision made elsewhere is noticed while nobody types.
        self._console.print(Text(prompt), end="")
        sys.stdout.flush()
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, name="hitl-demo-stdin", daemon=True)
            self._reader.start()
        while True:
            try:
                typed = self._typed.get(timeout=_LOOK_SECONDS)
            except queue.Empty:
                if overtaken():
                    self._print("")
                    return None
                continue
            if typed is None:  # Ctrl-D means the same as Ctrl-C here
                self._typed.put(None)
                raise KeyboardInterrupt
            return typed

    def _read(self) -> None:
        # os.read and not input(): a thread that waits inside sys.stdin when the process ends takes it down with an error.
        rest = b""
        while True:
            try:
                got = os.read(sys.stdin.fileno(), 4096)
            except OSError:
                got = b""
            if not got:
                self._typed.put(None)
                return
            *lines, rest = (rest + got).split(b"\n")
            for line in lines:
                self._typed.put(line.decode(errors="replace").rstrip("\r"))
