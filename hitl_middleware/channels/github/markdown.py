"""The only ways by which other people's text gets into a comment. Pure.

GitHub makes links, mentions, references, emoji and mathematics of text *after* Markdown is done, so neither a backslash nor an entity keeps
``@ann``, ``#12`` or ``:tada:`` quiet; only code does (docs.github.com, "Autolinked references and URLs"; the mention filter of
html-pipeline leaves out ``pre``, ``code`` and ``a``). So whatever is not our own stands in a code span or a fence that it cannot leave,
with everything invisible made visible. The one exception is ``plain``: words of which nothing could be made.

Structure is CommonMark's (spec.commonmark.org 0.31, "Code spans", "Fenced code blocks"): a span or a fence ends at a run of back-ticks as
long as the one that opens it, so ours is longer than any run inside.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from typing import Final, Literal

from hitl_middleware.display import one_line

Language = Literal["text", "diff", "json"]

WIDTH: Final = 100
"""Columns of a line in a fence. GitHub does not wrap code: what stands further to the right is not seen by who does not scroll."""

CONTINUED: Final = "↳ "
"""What the rest of a wrapped line begins with. In the text itself the arrow is written out, so that no line passes for such a rest."""

_PUNCTUATION: Final = frozenset(" .,;:!?'()/_-–—…’“”")
_MADE_OF: Final = re.compile(
    r"""
    www\.                       # a link without a scheme
    | :(?!\ |\Z)                # a scheme, or an emoji's name
    | \b[0-9a-f]{7,}\b          # a commit
    | \w-\d                     # GH-12, and what a repository's own autolinks may look like
    | \bGHSA-                   # a security advisory
    | --+
    | \b_|_\b|__                 # emphasis; within a name it is none
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NAME: Final = re.compile(r"(\(?)([\w#@/+.-]*[\w/])([.,:;!?)]*)", re.ASCII)
_URL: Final = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d+)?(?:[/?#][A-Za-z0-9._~:/?#@!$&+,;=%-]*)?")


def code(text: str, limit: int = 200) -> str:
    """Anybody's words on one line, to the letter, in a code span."""
    inside = one_line(text, limit) or "⟦nothing⟧"
    ticks = "`" * (_longest_run(inside) + 1)
    pad = " " if inside.startswith("`") or inside.endswith("`") else ""
    return f"{ticks}{pad}{inside}{pad}{ticks}"


def plain(text: str, limit: int = 200) -> str:
    """Anybody's words on one line: as they are where nothing could be made of them, else in a code span.

    Where all that is not quiet are names and numbers – ``Merge #2 at 8447c4f?`` – these alone are code.
    """
    line = one_line(text, limit)
    words = line.split()
    parts = [part for word in words if (part := _part(word))]
    return " ".join(parts) if line and len(parts) == len(words) else code(text, limit)


def _part(word: str) -> str | None:
    """A word as it is, or a name in it as code; ``None``: it is neither."""
    if all(map(_quiet, word)) and not _MADE_OF.search(word):
        return word
    found = _NAME.fullmatch(word)
    return f"{found[1]}{code(found[2])}{found[3]}" if found else None


def fence(text: str, language: Language = "text") -> str:
    """Text that was made visible (``display``) in a block of code, its long lines wrapped."""
    ticks = "`" * max(3, _longest_run(text) + 1)
    return f"{ticks}{language}\n{wrapped(text)}\n{ticks}"


def wrapped(text: str, width: int = WIDTH) -> str:
    """``text`` with its long lines broken between words, or within one that is longer than a line."""
    text = text.replace("↳", "⟦U+21B3⟧")
    return "\n".join(part for line in text.split("\n") for part in _broken(line, width))


def link(url: str | None, label: str) -> str | None:
    """A link of ours; ``None`` where the address is none, or could not be written without leaving the link."""
    return f"[{label}]({url})" if url and _URL.fullmatch(url) else None


def moment(at: dt.datetime) -> str:
    """A moment; GitHub has no way to tell it in the reader's own time."""
    return f"{at.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"


def room(text: str) -> int:
    """The room a text takes, counted so that no way in which GitHub may count comes to more: in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _quiet(char: str) -> bool:
    """Letters and digits that are written from left to right, and punctuation that means nothing to Markdown or GitHub."""
    if char in _PUNCTUATION or (char.isascii() and char.isalnum()):
        return True
    return unicodedata.category(char) in {"Lu", "Ll", "Lo", "Lt", "Nd"} and unicodedata.bidirectional(
        char
    ) in {"L", "EN"}


def _longest_run(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)


def _broken(line: str, width: int) -> list[str]:
    if len(line) <= width // 2 or _columns(line) <= width:
        return [line]
    parts: list[str] = []
    left, mark = line, ""
    while left:
        fits = _fitting(left, width - len(mark))
        if fits < len(left):
            space = left.rfind(" ", fits // 2, fits)
            fits = space + 1 if space >= 0 else fits
        parts.append(mark + left[:fits])
        left, mark = left[fits:], CONTINUED
    return parts


def _fitting(text: str, width: int) -> int:
    """How many characters of ``text`` fit into ``width`` columns; at least one."""
    used = 0
    for index, char in enumerate(text[: width + 1]):
        used += _columns(char)
        if used > width:
            return max(index, 1)
    return len(text)


def _columns(text: str) -> int:
    return sum(8 if char == "\t" else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
