"""How much room text takes, guessed on the safe side: nobody here knows which font draws it."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from typing import Final

# Advances of the printable ASCII characters of DejaVu Sans, in thousandths of its size, from the space on. It is the widest of the sans
# fonts that browsers fall back to, so what fits with it fits with the others.
_ADVANCES: Final = (
    *(318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337),  # space to /
    *([636] * 10),  # digits
    *(337, 337, 838, 838, 838, 531, 1000),  # : to @
    *(684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685),
    *(390, 337, 390, 838, 500, 500),  # [ to `
    *(613, 635, 550, 635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525),
    *(636, 337, 636, 838),  # { to ~
)  # fmt: skip


@lru_cache(maxsize=4096)
def width(text: str, size: float) -> float:
    """Pixels that ``text`` takes at most, on one line, in a sans font of ``size`` pixels."""
    return sum(map(_advance, text)) * size / 1000


def _advance(char: str) -> int:
    if " " <= char <= "~":
        return _ADVANCES[ord(char) - 32]
    if unicodedata.category(char) in {"Mn", "Me", "Cf"}:
        return 0
    return 1_250 if ord(char) > 0xFFFF else 1_000


def cut_path(text: str, most: float, size: float, between: str = "/") -> str:
    """The same for a path: of one that is too long the outer parts are left out, and its last one is what is read."""
    kept, rest = "", " ".join(text.split())
    while width(kept + rest, size) > most and between in rest:
        kept, rest = f"…{between}", rest.partition(between)[2]
    return cut(kept + rest, most, size)


def cut(text: str, most: float, size: float) -> str:
    """``text`` on one line, ending in ``…`` where it would be wider than ``most`` pixels."""
    line = " ".join(text[:500].split())
    if len(text) <= 500 and width(line, size) <= most:
        return line
    room = most - width("…", size)
    for index, char in enumerate(line):
        room -= width(char, size)
        if room < 0:
            return f"{line[:index].rstrip()}…"
    return f"{line}…"
