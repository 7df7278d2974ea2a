"""A comment as lines of a terminal: what a reader on GitHub has before them, with its folded parts folded. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from html.parser import HTMLParser
from typing import Final

_BLOCKS: Final = frozenset(
    {
        "p",
        "div",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "ul",
        "ol",
        "li",
        "pre",
        "blockquote",
        "details",
        "summary",
    }
)
_HEAD: Final = 2
"""Lines of a card that say what it is and how it stands."""


def lines_of(html: str) -> list[str]:
    """The lines of rendered HTML (``FakeGitHub.seen``). Code is barred at its left, a folded part is its summary alone."""
    reading = _Lines()
    reading.feed(html)
    reading.close()
    return reading.lines()


def changes(before: Sequence[str], after: Sequence[str]) -> list[str]:
    """The first lines of a comment, and what it says now that it did not say before."""
    known = {line.strip() for line in before}
    new = [line for line in after[_HEAD:] if line.strip() and line.strip() not in known]
    return [*after[:_HEAD], *new]


class _Lines(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line = ""
        self._open: list[str] = []
        self._folded = 0  # how many of the open tags are behind a summary

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"br", "hr", "img", "input"}:
            self._end_line()
            return
        if tag in _BLOCKS:
            self._end_line()
        self._open.append(tag)
        if tag == "details" and "open" not in dict(attrs):
            self._folded += 1
        elif tag == "summary":
            self._line = "▸ "
        elif tag == "li" and not self._folded:
            self._line = "  " * (self._open.count("ul") + self._open.count("ol") - 1) + "• "

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._end_line()
        if tag == "details" and self._folded:
            self._folded -= 1
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if "pre" in self._open:
            if not self._folded:
                self._lines += [f"┆ {line}" for line in data.rstrip("\n").split("\n")]
        elif not self._folded or "summary" in self._open:
            self._line += " ".join(data.split("\n")) if self._line.strip() else data.lstrip()

    def _end_line(self) -> None:
        if self._line.strip(" •▸"):
            self._lines.append(self._line.rstrip())
        self._line = ""

    def lines(self) -> list[str]:
        self._end_line()
        return self._lines
