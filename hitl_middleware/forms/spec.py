"""``FormSpec``: a form, and what becomes of what was entered into it."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hitl_middleware.forms.entering import NotThat, value_of
from hitl_middleware.forms.fields import ABSENT, Entered, Field
from hitl_middleware.forms.fit import misfits
from hitl_middleware.forms.reading import read_schema


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form came to: ``value``, or ``errors`` (field → sentence; ``""``: a form without fields)."""

    value: Any = None
    errors: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FormSpec:
    """The fields of one form. ``present`` are the values so far; ``hidden`` are names that are neither shown nor part of the result.

    ``objects``: the paths of nested objects that have to be there even if nothing in them is filled in.
    """

    fields: tuple[Field, ...]
    schema: Mapping[str, Any]
    present: Any = ABSENT
    hidden: frozenset[str] = frozenset()
    objects: tuple[tuple[str, ...], ...] = ()

    @classmethod
    def of(
        cls, schema: Mapping[str, Any] | None, present: Any = ABSENT, *, hidden: Collection[str] = ()
    ) -> FormSpec:
        """The form for a schema. Never raises: what has no better form is a JSON field, and so is everything without a schema.

        ``present``: the values so far, a mapping where the schema is an object. ``hidden``: names of the top level.
        """
        known = dict(schema) if schema else {"type": "object"} if isinstance(present, Mapping) else {}
        fields, objects = read_schema(known, present, frozenset(hidden))
        return cls(fields, known, present, frozenset(hidden), objects)

    def __getitem__(self, key: str) -> Field:
        for each in self.fields:
            if each.key == key:
                return each
        raise KeyError(key)

    def fill(self, entered: Mapping[str, Entered]) -> Filled:
        """Values for what was entered. A field that is not named, or that holds what it showed, keeps its value to the letter."""
        known = {each.key: each for each in self.fields}
        errors: dict[str, str] = {}
        value = copy.deepcopy(self.present)
        for key, each in known.items():
            if key not in entered or (each.keeps and each.untouched(entered[key])):
                continue
            try:
                value = _put(value, each.path, value_of(each, entered[key]))
            except NotThat as no:
                errors[key] = str(no)
        for path in self.objects:
            value = _put(value, path, _at(value, path, {}))
        # All at once: nobody sends a form three times to learn of three mistakes.
        errors = {**self._judged(value), **errors}
        errors = {key: errors[key] for key in [*known, ""] if key in errors}
        for key in entered.keys() - known.keys():
            errors[key] = f"There is no such field. There are: {', '.join(known) or 'none'}."
        return Filled(errors=errors) if errors else Filled(self._seen(value))

    def _judged(self, value: Any) -> dict[str, str]:
        """What does not fit, each at the field it belongs to. What is hidden was not entered here, so it is not judged here."""
        if value is ABSENT and self.fields and not self.fields[0].path:
            return {self.fields[0].key: "This is required."}
        errors: dict[str, str] = {}
        for misfit in misfits({} if value is ABSENT else value, self.schema):
            if misfit.path and misfit.path[0] in self.hidden:
                continue
            owner = self.owner(misfit.path)
            inside = ".".join(map(str, misfit.path[len(owner.path) :])) if owner else ""
            errors.setdefault(owner.key if owner else "", f"{inside}: {misfit.why}" if inside else misfit.why)
        return errors

    def owner(self, path: Sequence[str | int]) -> Field | None:
        """The field in which a place lies, else the first one that lies in that place."""
        inside = [each for each in self.fields if tuple(path[: len(each.path)]) == each.path]
        around = [each for each in self.fields if each.path[: len(path)] == tuple(path)]
        return max(inside, key=lambda each: len(each.path)) if inside else next(iter(around), None)

    def _seen(self, value: Any) -> Any:
        if value is ABSENT:
            return {}
        if not self.hidden or not isinstance(value, Mapping):
            return value
        return {name: each for name, each in value.items() if name not in self.hidden}


def _at(value: Any, path: Sequence[str], otherwise: Any) -> Any:
    for name in path:
        if not isinstance(value, Mapping) or name not in value:
            return otherwise
        value = value[name]
    return value


def _put(value: Any, path: Sequence[str], new: Any) -> Any:
    """``value`` with ``new`` at ``path``; ``ABSENT`` takes what stands there away."""
    if not path:
        return new
    inside = dict(value) if isinstance(value, Mapping) else {}
    name, *rest = path
    changed = _put(inside.get(name, ABSENT), rest, new)
    if changed is ABSENT:
        inside.pop(name, None)
    else:
        inside[name] = changed
    return inside
