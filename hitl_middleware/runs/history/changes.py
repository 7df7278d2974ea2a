"""What one state has that another had not: key by key, lists by what was added to them, messages as messages. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from hitl_middleware.runs.history.plain import is_message

MOST_COMPARED: Final = 1_000
"""Lines of two texts that are compared with each other: comparing takes the square of it."""

Kind = Literal["new", "gone", "more", "other"]
"""``new`` and ``gone``: a key; ``more``: items at the end of a list; ``other``: another value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference. ``before`` and ``after`` are the values; of ``more``, ``after`` is what was added, and ``before`` nothing."""

    path: tuple[str, ...]
    kind: Kind
    before: Any = None
    after: Any = None

    @property
    def words(self) -> str:
        """The change in a line or several."""
        name = ".".join(self.path)
        match self.kind:
            case "gone":
                return f"{name}: {_words(self.before)} → gone"
            case "more":
                return "\n".join(f"{name} + {_words(item)}" for item in self.after)
            case "new":
                return f"{name}: {_words(self.after)}"
            case "other":
                return _rewritten(name, self.before, self.after)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What is different in ``after``, in its order, as against ``before``; both are plain JSON (``Checkpoint.values``)."""
    return tuple(_changes(before, after, ()))


def _changes(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Change]:
    for key in dict.fromkeys([*after, *before]):
        here = (*path, key)
        old, new = before.get(key, _NOTHING), after.get(key, _NOTHING)
        if _same(old, new):
            continue
        if old is _NOTHING and new in (None, [], {}, ""):
            continue  # a graph that lays out its state before there is anything in it
        if old is _NOTHING:
            yield Change(path=here, kind="new", after=new)
        elif new is _NOTHING:
            yield Change(path=here, kind="gone", before=old)
        elif (
            isinstance(old, list)
            and isinstance(new, list)
            and len(new) > len(old)
            and _same(old, new[: len(old)])
        ):
            yield Change(path=here, kind="more", after=new[len(old) :])
        elif isinstance(old, Mapping) and isinstance(new, Mapping) and not is_message(new):
            yield from _changes(old, new, here)
        elif isinstance(old, list) and isinstance(new, list):
            yield from _items(old, new, here)
        else:
            yield Change(path=here, kind="other", before=old, after=new)


def _items(old: list[Any], new: list[Any], path: tuple[str, ...]) -> Iterator[Change]:
    """Lists of which some items are others: item by item, and what is more or gone at the end."""
    for index, (one, two) in enumerate(zip(old, new, strict=False)):
        if not _same(one, two):
            yield Change(path=(*path, str(index)), kind="other", before=one, after=two)
    if len(new) > len(old):
        yield Change(path=path, kind="more", after=new[len(old) :])
    for index in range(len(new), len(old)):
        yield Change(path=(*path, str(index)), kind="gone", before=old[index])


_NOTHING: Final = object()


def _same(one: Any, two: Any) -> bool:
    """1, 1.0 and true are three things here, as in JSON."""
    if type(one) is not type(two):
        return False
    if isinstance(one, Mapping):
        return one.keys() == two.keys() and all(_same(value, two[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(two) and all(map(_same, one, two))
    return bool(one == two)


def _words(value: Any) -> str:
    if isinstance(value, Mapping) and is_message(value):
        return message_words(value)
    if isinstance(value, str) and "\n" in value:
        return "".join(f"\n  │ {line}" for line in value.split("\n"))
    return json.dumps(value, ensure_ascii=False, default=str)


def _rewritten(name: str, before: Any, after: Any) -> str:
    """A text of several lines by its lines, with - and +; anything else whole."""
    if not (isinstance(before, str) and isinstance(after, str) and "\n" in before + after):
        return f"{name}: {_words(before)} → {_words(after)}"
    old, new = before.split("\n"), after.split("\n")
    if len(old) + len(new) > MOST_COMPARED:
        return f"{name}: another text, of {len(new):,} lines"
    lines = (line for line in difflib.ndiff(old, new) if line[0] in "+-")
    return "\n".join([f"{name}:", *(f"  {line}" for line in lines)])


def message_words(message: Mapping[str, Any]) -> str:
    """A message as it would be told: who, what, and which tools it calls."""
    who = str(message["type"]) + (f" {message['name']}" if message.get("name") else "")
    parts = [_content(message["content"])]
    for call in message.get("tool_calls") or ():
        if isinstance(call, Mapping):
            args = call.get("args")
            given = (
                ", ".join(f"{key}={_words(value)}" for key, value in args.items())
                if isinstance(args, Mapping)
                else _words(args)
            )
            parts.append(f"calls {call.get('name')}({given})")
    return f"{who}: " + "; ".join(part for part in parts if part)


def _content(content: Any) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [
            each["text"]
            for each in content
            if isinstance(each, Mapping) and isinstance(each.get("text"), str)
        ]
        return " ".join(texts) if texts else _words(content)
    return _words(content)
