"""The table: what was measured, where it should be, how large the noise was. Printed as Markdown, kept as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final, Self

from tests.bench.measuring import Ratio

ARTIFACT: Final = Path(__file__).parents[1] / "artifacts" / "bench.json"
HEAD: Final = ("", "figure", "database", "measured", "should be", "A/A", "ours", "floor", "processor")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row. ``key``: the letter; ``value`` with its ``unit`` (``×`` or a count, milliseconds …); ``limit``: where it should be."""

    key: str
    name: str
    database: str
    value: float
    limit: float | None = None
    at_least: bool = False
    unit: str = "×"
    rounds: tuple[float, ...] = ()
    noise: float | None = None
    """What the floor came to against a second floor."""
    cpu: float | None = None
    ours_ms: float | None = None
    floor_ms: float | None = None

    @classmethod
    def of(
        cls, key: str, name: str, database: str, ratio: Ratio, noise: Ratio | None = None, **more: Any
    ) -> Self:
        """A row about a ratio; ``noise``: that of the floor to a second one."""
        return cls(
            key=key, name=name, database=database, value=ratio.value, rounds=ratio.rounds, noise=noise.value if noise else None,
            cpu=ratio.cpu, ours_ms=ratio.ms, floor_ms=ratio.floor_ms, **more,
        )  # fmt: skip

    @property
    def met(self) -> bool | None:
        """Whether it is where it should be; ``None``: nothing was asked of it."""
        if self.limit is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def cells(self) -> tuple[str, ...]:
        """What the row says."""
        sign = "≥" if self.at_least else "≤"
        spread = f" ({min(self.rounds):.2f} … {max(self.rounds):.2f})" if len(self.rounds) > 1 else ""
        target = "" if self.limit is None else f"{sign} {_said(self.limit, self.unit)}"
        mark = {True: " ✓", False: " ✗", None: ""}[self.met]
        return (
            self.key, self.name, self.database, f"**{_said(self.value, self.unit)}**{spread}", target + mark,
            _or_blank(self.noise, "×"), _or_blank(self.ours_ms, "ms"), _or_blank(self.floor_ms, "ms"), _or_blank(self.cpu, "×"),
        )  # fmt: skip


@dataclass
class Table:
    """The rows in the order of their letters."""

    figures: list[Figure] = field(default_factory=list)

    def add(self, figure: Figure) -> None:
        """Add a row."""
        self.figures.append(figure)

    def markdown(self) -> str:
        """To be pasted."""
        rows = [figure.cells() for figure in sorted(self.figures, key=lambda f: f.key)]
        return "\n".join(_line(cells) for cells in (HEAD, ("---",) * len(HEAD), *rows))

    def finish(self, say: Callable[[str], object], kept: Path = ARTIFACT) -> None:
        """Print it and keep it."""
        about = {
            "date": date.today().isoformat(),  # noqa: DTZ011 – the day where it was measured
            "cores": os.cpu_count(),
            "system": platform.system(),
            "python": f"{platform.python_implementation()} {platform.python_version()}",
        }
        figures = [asdict(figure) | {"met": figure.met} for figure in self.figures]
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(json.dumps({**about, "figures": figures}, indent=1), encoding="utf-8")
        say(f"\n{about['cores']} cores, {about['system']}, {about['python']}, {about['date']}\n")
        say(self.markdown())


def _said(value: float, unit: str) -> str:
    return (
        f"{value:.2f}{unit}"
        if unit == "×"
        else f"{value:,.{0 if value >= 100 or value == int(value) else 1}f} {unit}".rstrip()
    )


def _or_blank(value: float | None, unit: str) -> str:
    return "" if value is None else _said(value, unit)


def _line(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"
