"""Which of several names somebody meant. Pure."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

LEAST = 4
"""Characters of a beginning that is taken for the whole: ids made in one moment share more than that, and then it is not unique."""

NEAREST = 3


def meant(key: str, known: Iterable[str]) -> str | None:
    """The name itself, or the only one that begins or ends so."""
    names = list(dict.fromkeys(known))
    if key in names:
        return key
    found = (
        [name for name in names if name.startswith(key) or name.endswith(key)] if len(key) >= LEAST else []
    )
    return found[0] if len(found) == 1 else None


def hint(key: str, known: Iterable[str]) -> str:
    """A sentence for whoever named something that does not exist."""
    names = list(dict.fromkeys(known))
    if not names:
        return "There is none at all."
    near = difflib.get_close_matches(key, names, n=NEAREST, cutoff=0.5)
    if near:
        return f"Nearest: {', '.join(near)}."
    return f"There are {len(names)}; the newest: {', '.join(names[:NEAREST])}."


def short(args: object, limit: int = 120) -> str:
    """Arguments on one line."""
    words = json.dumps(args, ensure_ascii=False, default=str)
    return words if len(words) <= limit else f"{words[: limit - 1]}…"
