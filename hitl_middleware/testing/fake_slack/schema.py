"""Strict checks of JSON, in the words of Slack's own error messages.

A check takes a value and its JSON pointer and yields what is wrong with it; nothing means that all is well. Slack
answers with such messages in `response_metadata.messages`, so a test that fails here reads as it would in production.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

Check = Callable[[Any, str], Iterator[str]]
Rule = Callable[[Mapping[str, Any]], Iterable[str]]
Fields = Mapping[str, Check]


def problem(what: str, pointer: str) -> str:
    """One message as Slack words it."""
    return f"{what} [json-pointer:{pointer}]"


def string(most: int | None = None, *, least: int = 1, pattern: str | None = None) -> Check:
    """A string of `least` to `most` characters that matches `pattern` as a whole."""
    shape = re.compile(pattern) if pattern else None

    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, str):
            yield problem("must be a string", pointer)
        elif len(value) < least:
            yield problem(f"must be more than {least - 1} characters", pointer)
        elif most is not None and len(value) > most:
            yield problem(f"must be less than {most + 1} characters", pointer)
        elif shape is not None and not shape.fullmatch(value):
            yield problem(f"must match pattern {shape.pattern}", pointer)

    return check


def boolean(value: Any, pointer: str) -> Iterator[str]:
    """True or false, not 0 or 1."""
    if not isinstance(value, bool):
        yield problem("must be a boolean", pointer)


def integer(least: int, most: int | None = None) -> Check:
    """A whole number in a range, both ends included."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, int) or isinstance(value, bool):
            yield problem("must be an integer", pointer)
        elif value < least:
            yield problem(f"must be greater than {least - 1}", pointer)
        elif most is not None and value > most:
            yield problem(f"must be less than {most + 1}", pointer)

    return check


def choice(*allowed: str) -> Check:
    """One of a few words."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        if value not in allowed:
            yield problem(f"must be a valid enum value: {', '.join(allowed)}", pointer)

    return check


def array(item: Check, *, least: int = 0, most: int | None = None) -> Check:
    """A list of `least` to `most` items, each of which passes `item`."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, list):
            yield problem("must be an array", pointer)
            return
        if len(value) < least:
            yield problem(f"no fewer than {least} items allowed", pointer)
        if most is not None and len(value) > most:
            yield problem(f"no more than {most} items allowed", pointer)
        for index, each in enumerate(value):
            yield from item(each, f"{pointer}/{index}")

    return check


def record(required: Fields, optional: Fields | None = None, *rules: Rule) -> Check:
    """An object with exactly these fields; `rules` see it only when every field is right."""
    fields = {**required, **(optional or {})}

    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield problem("must be an object", pointer)
            return
        found = [
            problem(f"missing required field: {name}", pointer) for name in required if name not in value
        ]
        found += [
            problem(f"invalid additional property: {name}", pointer) for name in value if name not in fields
        ]
        for name, inner in fields.items():
            if name in value:
                found += inner(value[name], f"{pointer}/{name}")
        if not found:
            found = [problem(what, pointer) for rule in rules for what in rule(value)]
        yield from found

    return check


def kind(name: str, required: Fields, optional: Fields | None = None, *rules: Rule) -> Check:
    """A record whose `type` is `name`."""
    return record({"type": choice(name), **required}, optional, *rules)


def tagged(kinds: Mapping[str, Check]) -> Check:
    """An object whose `type` says which check it has to pass."""

    def check(value: Any, pointer: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield problem("must be an object", pointer)
        elif "type" not in value:
            yield problem("missing required field: type", pointer)
        elif not isinstance(value["type"], str) or value["type"] not in kinds:
            yield problem(f"unsupported type: {value['type']}", f"{pointer}/type")
        else:
            yield from kinds[value["type"]](value, pointer)

    return check


def subset(kinds: Mapping[str, Check], *names: str) -> Check:
    """A tagged object of only some of the kinds."""
    return tagged({name: kinds[name] for name in names})


def exactly_one(*names: str) -> Rule:
    """Two spellings of one thing: the object has one of them, not both and not neither."""

    def rule(value: Mapping[str, Any]) -> Iterator[str]:
        if sum(name in value for name in names) != 1:
            yield f"must have exactly one of: {', '.join(names)}"

    return rule
