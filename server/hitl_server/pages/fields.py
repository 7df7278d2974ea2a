"""The fields of a form as inputs, and what was put into those back as entries of the form. Pure.

What an input holds is what comes back, so nothing in it is made visible as elsewhere: where it holds what draws nothing, that is said
beside it. What no input could hold to the letter is shown and not put into one, and so stays as it is.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from hitl_middleware.display import one_line, visible
from hitl_middleware.forms import Entered, Field, FormSpec, lines

Input = Literal["text", "lines", "date", "menu", "boxes", "kept"]

MOST_BOXES: Final = 200
HIDDEN: Final = "It holds characters that draw nothing, which cannot be seen in the field."
KEPT: Final = "No input could hold this to the letter, so it stays as it is."

Sent = Mapping[str, Sequence[str]]
"""What a browser sent: every name with its values, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InputView:
    """One input. ``name`` is the browser's word for it; ``text`` what it holds, ``chosen`` the labels that are chosen in it."""

    name: str
    kind: Input
    label: str
    hint: str
    required: bool
    text: str = ""
    chosen: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    code: bool = False
    numeric: bool = False
    error: str | None = None


def inputs(spec: FormSpec, sent: Sent | None = None, errors: Mapping[str, str] = {}) -> list[InputView]:
    """One input for each field: with what was ``sent``, else with what the field shows at first."""
    return [
        _input(f"field-{number}", field, sent, errors.get(field.key))
        for number, field in enumerate(spec.fields)
    ]


def entries(spec: FormSpec, sent: Sent) -> dict[str, Entered]:
    """What was entered under each field's key. A name that did not come is a field that nobody touched."""
    found: dict[str, Entered] = {}
    for number, field in enumerate(spec.fields):
        values = sent.get(f"field-{number}")
        if values is None or _kind(field) == "kept":
            continue
        found[field.key] = tuple(filter(None, values)) if field.kind == "choices" else values[-1]
    return found


def _input(name: str, field: Field, sent: Sent | None, error: str | None) -> InputView:
    kind = _kind(field)
    values = None if sent is None or kind == "kept" else sent.get(name)
    shown = (field.shown,) if isinstance(field.shown, str) else field.shown
    holds = tuple(shown if values is None else values)
    text = lines("\n".join(holds)) if kind in {"text", "lines", "date", "kept"} else ""
    hint = field.hint
    if kind == "kept":
        hint = KEPT
    elif visible(text.replace("\t", "")) != text.replace("\t", ""):
        hint = f"{HIDDEN} {hint}".strip()
    return InputView(
        name=name,
        kind=kind,
        label=field.label,
        hint=hint,
        required=field.required,
        text=text,
        chosen=tuple(filter(None, holds)),
        options=tuple(option.label for option in field.options),
        code=field.kind == "json",
        numeric=field.kind in {"integer", "number"},
        error=None if error is None else one_line(error, 500),
    )


def _kind(field: Field) -> Input:
    if field.kind == "choices":
        return "boxes" if len(field.options) <= MOST_BOXES else "kept"
    if field.kind in {"boolean", "choice"}:
        return "menu"
    shown = str(field.shown)
    if any(unicodedata.category(char) in {"Cc", "Cs"} and char not in "\n\r\t" for char in shown):
        return "kept"
    if field.kind == "date":
        return "date"
    # An input of one line would take the line ends out of what it holds.
    return "lines" if field.kind in {"lines", "json"} or "\n" in lines(shown) else "text"
