"""What commands print: JSON for programs, a few aligned lines for people. Text of models and users is shown as data."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer

from hitl_middleware.display import one_line, visible

MOST_CELL = 60
"""Characters of one cell. Ids, codes and times are shorter; what people wrote is cut, ``show`` has it in full."""


def as_json(value: Any) -> None:
    """One JSON document on stdout."""
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2, default=str))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Aligned columns; ``empty`` where there are no rows."""
    from rich.cells import cell_len

    lines = [[one_line(str(cell), MOST_CELL) for cell in row] for row in rows]
    if not lines:
        say(empty)
        return
    lines.insert(0, list(columns))
    widths = [max(cell_len(line[index]) for line in lines) for index in range(len(columns))]
    for line in lines:
        cells = (cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True))
        typer.echo("  ".join(cells).rstrip())


def facts(title: str, pairs: Mapping[str, object]) -> None:
    """A heading and its facts, one a line; a text of several lines stands under its name."""
    typer.echo(one_line(title, 200))
    width = max((len(key) for key in pairs), default=0)
    for key, value in pairs.items():
        if value not in (None, "", [], ()):
            said = visible(str(value)).replace("\n", "\n" + " " * (width + 4))
            typer.echo(f"  {key:<{width}}  {said}")


def who_decides(approvers: Sequence[str]) -> str:
    """The approvers of a plan. Where it is the API token alone, as by default, it is nobody's name: that is said."""
    return "api (the API token), and operators" if list(approvers) == ["api"] else ", ".join(approvers)


def say(sentence: str) -> None:
    """One line on stdout."""
    typer.echo(visible(sentence))
