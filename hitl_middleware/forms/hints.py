"""What a field says of itself: its label, and below it what it takes and what being left empty means."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from hitl_middleware.forms.fields import ABSENT, Field

MOST_DESCRIPTION: Final = 300
MOST_DEFAULT: Final = 60


def label(path: tuple[str, ...], schema: Mapping[str, Any]) -> str:
    """A title that somebody chose, else the names on the way: ``Address – Street name``."""
    if not path:
        return str(schema.get("title") or "Answer")
    words = [part.replace("_", " ").strip() or part for part in path]
    title = schema.get("title")
    if (
        isinstance(title, str) and title.strip() and title != words[-1].title()
    ):  # pydantic's own is the name again
        words[-1] = title.strip()
    return " – ".join(word[:1].upper() + word[1:] for word in words)


def hint(field: Field, if_empty: tuple[Any, ...] | None) -> str:
    """One or two sentences. ``if_empty``: the value that being left empty stands for; ``None``: it must not be left empty."""
    return " ".join(_sentences(field, if_empty))


def _sentences(field: Field, if_empty: tuple[Any, ...] | None) -> Iterator[str]:
    description = field.schema.get("description")
    if isinstance(description, str) and (words := " ".join(description.split())):
        cut = words if len(words) <= MOST_DESCRIPTION else f"{words[: MOST_DESCRIPTION - 1]}…"
        yield cut if cut[-1] in ".!?…" else f"{cut}."
    if field.kind == "json":
        yield "As JSON."
    yield from _bounds(field)
    if if_empty == (None,) and field.kind != "json":
        yield "Left empty: none."
    elif if_empty == (ABSENT,):
        default = field.schema.get("default")
        shown = json.dumps(default, ensure_ascii=False, default=str)
        known = default not in (None, "", [], {}) and len(shown) <= MOST_DEFAULT
        yield f"Left empty: {shown}." if known else "May be left empty."


def _bounds(field: Field) -> Iterator[str]:
    schema = field.schema
    if field.kind in {"integer", "number"}:
        least = [f"at least {schema['minimum']}"] if "minimum" in schema else []
        least += [f"more than {schema['exclusiveMinimum']}"] if "exclusiveMinimum" in schema else []
        most = [f"at most {schema['maximum']}"] if "maximum" in schema else []
        most += [f"less than {schema['exclusiveMaximum']}"] if "exclusiveMaximum" in schema else []
        if bounds := ", ".join(least + most):
            yield f"{bounds[0].upper()}{bounds[1:]}."
    elif field.kind in {"text", "lines"} and "maxLength" in schema:
        yield f"At most {schema['maxLength']} characters."
