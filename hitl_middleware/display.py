"""What people are shown, the same in every channel: text that hides nothing, arguments in full or cut loudly, words for states. Pure."""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from hitl_middleware.records import Action, Card, Occasion, ReviewRequest
from hitl_middleware.redaction import MARK, hidden, redacted
from hitl_middleware.review import ActionStatus, RequestStatus

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


# --------------------------------------------------------------------------------------------------------------- words


@dataclass(frozen=True, slots=True)
class StatusWords:
    """Two stories: what was decided, and what became of the act. A failed execution does not unmake an approval."""

    decision: str
    outcome: str | None = None
    hint: str | None = None
    """What a person should do now, where there is something."""
    then: str | None = None
    """What follows from the decision, where no act of ours does."""

    @property
    def headline(self) -> str:
        """The newest of the two, alone."""
        return self.outcome or self.decided(None)

    def decided(self, by: str | None) -> str:
        """The first story as a sentence: “Approved by @ann”."""
        sentence = f"{self.decision} by {by}" if by else self.decision
        return f"{sentence} – {self.then}" if self.then else sentence


WAITING: Final = "Waiting for a decision"
OVERDUE: Final = "Overdue, and still waiting for a decision"
UNANSWERED: Final = "nobody answered in time"
NOT_DONE: Final = f"{UNANSWERED}, so it was not done"

_DECISION: Final[Mapping[RequestStatus, str]] = {
    "pending": WAITING,
    "approved": "Approved",
    "rejected": "Rejected",
    "answered": "Answered",
    "revised": "Feedback sent",
    "expired": "Expired",
    "cancelled": "Cancelled",
    "superseded": "Superseded",
}
_OUTCOME: Final[Mapping[ActionStatus, str]] = {
    "executing": "Executing",
    "succeeded": "Executed",
    "failed": "Failed",
    "unknown": "Unknown",
}


def status_words(request: ReviewRequest, action: Action | None) -> StatusWords:
    """The words for where a request and its act stand."""
    decision = OVERDUE if request.status == "pending" and request.overdue else _DECISION[request.status]
    if request.status == "revised" and request.kind != "tool_call":
        decision = "Revision requested"
    if action is None:
        # Of an interrupt that is not ours we promise one decision and one resume, no more: its card ends at "handed back".
        then = "the run carries on" if request.kind == "step" else "handed back to the run"
        return StatusWords(decision, then={"approved": then, "expired": UNANSWERED}.get(request.status))
    outcome = _OUTCOME.get(action.status)
    if request.status == "expired":
        return StatusWords(decision, then=NOT_DONE)
    if outcome is None and request.status == "approved" and action.status == "waiting":
        outcome = "Asked again, because the call was edited"
    hint = None
    if action.status == "unknown":
        hint = f"It may have happened, or not. Look where it would show, then say so: hitl actions settle {action.id}"
    return StatusWords(decision, outcome, hint)


def late_words(request: ReviewRequest, occasion: Occasion, who: str, title: str | None = None) -> str:
    """What is said once of a deadline. ``who`` – whom it concerns – and ``title`` in the channel's own words; ``title``: else in ours."""
    until = f"{request.deadline_at:%Y-%m-%d %H:%M} UTC" if request.deadline_at else None
    what = one_line(request.title, 150) if title is None else title
    match occasion.kind:
        case "reminder":
            return f"Reminder for {who}: {what} waits for a decision until {until}."
        case "overdue":
            return f"Overdue since {until}, for {who}: {what}. It can still be decided."
        case "escalated":
            return f"Escalated to {who}, because nobody answered in time: {what}." + (
                f" Please decide by {until}." if until else ""
            )
        case "decided":
            return f"{what}: {status_words(request, None).decision}."


CardState = Literal["shown", "behind", "failed"]
"""Whether a posted message shows its request's newest version, does not yet, or will not: it was given up."""


def card_state(card: Card) -> CardState:
    """How a card stands."""
    if card.shown >= card.wanted:
        return "shown"
    return "failed" if card.gave_up else "behind"


def card_words(card: Card) -> str:
    """The same for people, with what went wrong."""
    match card_state(card):
        case "shown":
            return "up to date"
        case "failed":
            return f"not delivered – {card.error or 'given up'}"
        case "behind":
            return f"behind, tried again soon – {card.error}" if card.error else "on its way"


_OF_THE_LOG: Final = frozenset(
    {
        "self",
        "event",
        "level",
        "logger",
        "timestamp",
        "positional_args",
        "exc_info",
        "stack_info",
        "stacklevel",
    }
)


def log_facts(labels: Mapping[str, str], /, **facts: object) -> dict[str, object]:
    """What a line of the log says besides its event: a run's labels, and ``facts``, which come first; nothing that is not known.

    A label may have any name: what the log's own words are called is not overwritten by it.
    """
    told: dict[str, object] = {key: value for key, value in labels.items() if key not in _OF_THE_LOG}
    return told | {key: value for key, value in facts.items() if value is not None}


def person(identity: str | None, name: str | None = None) -> str | None:
    """Who it was, for people: the name they are known by, else the identity. Text of theirs: a channel has to escape it."""
    if identity is None:
        return None
    if identity == "policy":
        return "the policy"
    return one_line(name or identity, 80)
