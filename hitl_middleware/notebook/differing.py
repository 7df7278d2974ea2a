"""What differs between two states: values by name, messages one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hitl_middleware.display import shown_changes
from hitl_middleware.notebook.markup import Html, Shown, indented, tag
from hitl_middleware.notebook.messages import MOST, is_message, said, value_html, value_line

Kind = Literal["added", "removed", "changed"]
_SIGN = {"added": "+", "removed": "-", "changed": "~"}


@dataclass(frozen=True, slots=True)
class MessageChange:
    """One message that came, went or says something else now. ``before`` or ``after`` is ``None`` where there was none."""

    kind: Kind
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Change:
    """One value of the state. ``messages``: the single ones, where it is a list of messages."""

    name: str
    kind: Kind
    before: Any = None
    after: Any = None
    messages: tuple[MessageChange, ...] = ()


@dataclass(frozen=True, slots=True, repr=False)
class StateDiff(Shown):
    """``before`` and ``after`` say what was compared."""

    before: str
    after: str
    changes: tuple[Change, ...]

    def __getitem__(self, name: str) -> Change:
        for change in self.changes:
            if change.name == name:
                return change
        raise KeyError(name)

    def __bool__(self) -> bool:
        return bool(self.changes)

    def as_html(self) -> Html:
        parts = [
            part
            for change in self.changes
            for part in (tag("h4", f"{_SIGN[change.kind]} {change.name}"), _drawn(change))
        ]
        head = tag("h3", f"From {self.before} to {self.after}")
        return tag("div", head, *(parts or [tag("p", "Nothing differs.", class_="soft")]), class_="box")

    def as_text(self) -> str:
        lines = [f"From {self.before} to {self.after}:"]
        lines += [indented(line) for change in self.changes for line in _told(change)]
        return "\n".join(lines if self.changes else [*lines, "  nothing differs"])


def state_diff(before: str, old: Mapping[str, Any], after: str, new: Mapping[str, Any]) -> StateDiff:
    """Compare two states, as JSON."""
    changes = (_change(name, old, new) for name in dict.fromkeys([*old, *new]))
    return StateDiff(before, after, tuple(change for change in changes if change is not None))


def _change(name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Change | None:
    if name not in new:
        return Change(name, "removed", before=old[name])
    first, then = old.get(name), new[name]
    if name in old and first == then and type(first) is type(then):
        return None
    messages: tuple[MessageChange, ...] = ()
    if _are_messages(then) and (name not in old or first == [] or _are_messages(first)):
        messages = tuple(_message_changes(first or [], then))
    return Change(name, "changed" if name in old else "added", before=first, after=then, messages=messages)


def _are_messages(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(map(is_message, value))


def _message_changes(old: Sequence[dict[str, Any]], new: Sequence[dict[str, Any]]) -> Sequence[MessageChange]:
    """By id, as LangGraph adds messages; those without one by what they say."""
    known = {_name(message): message for message in old}
    present = {_name(message) for message in new}
    found = [
        MessageChange("removed", message, None) for name, message in known.items() if name not in present
    ]
    for message in new:
        before = known.get(_name(message))
        if before is None:
            found.append(MessageChange("added", None, message))
        elif before != message:
            found.append(MessageChange("changed", before, message))
    return found


def _name(message: dict[str, Any]) -> str:
    return str(message.get("id") or (message["type"], str(message["content"])))


def _drawn(change: Change) -> Html:
    if change.messages:
        parts: list[Html] = []
        for each in change.messages:
            if each.before is not None:
                parts.append(said(each.before, "gone"))
            if each.after is not None:
                parts.append(said(each.after, "new"))
        return tag("div", *parts)
    if change.kind == "changed":
        return tag("pre", shown_changes({change.name: change.before}, {change.name: change.after}, MOST).text)
    return value_html(change.after if change.kind == "added" else change.before)


def _told(change: Change) -> Sequence[str]:
    if change.messages:
        lines = [f"~ {change.name}:"]
        for each in change.messages:
            if each.before is not None:
                lines.append(f"  - {value_line(each.before)}")
            if each.after is not None:
                lines.append(f"  + {value_line(each.after)}")
        return lines
    if change.kind == "changed":
        told = shown_changes({change.name: change.before}, {change.name: change.after}, MOST).text
        return [f"~ {line}" for line in told.split("\n")]
    return [
        f"{_SIGN[change.kind]} {change.name}: {value_line(change.after if change.kind == 'added' else change.before)}"
    ]
