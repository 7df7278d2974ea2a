"""Lines in a box, and lines that fit. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rich.cells import cell_len, chop_cells

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
    head = text[: min(len(text) - len(text.lstrip(" ┆•")), width // 2)]
    further = head if "┆" in head else " " * len(head)
    lines, line, begin = [], "", head
    for word in _WORD.findall(text[len(head) :]):
        for piece in (
            chop_cells(word, width - len(head)) if cell_len(word.rstrip()) > width - len(head) else [word]
        ):
            if line and cell_len(begin + line + piece.rstrip()) > width:
                lines.append((begin + line).rstrip())
                line, begin = "", further
            line += piece
    return [*lines, (begin + line).rstrip()]


def _fit(text: str, width: int) -> str:
    return text if cell_len(text) <= width else chop_cells(text, width - 1)[0] + "…"
