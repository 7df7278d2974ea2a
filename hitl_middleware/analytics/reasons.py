"""Why people said no. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from hitl_middleware.analytics.people import answers
from hitl_middleware.analytics.rows import Asked

MOST_REASONS: Final = 50
_ENDS: Final = ".!…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Words with which something was rejected, as most wrote them; ``None``: without any. ``graphs``: where, by name."""

    text: str | None
    count: int
    graphs: tuple[str, ...]


def reasons(rows: Iterable[Asked]) -> tuple[Reason, ...]:
    """The most frequent first. Case, spaces and a full stop at the end make no other reason."""
    spelt: dict[str, Counter[str]] = {}
    where: dict[str, set[str]] = {}
    for asked, answer in answers(rows):
        if answer.decision == "reject":
            text = " ".join((answer.message or "").split())
            key = text.rstrip(_ENDS).casefold()
            spelt.setdefault(key, Counter())[text] += 1
            where.setdefault(key, set()).add(asked.graph)
    found = [
        Reason(
            # Of spellings that are equally frequent the first in order, so that a report is the same each time.
            text=min(spellings, key=lambda text: (-spellings[text], text)) or None,
            count=spellings.total(),
            graphs=tuple(sorted(where[key])),
        )
        for key, spellings in spelt.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.count, each.text or "")))[:MOST_REASONS]
