"""(g) what a question and an answer cost in statements and commits beyond LangGraph's own, counted. ``make test`` holds the same counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.bench.table import Figure, Table
from tests.kit.footprint import asked_by_us, asked_on_postgresql, asked_plainly
from tests.kit.postgres import Postgres
from tests.kit.statements import Counted

pytestmark = pytest.mark.bench


def test_extra_statements(tmp_path: Path, table: Table):
    """Suspend: from the input to the question. Decision: from the answer to the run's end."""
    plain_suspend, plain_resume = asyncio.run(asked_plainly(tmp_path))
    ours = asked_by_us(tmp_path)
    _told(table, "sqlite", "suspend", (ours.suspend,), plain_suspend)
    _told(table, "sqlite", "decision", (ours.submit, ours.resume), plain_resume)


@pytest.mark.postgres
def test_extra_statements_on_postgresql(postgres_server: Postgres, table: Table):
    """The same; what LangGraph's saver does there is not counted to begin with."""
    with postgres_server.fresh() as url:
        ours = asked_on_postgresql(url)
    _told(table, "postgresql", "suspend", (ours.suspend,), Counted())
    _told(table, "postgresql", "decision", (ours.submit, ours.resume), Counted())


def _told(table: Table, database: str, what: str, mine: Sequence[Counted], theirs: Counted) -> None:
    commits = sum(each.commits + each.idle for each in mine) - theirs.commits
    statements = sum(each.reads + each.writes for each in mine) - theirs.reads - theirs.writes
    for name, value in (
        (f"commits more than LangGraph's, {what}", commits),
        (f"statements more, {what}", statements),
    ):
        table.add(Figure(key="g", name=name, database=database, value=value, unit=""))
