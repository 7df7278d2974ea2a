"""Looking through a JSON Schema: references, ``allOf`` of one, unions with null or of one sort."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

Schema = Mapping[str, Any]

DEEPEST: Final = 20
"""Steps through references and unions; one that goes on is a circle."""

_NOTED: Final = ("title", "description", "default")


@dataclass(frozen=True, slots=True)
class Looked:
    """A schema without references and without null. An empty one takes anything."""

    schema: dict[str, Any]
    nullable: bool = False

    @property
    def is_object(self) -> bool:
        """Whether it is an object whose names are known."""
        return (
            isinstance(self.schema.get("properties"), Mapping)
            and self.schema.get("type", "object") == "object"
        )


def choosable(schema: Schema) -> list[Any] | None:
    """The values of an enumeration, each once; ``None``: it is none, or its values are no plain ones."""
    values = schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else None
    if not isinstance(values, list) or not values:
        return None
    if not all(isinstance(value, str | int | float | bool | None) for value in values):
        return None
    return list({json.dumps(value): value for value in values}.values())


def look(root: Schema, schema: Any, depth: int = 0) -> Looked:
    """``schema``, a part of ``root``, looked through."""
    if not isinstance(schema, Mapping) or depth > DEEPEST:
        return Looked({})
    if (through := _through(root, schema)) is not None:
        return look(root, through, depth + 1)
    for union in ("anyOf", "oneOf"):
        if isinstance(branches := schema.get(union), Sequence):
            return _united([look(root, each, depth + 1) for each in branches], _noted(schema))
    if isinstance(kinds := schema.get("type"), list):
        rest = [kind for kind in kinds if kind != "null"]
        kept = {**schema, "type": rest[0]} if len(rest) == 1 else _noted(schema)
        return Looked(kept, nullable="null" in kinds)
    return Looked(dict(schema))


def _through(root: Schema, schema: Schema) -> Schema | None:
    """What stands behind a reference or an ``allOf`` of one, with what stands beside it."""
    if isinstance(ref := schema.get("$ref"), str):
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        # A class's name says what it is, not what it is here.
        target = {name: value for name, value in _target(root, ref).items() if name != "title"}
        return {**target, **beside}
    parts = schema.get("allOf")
    if isinstance(parts, list) and len(parts) == 1 and isinstance(parts[0], Mapping):
        return {**parts[0], **{name: value for name, value in schema.items() if name != "allOf"}}
    return None


def _united(branches: Sequence[Looked], noted: dict[str, Any]) -> Looked:
    nullable = any(each.nullable or each.schema.get("type") == "null" for each in branches)
    rest = [each.schema for each in branches if each.schema.get("type") != "null"]
    if len(rest) == 1:
        return Looked({**rest[0], **noted}, nullable)
    values = [choosable(each) for each in rest]
    if rest and all(values):
        return Looked({"enum": [value for found in values for value in found or ()], **noted}, nullable)
    bare = [each.get("type") for each in rest if set(each) <= {"type", *_NOTED}]
    if len(bare) == len(rest) and set(bare) == {"integer", "number"}:
        return Looked({"type": "number", **noted}, nullable)
    return Looked(noted, nullable)


def _noted(schema: Schema) -> dict[str, Any]:
    return {name: schema[name] for name in _NOTED if name in schema}


def _target(root: Schema, ref: str) -> Schema:
    """Inside the same schema only: nothing is fetched."""
    found: Any = root if ref.startswith("#") else {}
    for part in ref.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}
