"""The pieces a comment is made of: lists, somebody's words, boxes that fold when they are long. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from hitl_middleware.channels.github.markdown import WIDTH, Language, code, fence, plain, room
from hitl_middleware.display import one_line, shown_text

MOST_LABEL: Final = 160

FOLDED_LINES: Final = 30
FOLDED_CHARACTERS: Final = 2_500
"""More than either is folded."""


def bullets(items: Iterable[str]) -> str:
    """A list; nothing where there are no items."""
    return "\n".join(f"- {item}" for item in items)


def said(label: str, text: str, most: int, *, fold: bool = False) -> str:
    """Somebody's words: beside their label where they are few and quiet, else in a box, cut loudly when they are too many."""
    words = text.strip()
    line = plain(words, MOST_LABEL) if words else ""
    if line and line == words:
        return f"**{label}:** {line}"
    return box(label, shown_text(text, most, measure=room).text, fold=fold)


def box(label: str, text: str, language: Language = "text", *, fold: bool = False) -> str:
    """Text that was made visible, under a label; folded where it is long, or always."""
    text = text.strip("\n") or " "
    lines = text.count("\n") + 1
    block = fence(text, language)
    if not fold and lines <= FOLDED_LINES and len(text) <= FOLDED_CHARACTERS:
        return f"**{plain(label, MOST_LABEL)}**\n\n{block}"
    size = f" – {lines:,} lines" if lines > 1 else f" – {len(text):,} characters" if len(text) > WIDTH else ""
    return f"<details><summary>{_summary(label)}{size}</summary>\n\n{block}\n\n</details>"


def hint(text: str) -> str:
    """A hint of ours with its command in code."""
    sentence, found, command = text.partition("hitl ")
    return f"{sentence}{code(found + command)}" if found else sentence


def _summary(label: str) -> str:
    """A label inside HTML, where Markdown's code is none: as HTML's."""
    line = plain(label, MOST_LABEL)
    if "`" not in line:
        return f"<b>{line}</b>"
    shown = one_line(label, MOST_LABEL) or "⟦nothing⟧"
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        shown = shown.replace(char, entity)
    return f"<b><code>{shown}</code></b>"
