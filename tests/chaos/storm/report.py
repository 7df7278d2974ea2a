"""The table, and the same as JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.chaos.storm.checker import COLUMNS, Verdict

COUNTED: Final = ("plays", "kills", "stops", "restarts", "faults", "runs", "requests", "acts", "unknown")
"""What there was."""


@dataclass(slots=True)
class Total:
    """All plays on one kind of database."""

    counts: Counter[str] = field(default_factory=Counter)
    wrong: dict[str, list[str]] = field(default_factory=lambda: {column: [] for column in COLUMNS})
    seconds: float = 0.0

    def add(self, verdict: Verdict, seconds: float) -> None:
        """One more play."""
        self.counts.update(verdict.counts)
        self.counts["plays"] += 1
        self.seconds += seconds
        for column, found in verdict.wrong.items():
            self.wrong[column] += found


def table(totals: Mapping[str, Total]) -> str:
    """A Markdown table, a line for each database."""
    head = ("database", *COUNTED, *COLUMNS)
    rows = [
        (
            name,
            *(f"{total.counts[key]:,}" for key in COUNTED),
            *(str(len(total.wrong[key])) for key in COLUMNS),
        )
        for name, total in totals.items()
    ]
    return _drawn(head, rows)


def _drawn(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[index]) for row in (head, *rows)) for index in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *rest = zip(cells, widths, strict=True)
        return (
            "| " + " | ".join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]) + " |"
        )

    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    return "\n".join([line(head), rule, *map(line, rows)])


def write(path: Path, about: Mapping[str, str], totals: Mapping[str, Total]) -> None:
    """The same for programs, with all that was found wrong."""
    path.parent.mkdir(parents=True, exist_ok=True)
    told = {
        **about,
        "databases": {
            name: {"seconds": round(total.seconds, 1), "counts": dict(sorted(total.counts.items())), "wrong": total.wrong}
            for name, total in totals.items()
        },
    }  # fmt: skip
    path.write_text(json.dumps(told, indent=2) + "\n")
