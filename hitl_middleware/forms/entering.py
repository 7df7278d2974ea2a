"""From what somebody entered into one field to its value."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from hitl_middleware.forms.fields import ABSENT, Entered, Field, lines
from hitl_middleware.forms.fit import misfits
from hitl_middleware.forms.showing import is_date

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,4000}")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,400}(\.[0-9]{1,1200})?([eE][+-]?[0-9]{1,4})?")
_YES_NO: Final = {"yes": True, "true": True, "no": False, "false": False}


class NotThat(Exception):
    """What was entered is no value of the field; the message says what would be."""


def value_of(field: Field, entered: Entered) -> Any:  # noqa: PLR0911 – a table of kinds
    """The value, or ``ABSENT`` where it is to be left out. Raises ``NotThat``."""
    if field.kind == "choices":
        return _choices(field, entered)
    if not isinstance(entered, str | None):
        msg = "One value is wanted here, not several."
        raise NotThat(msg)
    text = lines(entered or "")
    if not text or (not text.strip() and field.kind not in {"text", "lines"}):
        return empty(field)
    match field.kind:
        case "text" | "lines":
            return text
        case "integer":
            return _integer(text.strip())
        case "number":
            return _number(text.strip())
        case "boolean" | "choice":
            return _choice(field, text)
        case "date":
            return _date(text.strip())
        case "json":
            return _json(text)


def empty(field: Field) -> Any:
    """What an empty field means: null where that is a value, an empty text or list where that fits, else that the value is left out.

    Where there was no text, an empty one is not taken for an answer. Raises ``NotThat`` where it means nothing.
    """
    if field.kind == "choices" and not misfits([], field.schema):
        return []
    if field.nullable:
        return None
    if field.kind in {"text", "lines"} and field.present is not ABSENT and not misfits("", field.schema):
        return ""
    if field.may_miss:
        return ABSENT
    msg = "This is required."
    raise NotThat(msg)


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        msg = "A whole number, for example 12000."
        raise NotThat(msg)
    return int(text)


def _number(text: str) -> int | float:
    if not _NUMBER.fullmatch(text):
        msg = "A number, for example 12.5."
        raise NotThat(msg)
    if _INTEGER.fullmatch(text):
        return int(text)
    number = float(text)
    if number in {float("inf"), float("-inf")}:
        msg = "This number is too large."
        raise NotThat(msg)
    return number


def _date(text: str) -> str:
    if not is_date(text):
        msg = "A date, for example 2026-01-31."
        raise NotThat(msg)
    return text


def _choice(field: Field, text: str) -> Any:
    for option in field.options:
        if text in {option.label, option.label.strip()}:
            return option.value
    if field.kind == "boolean" and text.strip().lower() in _YES_NO:
        return _YES_NO[text.strip().lower()]
    shown = ", ".join(option.label for option in field.options[:20])
    more = f" and {len(field.options) - 20} more" if len(field.options) > 20 else ""
    msg = f"One of: {shown}{more}."
    raise NotThat(msg)


def _choices(field: Field, entered: Entered) -> Any:
    """Whatever stays keeps its order; what is new comes behind it."""
    chosen: Sequence[str] = [entered] if isinstance(entered, str) else list(entered or ())
    values = {label: _choice(field, label) for label in chosen}
    if not values:
        return empty(field)
    kept = [label for label in field.shown if label in values]
    return [values[label] for label in dict.fromkeys([*kept, *values])]


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_once)
    except NotThat:
        raise
    except RecursionError:
        msg = "This JSON is nested too deeply."
        raise NotThat(msg) from None
    except json.JSONDecodeError as error:
        msg = f"This is not JSON: {error.msg} (line {error.lineno}, column {error.colno}). A text stands in double quotes."
        raise NotThat(msg) from None
    except ValueError:
        msg = "This JSON has a number that is too long."
        raise NotThat(msg) from None


def _no_constant(name: str) -> Any:
    msg = f"{name} is no number in JSON."
    raise NotThat(msg)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        msg = "A name stands twice in this JSON."
        raise NotThat(msg)
    return found
