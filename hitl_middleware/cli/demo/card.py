"""A Slack message as text: what its blocks say. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, Final

from hitl_middleware.testing.fake_slack.words import mrkdwn, unescaped

Json = Mapping[str, Any]
Names = Mapping[str, str]

_BOLD: Final = re.compile(r"(?<!\w)\*([^*\n]+)\*(?!\w)")


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
