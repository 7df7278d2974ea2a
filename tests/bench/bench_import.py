"""(i) what importing this library adds to a program that has imported LangGraph already."""

from __future__ import annotations

import subprocess
import sys
from statistics import median

import pytest

from tests.bench.table import Figure, Table

pytestmark = pytest.mark.bench

TIMES = 5
_CHILD = """
import time
{before}
begun = time.perf_counter()
{then}
print(time.perf_counter() - begun)
"""
_GRAPH = "import langgraph.graph, langgraph.prebuilt"
_AGENT = "from langchain.agents import create_agent; from langchain_core.tools import tool"
_NAMES = "from hitl_middleware import Hitl, requires_approval; Hitl.from_env(); requires_approval"


def _milliseconds(before: str, then: str) -> float:
    child = [sys.executable, "-c", _CHILD.format(before=before, then=then)]
    said = subprocess.run(child, capture_output=True, text=True, check=True)
    return 1_000 * float(said.stdout)


def test_import(table: Table):
    """≤ 60 ms; the names of README's first program and a ``Hitl`` besides."""
    for name, before, then, limit in (
        ("import hitl_middleware, after LangGraph", _GRAPH, "import hitl_middleware", 60.0),
        ("its names and a Hitl, after create_agent", _AGENT, _NAMES, None),
    ):
        took = [_milliseconds(before, then) for _ in range(TIMES)]
        row = Figure(key="i", name=name, database="", value=median(took), limit=limit, unit="ms")
        table.add(row)
