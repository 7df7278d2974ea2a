"""Where a value does not fit a JSON Schema, in sentences for people. Pure; what a schema refers to is never fetched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry

MOST_MISFITS: Final = 100
"""A Slack modal shows 100 blocks; nobody reads more."""

MOST_WORDS: Final = 300


@dataclass(frozen=True, slots=True)
class Misfit:
    """One thing that does not fit: where (keys and indexes from the top) and why."""

    path: tuple[str | int, ...]
    why: str


def misfits(value: Any, schema: Mapping[str, Any]) -> tuple[Misfit, ...]:
    """Everything that does not fit, at most one per place. A schema that cannot be used fits nothing."""
    found: dict[tuple[str | int, ...], str] = {}
    try:
        for top in Draft202012Validator(schema, registry=Registry()).iter_errors(value):
            # Of a union, the branch that was most likely meant: "not under any of the given schemas" helps nobody.
            error = best_match([top]) or top
            for place, why in _told(error):
                found.setdefault(place, why)
            if len(found) >= MOST_MISFITS:
                break
    except Exception as problem:  # noqa: BLE001 – unknown types, references to nowhere, keywords of the wrong form …
        return (Misfit((), f"Nothing fits its schema, which cannot be used ({type(problem).__name__})."),)
    return tuple(Misfit(place, why) for place, why in found.items())


def _told(error: ValidationError) -> Iterator[tuple[tuple[str | int, ...], str]]:
    place = tuple(error.absolute_path)
    limit: Any = error.validator_value
    if error.validator == "required":
        # Told once for each name that is missing, without saying in a field of its own which one.
        for name in limit:
            if isinstance(error.instance, Mapping) and name not in error.instance:
                yield (*place, str(name)), "This is required."
    elif (sentence := _SENTENCES.get(str(error.validator))) is not None:
        yield place, sentence(limit)
    else:
        yield place, f"{error.message[:MOST_WORDS].rstrip('.')}."


_TYPES: Final = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def _type(limit: Any) -> str:
    names = limit if isinstance(limit, list) else [limit]
    return f"This must be {' or '.join(_TYPES.get(name, str(name)) for name in names)}."


def _listed(limit: Any) -> str:
    shown = ", ".join(json.dumps(each, ensure_ascii=False) for each in limit[:20])
    more = f" and {len(limit) - 20} more" if len(limit) > 20 else ""
    return f"This must be one of {shown}{more}."


def _count(limit: Any, one: str, many: str) -> str:
    return f"{limit} {one if limit == 1 else many}"


_SENTENCES: Final[Mapping[str, Callable[[Any], str]]] = {
    "type": _type,
    "enum": _listed,
    "const": lambda limit: f"This must be {json.dumps(limit, ensure_ascii=False)}.",
    "minimum": lambda limit: f"This must be {limit} or more.",
    "maximum": lambda limit: f"This must be {limit} or less.",
    "exclusiveMinimum": lambda limit: f"This must be more than {limit}.",
    "exclusiveMaximum": lambda limit: f"This must be less than {limit}.",
    "multipleOf": lambda limit: f"This must be a multiple of {limit}.",
    "minLength": lambda limit: f"This must have at least {_count(limit, 'character', 'characters')}.",
    "maxLength": lambda limit: f"This must have at most {_count(limit, 'character', 'characters')}.",
    "pattern": lambda limit: f"This does not have the form {limit[:MOST_WORDS]}",
    "minItems": lambda limit: f"This must have at least {_count(limit, 'entry', 'entries')}.",
    "maxItems": lambda limit: f"This must have at most {_count(limit, 'entry', 'entries')}.",
    "uniqueItems": lambda _: "No entry may stand here twice.",
}
