"""A Slack message as text: what its blocks say, in a box. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from rich.cells import cell_len, chop_cells

from hitl_middleware.testing.fake_slack.words import mrkdwn, unescaped

Json = Mapping[str, Any]
Names = Mapping[str, str]

_BOLD: Final = re.compile(r"(?<!\w)\*([^*\n]+)\*(?!\w)")
_EMOJI_STYLE: Final = "\ufe0f"
_WORD: Final = re.compile(r"\S+\s*")


def boxed(title: str, lines: Sequence[str], width: int) -> list[str]:
    """The lines in a box of ``width`` columns, wrapped."""
    inner = width - 4
    head = f"─ {_fit(title, inner - 2)} "
    found = [f"╭{head}{'─' * (width - 2 - cell_len(head))}╮"]
    for line in lines:
        # Terminals disagree about the width of a sign with this selector; without it they agree.
        parts = wrapped(line.replace(_EMOJI_STYLE, ""), inner)
        found += [f"│ {part}{' ' * (inner - cell_len(part))} │" for part in parts]
    return [*found, f"╰{'─' * (width - 2)}╯"]


def wrapped(text: str, width: int) -> list[str]:
    """``text`` in lines of at most ``width`` columns; what follows a line stands under its beginning."""
    indent = " " * min(len(text) - len(text.lstrip(" ┆")), width // 2)
    bar = text[: len(indent)] if "┆" in text[: len(indent)] else indent
    lines, line = [], ""
    for word in _WORD.findall(text[len(indent) :]):
        for piece in (
            chop_cells(word, width - len(indent)) if cell_len(word.rstrip()) > width - len(indent) else [word]
        ):
            if line and cell_len(bar + line + piece.rstrip()) > width:
                lines.append((bar + line).rstrip())
                line = ""
            line += piece
    return [*lines, (bar + line).rstrip()]


def content(blocks: Sequence[Json], names: Names) -> list[str]:
    """What a message's blocks say, from top to bottom."""
    return [line for block in blocks for line in _lines(block, names)]


def changes(before: Sequence[Json], after: Sequence[Json], names: Names) -> list[str]:
    """Title and state of a message, and what it says now that it did not say before; a text in a frame is one thing."""
    head, frames = content(after[:2], names), [content([block], names) for block in before]
    known = {*head, *(line for frame in frames for line in frame)}
    new = []
    for block in after[2:]:
        lines = content([block], names)
        if block["type"] != "rich_text":
            new += [line for line in lines if line not in known]
        elif lines not in frames:
            new += lines
    return [*head, *new]


def _lines(block: Json, names: Names) -> Iterator[str]:
    match block["type"]:
        case "header":
            yield _text(block["text"], names)
        case "section" if "fields" in block:
            texts = [_text(field, names) for field in block["fields"]]
            for label, value in zip_longest(texts[::2], texts[1::2], fillvalue=""):
                yield f"{label:<18} {value}"
        case "section":
            yield from _text(block["text"], names).splitlines()
        case "rich_text":
            for element in block["elements"]:
                text = "".join(str(part.get("text", "")) for part in element["elements"])
                bar = "┆ " if element["type"] == "rich_text_preformatted" else ""
                yield from (f"{bar}{line}" for line in text.splitlines() or [""])
        case "context":
            yield " · ".join(_text(element, names) for element in block["elements"])
        case "actions":
            yield "  ".join(f"[ {_text(element['text'], names)} ]" for element in block["elements"])


def _text(part: Json, names: Names) -> str:
    if part["type"] != "mrkdwn":
        return unescaped(str(part["text"]))
    return _BOLD.sub(r"\1", mrkdwn(str(part["text"]), names)).replace("`", "")


def _fit(text: str, width: int) -> str:
    return text if cell_len(text) <= width else chop_cells(text, width - 1)[0] + "…"
