"""From a JSON Schema, as pydantic emits it for a tool, to fields.

Nested objects become fields of their own (``address.street``) where their names allow it; where they may be null they are JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from hitl_middleware.forms.entering import NotThat, empty
from hitl_middleware.forms.fields import ABSENT, Field, Kind, Option
from hitl_middleware.forms.hints import hint, label
from hitl_middleware.forms.looking import Looked, Schema, choosable, look
from hitl_middleware.forms.showing import NONE, options_of, shown, written

MOST_NESTED: Final = 4
"""Levels of objects that become fields; deeper ones are JSON."""

MOST_FIELDS: Final = 500
"""Fields of one form; a schema with more is one JSON field. No renderer shows as many."""

LONG: Final = 80
"""Characters from which a text gets several lines."""

YES_NO: Final = (Option(value=True, label="Yes"), Option(value=False, label="No"))

Path = tuple[str, ...]


def read_schema(
    schema: Schema, present: Any, hidden: frozenset[str]
) -> tuple[tuple[Field, ...], tuple[Path, ...]]:
    """The fields of a schema in its order, what it does not name but has behind them; and the nested objects that must be there."""
    seen = present
    if hidden and isinstance(present, Mapping):
        seen = {name: value for name, value in present.items() if name not in hidden}
    try:
        for nested in (True, False):  # without nesting where "a.b" stands beside an "a" with a "b" in it
            reader = _Reader(schema, nested=nested)
            fields = list(reader.top(seen, hidden))
            if len(fields) <= MOST_FIELDS and len({each.key for each in fields}) == len(fields):
                return _labelled(fields), tuple(reader.objects)
    except Exception:  # noqa: BLE001, S110 – keywords of the wrong form: it is somebody else's schema, and a JSON field takes all
        pass
    return _labelled([_whole(seen)]), ()


class _Reader:
    def __init__(self, root: Schema, *, nested: bool) -> None:
        self._root = root
        self._nested = nested
        self.objects: list[Path] = []

    def top(self, present: Any, hidden: frozenset[str]) -> Iterator[Field]:
        looked = look(self._root, self._root)
        if not looked.is_object or not (present is ABSENT or isinstance(present, Mapping)):
            field = self._field((), looked, present, may_miss=False)
            yield replace(field, label="Arguments") if isinstance(present, Mapping) else field
            return
        values: Mapping[str, Any] = {} if present is ABSENT else present
        yield from self._inside((), looked.schema, values, hidden, certain=True)
        for name, value in values.items():
            if name not in looked.schema["properties"]:
                yield self._field((name,), Looked({}), value, may_miss=True)

    def _inside(
        self, path: Path, schema: Schema, values: Mapping[str, Any], hidden: frozenset[str], *, certain: bool
    ) -> Iterator[Field]:
        """The fields of an object. ``certain``: the object is there, or must be."""
        for name, inner in schema["properties"].items():
            if not path and name in hidden:
                continue
            here, looked, value = (*path, name), look(self._root, inner), values.get(name, ABSENT)
            # Of an object that may be missing nothing has to be filled in; what is half filled in is judged as a whole.
            may_miss = name not in schema.get("required", ()) or not certain
            if self._opens(here, looked, value):
                there = value is not ABSENT or not may_miss
                if there:
                    self.objects.append(here)
                known: Mapping[str, Any] = {} if value is ABSENT else value
                yield from self._inside(here, looked.schema, known, hidden, certain=there)
            else:
                yield self._field(here, looked, value, may_miss=may_miss)

    def _opens(self, path: Path, looked: Looked, value: Any) -> bool:
        """Whether an object becomes fields of its own."""
        return (
            self._nested
            and looked.is_object
            and not looked.nullable
            and len(path) <= MOST_NESTED
            and not any("." in name for name in (*path, *looked.schema["properties"]))
            and looked.schema.get("additionalProperties", False) in (False, True)
            and (
                value is ABSENT
                or (isinstance(value, Mapping) and set(value) <= set(looked.schema["properties"]))
            )
        )

    def _field(self, path: Path, looked: Looked, present: Any, *, may_miss: bool) -> Field:
        kind, options, nullable = self._kind(looked, present)
        seen = shown(kind, options, present)
        if seen is None:
            kind, options, seen = "json", (), written(present)
        if nullable and kind in {"boolean", "choice"}:
            options, seen = (*options, Option(None, NONE)), NONE if present is None else seen
        return Field(
            path=path,
            kind=kind,
            label=label(path, looked.schema),
            nullable=nullable,
            may_miss=may_miss,
            options=options,
            present=present,
            shown=seen,
            schema={**looked.schema, "$defs": self._root.get("$defs", {})},
        )

    def _kind(self, looked: Looked, present: Any) -> tuple[Kind, tuple[Option, ...], bool]:
        schema, nullable = looked.schema, looked.nullable
        if (values := choosable(schema)) is not None:
            options = options_of([value for value in values if value is not None])
            return ("choice" if options else "json"), options, nullable or None in values
        kind: Kind = "json"
        match schema.get("type"):
            case "string":
                is_date = schema.get("format") == "date"
                kind = "date" if is_date else "lines" if _is_long(schema, present) else "text"
            case "integer":
                kind = "integer"
            case "number":
                kind = "number"
            case "boolean":
                return "boolean", YES_NO, nullable
            case "array" if options := self._many(schema):
                return "choices", options, nullable
            case "null":
                nullable = True
        return kind, (), nullable

    def _many(self, schema: Schema) -> tuple[Option, ...]:
        """What the entries of a list can be chosen from; nothing: they are no choices."""
        items = schema.get("items")
        if "prefixItems" in schema or not isinstance(items, Mapping):
            return ()
        inner = look(self._root, items)
        values = None if inner.nullable else choosable(inner.schema)
        return options_of(values) if values and None not in values else ()


def _is_long(schema: Schema, present: Any) -> bool:
    most = schema.get("maxLength")
    text = present if isinstance(present, str) else ""
    return len(text.splitlines()) > 1 or len(text) > LONG or (isinstance(most, int) and most > 2 * LONG)


def _whole(present: Any) -> Field:
    """Everything in one field."""
    what = "Answer" if present is ABSENT else "Arguments"
    return Field(path=(), kind="json", label=what, present=present, shown=written(present))


def _labelled(fields: Sequence[Field]) -> tuple[Field, ...]:
    """Every field with a label of its own, and with what it says of being left empty."""
    names = [each.label for each in fields]
    return tuple(
        _finished(each if names.count(each.label) == 1 else replace(each, label=f"{each.label} ({each.key})"))
        for each in fields
    )


def _finished(field: Field) -> Field:
    try:
        if_empty = (empty(field),)
    except NotThat:
        return replace(field, required=True, hint=hint(field, None))
    return replace(field, hint=hint(field, if_empty))
