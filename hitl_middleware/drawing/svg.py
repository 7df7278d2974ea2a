"""Writing SVG: text is data, numbers are short, and nothing needs a style of its own (a page's CSP forbids that)."""

from __future__ import annotations

import re
from html import escape
from typing import Final

# What XML cannot hold even escaped, and what would change the order in which text is read.
_UNFIT: Final = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def written(text: str) -> str:
    """Text as it may stand in SVG, between tags and in attributes."""
    return escape(_UNFIT.sub("\ufffd", text))


def number(value: float) -> str:
    """Up to one decimal: a tenth of a pixel is more than anybody sees."""
    short = f"{value:.1f}".removesuffix(".0")
    return "0" if short == "-0" else short


def tag(name: str, *inside: str, **attributes: str | float | None) -> str:
    """An element. ``class_`` is its class, ``text_anchor`` its ``text-anchor``; what is ``None`` is left out. ``inside`` is SVG already."""
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{written(value) if isinstance(value, str) else number(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{told}>{''.join(inside)}</{name}>" if inside else f"<{name}{told}/>"
