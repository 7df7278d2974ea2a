"""What a person sees of a message or a view: its words and its buttons. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Json = Mapping[str, Any]

_REFERENCE = re.compile(r"<([^<>\n]+)>")


@dataclass(frozen=True, slots=True)
class Button:
    """One button as it stands on a message."""

    action_id: str
    text: str
    value: str | None = None
    style: str | None = None
    block_id: str = ""
    url: str | None = None


def interactive(blocks: Sequence[Json]) -> Iterator[tuple[Json, Json]]:
    """Every interactive element with the block it stands in."""
    for block in blocks:
        if block["type"] == "actions":
            yield from ((block, element) for element in block["elements"])
        elif block["type"] == "section" and "action_id" in block.get("accessory", {}):
            yield block, block["accessory"]
        elif block["type"] == "input":
            yield block, block["element"]


def buttons(blocks: Sequence[Json]) -> list[Button]:
    """All buttons, from top to bottom."""
    return [
        Button(
            action_id=element["action_id"],
            text=unescaped(element["text"]["text"]),
            value=element.get("value"),
            style=element.get("style"),
            block_id=block["block_id"],
            url=element.get("url"),
        )
        for block, element in interactive(blocks)
        if element["type"] == "button"
    ]


def plain(blocks: Sequence[Json], text: str, names: Mapping[str, str]) -> str:
    """All visible words. A client shows the blocks, and `text` only where there are none."""
    if not blocks:
        return mrkdwn(text, names)
    return "\n".join(words for block in blocks if (words := _words(block, names)))


def mrkdwn(text: str, names: Mapping[str, str]) -> str:
    """Markup as it is read: mentions by name, links by their label, the three escaped characters as themselves."""
    return unescaped(_REFERENCE.sub(lambda match: _reference(match[1], names), text))


def unescaped(text: str) -> str:
    """Undo the three escapes that Slack knows (docs.slack.dev, "Formatting message text")."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _reference(inside: str, names: Mapping[str, str]) -> str:
    target, _, label = inside.partition("|")
    if target.startswith("!"):
        target = target.removeprefix("!subteam^")
        return label or names.get(target) or target.replace("!", "@").partition("^")[0]
    if target.startswith(("@", "#")):
        return names.get(target[1:]) or (target[0] + label if label else target)
    return label or target


def _words(part: Json, names: Mapping[str, str]) -> str:
    """The words of any block, element or text object; one that is not in the table is a menu or a field."""
    return _WORDS.get(part["type"], _chosen)(part, names)


def _lines(parts: Sequence[Json | None], names: Mapping[str, str]) -> str:
    return "\n".join(words for part in parts if part is not None and (words := _words(part, names)))


def _chosen(element: Json, names: Mapping[str, str]) -> str:
    """A closed menu or a field shows what is in it, else its placeholder."""
    if "initial_value" in element:
        value = element["initial_value"]
        return value if isinstance(value, str) else _words(value, names)
    chosen = [*element.get("initial_options", [])] + [
        element[key] for key in ("initial_option",) if key in element
    ]
    if chosen:
        return _lines([each["text"] for each in chosen], names)
    return _lines([element.get("placeholder")], names)


def _boxes(element: Json, names: Mapping[str, str]) -> str:
    """All options are seen at once, each with what is said below it."""
    return _lines(
        [part for each in element["options"] for part in (each["text"], each.get("description"))], names
    )


def _rich(element: Json, names: Mapping[str, str]) -> str:
    """Rich text is shown to the letter: nothing in it is markup, not even an escaped character."""
    if element["type"] in _RICH:
        return _RICH[element["type"]](element, names)
    between = "\n" if element["type"] in {"rich_text", "rich_text_list"} else ""
    return between.join(_rich(inner, names) for inner in element["elements"])


_Words = Callable[[Json, Mapping[str, str]], str]

_WORDS: Final[Mapping[str, _Words]] = {
    "mrkdwn": lambda part, names: mrkdwn(part["text"], names),
    "plain_text": lambda part, _: unescaped(part["text"]),
    "markdown": lambda part, _: str(part["text"]),
    "section": lambda part, names: _lines(
        [part.get("text"), *part.get("fields", []), part.get("accessory")], names
    ),
    "context": lambda part, names: _lines(part["elements"], names),
    "actions": lambda part, names: _lines(part["elements"], names),
    "input": lambda part, names: _lines([part["label"], part["element"], part.get("hint")], names),
    "rich_text": _rich,
    "header": lambda part, names: _words(part["text"], names),
    "button": lambda part, names: _words(part["text"], names),
    "image": lambda part, names: _lines([part.get("title")], names),
    "checkboxes": _boxes,
    "radio_buttons": _boxes,
}
_RICH: Final[Mapping[str, _Words]] = {
    "text": lambda part, _: str(part["text"]),
    "link": lambda part, _: str(part.get("text") or part["url"]),
    "user": lambda part, names: names.get(part["user_id"], f"@{part['user_id']}"),
    "usergroup": lambda part, names: names.get(part["usergroup_id"], f"@{part['usergroup_id']}"),
    "channel": lambda part, names: names.get(part["channel_id"], f"#{part['channel_id']}"),
    "emoji": lambda part, _: f":{part['name']}:",
    "broadcast": lambda part, _: f"@{part['range']}",
    "date": lambda part, _: str(part.get("fallback", part["format"])),
    "color": lambda part, _: str(part["value"]),
}
