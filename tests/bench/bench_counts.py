"""(g) what a question and an answer cost in statements and commits beyond LangGraph's own, counted. ``make test`` holds the same counts."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.bench.table import Figure, Table
from tests.kit.footprint import asked_by_us, asked_plainly

pytestmark = pytest.mark.bench


def test_extra_statements(tmp_path: Path, table: Table):
    """Suspend: from the input to the question. Decision: from the answer to the run's end."""
    plain_suspend, plain_resume = asyncio.run(asked_plainly(tmp_path))
    ours = asked_by_us(tmp_path)
    for name, mine, theirs in (
        ("suspend", (ours.suspend,), plain_suspend),
        ("decision", (ours.submit, ours.resume), plain_resume),
    ):
        commits = sum(each.commits + each.idle for each in mine) - theirs.commits
        statements = sum(each.reads + each.writes for each in mine) - theirs.reads - theirs.writes
        table.add(
            Figure(
                key="g",
                name=f"commits more than LangGraph's, {name}",
                database="sqlite",
                value=commits,
                unit="",
            )
        )
        table.add(
            Figure(key="g", name=f"statements more, {name}", database="sqlite", value=statements, unit="")
        )
