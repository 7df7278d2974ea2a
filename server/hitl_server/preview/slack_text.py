"""Slack's text objects and rich text as HTML. Pure.

Whatever is not one of the few constructs below is text, and leaves escaped. Sources: docs.slack.dev, "Formatting message text" and "Rich
text block". Addresses are links only where they are ``<…>`` and lead to the web: our cards are ``verbatim``, so Slack makes no others.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from markupsafe import Markup, escape

from hitl_middleware.testing.fake_slack.words import unescaped

Json = Mapping[str, Any]
Names = Mapping[str, str]

_TAGS: Final[Mapping[str, Markup]] = {
    "bold": Markup("<b>{}</b>"),
    "italic": Markup("<i>{}</i>"),
    "strike": Markup("<s>{}</s>"),
    "underline": Markup("<u>{}</u>"),
    "code": Markup("<code>{}</code>"),
    "block": Markup("<pre>{}</pre>"),
    "quote": Markup("<blockquote>{}</blockquote>"),
    "time": Markup("<time>{}</time>"),
    "mention": Markup('<span class="mention">{}</span>'),
    "me": Markup('<span class="mention me">{}</span>'),
    "bullet": Markup("<ul>{}</ul>"),
    "ordered": Markup("<ol>{}</ol>"),
    "item": Markup("<li>{}</li>"),
    "rich_text": Markup("{}"),
    "rich_text_section": Markup('<p class="rich">{}</p>'),
    "rich_text_preformatted": Markup("<pre>{}</pre>"),
    "rich_text_quote": Markup("<blockquote>{}</blockquote>"),
}
_LINK: Final = Markup('<a href="{}" target="_blank" rel="nofollow noopener noreferrer">{}</a>')
_WEB: Final = ("http://", "https://", "mailto:")
_CODE: Final = re.compile(r"```(?P<block>.+?)```|`(?P<code>[^`\n]+)`", re.DOTALL)
_REFERENCE: Final = re.compile(r"<([^<>\n]+)>")
_STYLES: Final = tuple(
    (style, re.compile(rf"(?<![\w{sign}])\{sign}(?=\S)([^{sign}\n]+?)(?<=\S)\{sign}(?![\w{sign}])"))
    for style, sign in (("bold", "*"), ("italic", "_"), ("strike", "~"))
)
_EMOJI: Final = {
    "+1": "👍", "-1": "👎", "x": "❌", "eyes": "👀", "white_check_mark": "✅", "thumbsup": "👍", "thumbsdown": "👎",
    "tada": "🎉", "rocket": "🚀", "warning": "⚠️", "heavy_check_mark": "✔️", "no_entry": "⛔", "heart": "❤️",
}  # fmt: skip


def text_of(part: Json, names: Names, me: str = "") -> Markup:
    """A text object. ``names``: people, groups and channels by id; ``me``: whose mention stands out."""
    if part["type"] == "mrkdwn":
        return mrkdwn(str(part["text"]), names, me)
    return _lines(unescaped(str(part["text"])))


def mrkdwn(text: str, names: Names, me: str = "") -> Markup:
    """Markup: code, quotes, bold, italic, strike, and references – people, channels, links, dates."""

    def code(found: re.Match[str]) -> Markup:
        # Nothing is styled in code; a reference is one all the same.
        kind = found.lastgroup or "code"
        return _TAGS[kind].format(_references(found[kind].strip("\n"), names, ""))

    return _between(text, _CODE.finditer(text), code, lambda rest: _quotes(rest, names, me))


def emoji(name: str) -> str:
    """An emoji by its name; one that is not known here as people write it."""
    return _EMOJI.get(name.partition("::")[0], f":{name}:")


def is_web(address: str) -> bool:
    """Whether an address leads to the web, and so may be a link."""
    return address.lower().startswith(_WEB)


def rich_text(element: Json, names: Names, me: str = "") -> Markup:
    """A rich text block or a part of one; what stands in it is shown to the letter."""
    if "elements" not in element:
        return _piece(element, names, me)
    parts = [rich_text(each, names, me) for each in element["elements"]]
    if element["type"] == "rich_text_list":
        return _TAGS[element["style"]].format(Markup().join(map(_TAGS["item"].format, parts)))
    return _TAGS[element["type"]].format(Markup().join(parts))


def _quotes(text: str, names: Names, me: str) -> Markup:
    """Quotes are whole lines; all else is found inside a line."""
    found = []
    for is_quote, lines in groupby(text.split("\n"), lambda line: line.startswith("&gt;")):
        bare = (line.removeprefix("&gt;").removeprefix(" ") if is_quote else line for line in lines)
        drawn = Markup("<br>").join(_styled(line, names, me, _STYLES) for line in bare)
        found.append(_TAGS["quote"].format(drawn) if is_quote else drawn)
    return Markup().join(found)


def _styled(text: str, names: Names, me: str, styles: Sequence[tuple[str, re.Pattern[str]]]) -> Markup:
    """One style after the other, and inside all of them the references."""
    if not styles:
        return _references(text, names, me)
    (style, pattern), *others = styles
    # A sign inside a reference – an underscore in an address – is none of a style.
    inside = [match.span() for match in _REFERENCE.finditer(text)]
    found = (
        match
        for match in pattern.finditer(text)
        if not any(start < at < end for start, end in inside for at in (match.start(), match.end() - 1))
    )
    return _between(
        text,
        found,
        lambda match: _TAGS[style].format(_styled(match[1], names, me, others)),
        lambda rest: _styled(rest, names, me, others),
    )


def _references(text: str, names: Names, me: str) -> Markup:
    found = _REFERENCE.finditer(text)
    return _between(
        text, found, lambda match: _reference(match[1], names, me), lambda rest: escape(unescaped(rest))
    )


def _between(
    text: str,
    found: Iterable[re.Match[str]],
    draw: Callable[[re.Match[str]], Markup],
    rest: Callable[[str], Markup],
) -> Markup:
    """What was found, drawn, and what stands between."""
    drawn, at = Markup(), 0
    for match in found:
        drawn += rest(text[at : match.start()]) + draw(match)
        at = match.end()
    return drawn + (rest(text[at:]) if at < len(text) else Markup())


def _reference(inside: str, names: Names, me: str) -> Markup:
    target, _, label = inside.partition("|")
    if target.startswith("!date^"):
        return _TAGS["time"].format(unescaped(label or target))
    if target.startswith("!"):
        group = target.removeprefix("!subteam^")
        name = label or names.get(group) or f"@{group.removeprefix('!').partition('^')[0]}"
        return _TAGS["mention"].format(unescaped(name))
    if target.startswith(("@", "#")):
        name = names.get(target[1:]) or (f"{target[0]}{label}" if label else target)
        return _TAGS["me" if target == f"@{me}" else "mention"].format(unescaped(name))
    return _link(unescaped(target), unescaped(label or target))


def _link(address: str, label: str) -> Markup:
    return _LINK.format(address, label) if is_web(address) else escape(label)


def _piece(part: Json, names: Names, me: str) -> Markup:
    found = _PIECES.get(part["type"], _nothing)(part, names, me)
    for style, on in part.get("style", {}).items():
        if on and style in _TAGS:
            found = _TAGS[style].format(found)
    return found


def _nothing(_part: Json, _names: Names, _me: str) -> Markup:
    return Markup()


_PIECES: Final[Mapping[str, Callable[[Json, Names, str], Markup]]] = {
    "text": lambda part, _names, _me: _lines(str(part["text"])),
    "link": lambda part, _names, _me: _link(str(part["url"]), str(part.get("text") or part["url"])),
    "user": lambda part, names, me: _reference(f"@{part['user_id']}", names, me),
    "usergroup": lambda part, names, me: _reference(f"!subteam^{part['usergroup_id']}", names, me),
    "channel": lambda part, names, me: _reference(f"#{part['channel_id']}", names, me),
    "broadcast": lambda part, names, me: _reference(f"!{part['range']}", names, me),
    "emoji": lambda part, _names, _me: escape(emoji(str(part["name"]))),
    "date": lambda part, _names, _me: _TAGS["time"].format(str(part.get("fallback", part["format"]))),
    "color": lambda part, _names, _me: _TAGS["code"].format(str(part["value"])),
}


def _lines(text: str) -> Markup:
    return Markup("<br>").join(escape(line) for line in text.split("\n"))
