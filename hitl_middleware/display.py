"""How what somebody wrote is shown, the same in every channel: text that hides nothing, arguments in full or cut loudly. Pure."""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hitl_middleware.records import ReviewRequest
from hitl_middleware.redaction import MARK, hidden, redacted

Measure = Callable[[str], int]
"""How much room a text takes in a channel: characters, unless the channel counts otherwise. Of two texts, the sum."""

# Characters that draw nothing though their category does not say so (Unicode, DerivedCoreProperties: Default_Ignorable_Code_Point;
# the Braille blank and the null notehead are drawn as empty space).
_BLANK: Final = frozenset(
    {
        0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800, 0x3164, 0xFFA0, 0x1D159,
        *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0),
    }
)  # fmt: skip
_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})
_EMOJI_STYLE: Final = "\ufe0f"

MOST_COMPARED: Final = 1_000
"""Lines of two texts that are compared with each other: comparing takes the square of it."""

CUT: Final = "⟦CUT – {more} more characters are not shown here⟧"


def visible(text: str) -> str:
    """``text`` with everything that draws nothing, or changes the order of what is drawn, written out as ``⟦U+202E⟧``.

    Line feeds and plain spaces stay; a tab gets an arrow. An emoji keeps its style selector, which has to follow a symbol.
    """
    text = text.replace("\r\n", "\n")
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    shown: list[str] = []
    before = ""
    for char in text:
        shown.append(_visible(char, before))
        before = char
    return "".join(shown)


def _visible(char: str, before: str) -> str:
    if char in "\n ":
        return char
    if char == "\t":
        return "⇥\t"
    if (
        char == _EMOJI_STYLE
        and before
        and unicodedata.category(before) in {"So", "Sm", "Po"}
        and ord(before) not in _BLANK
    ):
        return char
    if ord(char) in _BLANK or unicodedata.category(char) in _HIDDEN:
        return f"⟦U+{ord(char):04X}⟧"
    return char


