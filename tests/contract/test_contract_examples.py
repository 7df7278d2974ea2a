"""The examples in the contracts' docstrings, executed: they are how one's own store, channel and place of graphs begin (E-02)."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field
from types import ModuleType

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from hitl_middleware.clock import ManualClock, SystemClock
from hitl_middleware.portal import Portal
from hitl_middleware.records import Notice, Target
from hitl_middleware.runs.history.compiled import CompiledReader
from hitl_middleware.runs.local import LocalRuns
from hitl_middleware.stores import open_store
from hitl_middleware.testing import (
    ChannelContract,
    RunsContract,
    StoreContract,
    channel_contract,
    runs_contract,
    store_contract,
)
from hitl_middleware.testing.example_channel import Board, BoardChannel
from hitl_middleware.testing.runs_contract import GRAPHS


def run_examples(module: ModuleType) -> None:
    """Execute the indented parts of a module's docstring here, the last one first: it defines what the first one uses."""
    lines = (module.__doc__ or "").splitlines()
    parts: list[list[str]] = [[]]
    for line in lines:
        if line.startswith("    ") or (not line and parts[-1]):
            parts[-1].append(line)
        elif parts[-1]:
            parts.append([])
    for part in reversed([part for part in parts if part]):
        exec(compile(textwrap.dedent("\n".join(part)), str(module.__file__), "exec"), globals())  # noqa: S102 – our own docstring


run_examples(channel_contract)
run_examples(store_contract)
run_examples(runs_contract)
__all__ = [
    "GRAPHS", "Board", "BoardChannel", "ChannelContract", "CompiledReader", "InMemorySaver", "LocalRuns", "ManualClock", "Notice",
    "Portal", "RunsContract", "StoreContract", "SystemClock", "Target", "dataclass", "field", "open_store", "pytest",
]  # fmt: skip


def test_all_examples_were_taken_up():
    """A docstring whose example is not found would test nothing."""
    assert issubclass(globals()["TestBoard"], ChannelContract)
    assert issubclass(globals()["TestMyStore"], StoreContract)
    assert issubclass(globals()["TestHere"], RunsContract)
