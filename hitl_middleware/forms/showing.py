"""What a field shows of the value it has."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Sequence
from typing import Any, Final

from hitl_middleware.forms.fields import ABSENT, Kind, Option

NONE: Final = "(none)"
"""The label of null among choices: not every place lets people take a choice back."""

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def options_of(values: Sequence[Any]) -> tuple[Option, ...]:
    """Labels that tell the values apart: texts as they are, unless one of them could be taken for something else."""
    plain = all(
        isinstance(value, str) and value and value == " ".join(value.split()) and value != NONE
        for value in values
    )
    return tuple(Option(value, value if plain else json.dumps(value, ensure_ascii=False)) for value in values)


def shown(kind: Kind, options: Sequence[Option], present: Any) -> str | tuple[str, ...] | None:  # noqa: PLR0911 – a table of kinds
    """What a field of this kind shows of a value; ``None``: it cannot show it to the letter."""
    if kind == "choices":
        return _chosen(options, present)
    if present is ABSENT or (present is None and kind != "json"):
        return ""
    match kind, present:
        case "json", _:
            return written(present)
        case (("text" | "lines"), str()):
            return present
        case "date", str() if is_date(present):
            return present
        case (("integer" | "number"), bool()):
            return None
        case (("integer" | "number"), int()):
            return str(present)
        case "number", float() if math.isfinite(present):
            return repr(present)
        case (("boolean" | "choice"), _):
            return next((each.label for each in options if _same(each.value, present)), None)
    return None


def written(present: Any) -> str:
    """A value as JSON."""
    if present is ABSENT:
        return ""
    try:
        return json.dumps(present, ensure_ascii=False, indent=2)
    except (TypeError, ValueError, RecursionError):
        return f"(a {type(present).__name__} that is no JSON)"


def is_date(text: str) -> bool:
    """Whether it is a day of the calendar, as year-month-day."""
    try:
        return bool(_DATE.fullmatch(text)) and dt.date.fromisoformat(text) is not None
    except ValueError:
        return False


def _chosen(options: Sequence[Option], present: Any) -> tuple[str, ...] | None:
    if present is ABSENT or present is None:
        return ()
    if not isinstance(present, list | tuple):
        return None
    labels = tuple(each.label for value in present for each in options if _same(each.value, value))
    return labels if len(labels) == len(present) == len(set(labels)) else None


def _same(left: Any, right: Any) -> bool:
    """Equal and of one type: ``True`` is not 1 here, and 1.0 is not shown as 1."""
    return type(left) is type(right) and bool(left == right)