def one_line(text: str, limit: int, *, measure: Measure = len) -> str:
    """``text`` on one line and visible; ends in ``…`` where it was cut."""
    line = " ".join(visible(text[: 4 * limit]).split())
    return (
        line if measure(line) <= limit and len(text) <= 4 * limit else f"{_head(line, limit - 1, measure)}…"
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """Text to be shown. ``complete``: it is all there is, so a person may decide on it."""

    text: str
    complete: bool


def shown_text(text: str, limit: int, *, measure: Measure = len) -> Shown:
    """``text``, visible; cut so that nobody can overlook it when it takes more room than ``limit``."""
    # No character takes less than one unit of room, so what is beyond `limit` need not be looked at.
    head = visible(text[: limit + 1])
    if len(text) <= limit and measure(head) <= limit:
        return Shown(head, complete=True)
    room = limit - measure(CUT.format(more=f"{len(text):,}")) - 1
    kept = _kept(text[: limit + 1], room, measure)
    return Shown(f"{visible(text[:kept])}\n{CUT.format(more=f'{len(text) - kept:,}')}", complete=False)


def shown_args(
    args: Mapping[str, Any], limit: int, *, measure: Measure = len, redact: Collection[str] = ()
) -> Shown:
    """The arguments of a call as readable JSON, in their order; a text of several lines stands line by line behind ``│``.

    Those that ``redact`` names (``plan.redact``) are a mark without quotes, which no text of a model can be.
    """
    try:
        written = _written(args, redact)
    except (TypeError, ValueError, RecursionError):
        return Shown("⟦CUT – these arguments cannot be written out⟧", complete=False)
    return shown_text(written, limit, measure=measure)


def args_line(args: Mapping[str, Any] | None, redact: Collection[str] = ()) -> str:
    """The same on one line, for lists. Whoever prints it cuts it."""
    try:
        return json.dumps(redacted(args or {}, redact), ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return "⟦CUT – these arguments cannot be written out⟧"


def hidden_note(names: Sequence[str]) -> str | None:
    """What whoever decides has to know of what they do not see; ``None``: they see all. The names are the policy's own."""
    if not names:
        return None
    one = len(names) == 1
    what, rest = ("an argument is", "It runs") if one else (f"{len(names)} arguments are", "They run")
    return f"You do not see everything: {what} hidden by the policy ({', '.join(names)}). {rest} as a part of the call."


def hidden_from(request: ReviewRequest) -> str | None:
    """The same for a request as it stands."""
    return hidden_note(hidden(request.args, request.plan.redact))


LEAST: Final = 80
"""Room that even a value gets for which nothing is left: enough for the loud cut."""


def shown_data(
    data: Mapping[str, Any], limit: int, *, measure: Measure = len, most: int = 8
) -> list[tuple[str, Shown]]:
    """Values of a state under their names, each as it would be read: text as it stands, anything else as JSON. ``limit`` is for all.

    More than ``most`` values are one JSON object, under the name ``""``.
    """
    if len(data) > most:
        return [("", shown_args(data, limit, measure=measure))]
    found = []
    for key, value in data.items():
        shown = (
            shown_text(value, max(limit, LEAST), measure=measure)
            if isinstance(value, str)
            else shown_args({key: value}, max(limit, LEAST), measure=measure)
        )
        limit -= measure(shown.text)
        found.append((key, shown))
    return found


def _written(args: Mapping[str, Any], redact: Collection[str]) -> str:
    items: list[str] = []
    for key, value in args.items():
        name = json.dumps(str(key), ensure_ascii=False)
        if key in redact:
            items.append(f"  {name}: {MARK}{',' if len(items) < len(args) - 1 else ''}")
        elif isinstance(value, str) and "\n" in value:
            lines = value.replace("\r\n", "\n").split("\n")
            # No comma behind it: that would read as the text's own last character.
            items.append("\n".join([f"  {name}:", *(f"  │ {line}" for line in lines)]))
        else:
            text = json.dumps(value, ensure_ascii=False, indent=2, default=str).replace("\n", "\n  ")
            items.append(f"  {name}: {text}{',' if len(items) < len(args) - 1 else ''}")
    return "\n".join(["{", *items, "}"]) if items else "{}"


def shown_changes(
    before: Mapping[str, Any], after: Mapping[str, Any], limit: int, *, measure: Measure = len
) -> Shown:
    """What an edit changed, argument by argument: ``amount_cents: 12000 → 10000``; of a text of several lines, its lines with - and +."""
    try:
        lines = list(_changes(before, after, ()))
    except (TypeError, ValueError, RecursionError):
        return Shown("⟦CUT – these arguments cannot be written out⟧", complete=False)
    return shown_text("\n".join(lines) or "Nothing.", limit, measure=measure)


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        old, new = before.get(name, _NOTHING), after.get(name, _NOTHING)
        here = (*path, str(name))
        if _exactly(old) == _exactly(new):
            continue
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _changes(old, new, here)
        elif isinstance(old, str) and isinstance(new, str) and "\n" in old + new:
            lines = _line_changes(old, new) or [
                f"- {_value(old)}",
                f"+ {_value(new)}",
            ]  # only line ends differ
            yield from (f"{'.'.join(here)}:", *(f"  {line}" for line in lines))
        else:
            yield f"{'.'.join(here)}: {_value(old)} → {_value(new)}"


_NOTHING: Final = object()


def _exactly(value: Any) -> str:
    """1, 1.0 and true are three things here."""
    return "" if value is _NOTHING else json.dumps(value, sort_keys=True, default=str)


def _value(value: Any) -> str:
    return "nothing" if value is _NOTHING else json.dumps(value, ensure_ascii=False, default=str)


def _line_changes(old: str, new: str) -> list[str]:
    """Only what differs, in order. No line of the text can be taken for another: each carries its sign."""
    left, right = old.replace("\r\n", "\n").split("\n"), new.replace("\r\n", "\n").split("\n")
    if len(left) + len(right) > MOST_COMPARED:
        return [*(f"- {line}" for line in left), *(f"+ {line}" for line in right)]
    told: list[str] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if kind != "equal":
            told += [*(f"- {line}" for line in left[a:b]), *(f"+ {line}" for line in right[c:d])]
    return told


def _kept(text: str, room: int, measure: Measure) -> int:
    """How many characters of ``text`` fit into ``room`` once they are visible."""
    before = ""
    for index, char in enumerate(text):
        room -= measure(_visible(char, before))
        if room < 0:
            return index
        before = char
    return len(text)


def _head(line: str, room: int, measure: Measure) -> str:
    return line[: _kept(line, max(room, 0), measure)]
