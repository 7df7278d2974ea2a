"""What a question costs, counted to the statement, so that nobody makes it dearer unnoticed; and what importing us loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kit.footprint import Footprint, asked_by_us, asked_on_postgresql, asked_plainly
from tests.kit.statements import Counted

_FORBIDDEN = (
    "langgraph",
    "langchain",
    "langchain_core",
    "sqlalchemy",
    "alembic",
    "pydantic",
    "slack_bolt",
    "github",
)


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Footprint:
    """A run that asks once and ends."""
    return asked_by_us(tmp_path_factory.mktemp("footprint"))


async def test_langgraph_alone(tmp_path: Path):
    """The measure: what the same agent takes without us. Where LangGraph changes it, ours changes with it."""
    suspend, resume = await asked_plainly(tmp_path)
    assert counts(suspend) == (1, 8, 6, 0)
    assert counts(resume) == (2, 6, 4, 0)


def test_a_suspend_costs(ours: Footprint):
    """Exactly so many queries, changes, commits, and turns of the writer for nothing, LangGraph's own among them.

    Fewer is better: write the new numbers down. More needs a reason.
    """
    assert counts(ours.suspend) == (16, 18, 7, 0)


def test_a_decision_costs(ours: Footprint):
    """The answer that is committed before it is acknowledged, and the way from there to the run's end: counted as a suspend is."""
    assert counts(ours.submit) == (4, 7, 1, 0)
    assert counts(ours.resume) == (21, 19, 7, 0)


def test_a_card_costs(ours: Footprint):
    """One card brought up to date: counted as a suspend is."""
    assert counts(ours.publish) == (5, 2, 2, 0)


@pytest.mark.postgres
def test_on_postgresql(postgres_url: str):
    """P-05: without LangGraph's part. Nobody works here by itself, so each change that wakes somebody writes a job: a query more."""
    found = asked_on_postgresql(postgres_url)
    assert counts(found.suspend) == (9, 10, 3, 0)
    assert counts(found.submit) == (5, 7, 1, 0)
    assert counts(found.resume) == (13, 13, 5, 0)
    assert counts(found.publish) == (5, 2, 2, 0)


def test_importing_loads_nothing():
    """A program that imports the package and uses none of its names yet loads no library for it."""
    code = f"import sys, hitl_middleware; print([name for name in {_FORBIDDEN!r} if name in sys.modules])"
    child = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert child.stdout.strip() == "[]"


def counts(found: Counted) -> tuple[int, int, int, int]:
    """Queries, changes, commits, idle turns; with a comparison that fails, what was said is worth reading: ``found.said``."""
    return found.reads, found.writes, found.commits, found.idle
