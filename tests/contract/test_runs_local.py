"""The contract of running graphs, in this process, on our saver on SQLite. (In memory: the example in the contract's docstring.)"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from hitl_middleware.clock import SystemClock
from hitl_middleware.portal import Portal
from hitl_middleware.records import Run
from hitl_middleware.runs.history.compiled import CompiledReader
from hitl_middleware.runs.local import LocalRuns
from hitl_middleware.stores import open_store
from hitl_middleware.stores.saver import close_saver, open_saver
from hitl_middleware.testing.runs_contract import GRAPHS, RunsContract


class Local:
    def __init__(self, portal: Portal, saver: Any) -> None:
        self.runs = LocalRuns(portal, None)  # type: ignore[arg-type]  # these graphs have no steps
        self.reader = CompiledReader(self.runs)
        self._made = {
            name: build().compile(checkpointer=saver, **options) for name, (build, options) in GRAPHS.items()
        }
        for name, graph in self._made.items():
            self.runs.add(name, graph)

    async def values(self, run: Run) -> Mapping[str, Any]:
        config: Any = {"configurable": {"thread_id": run.thread_id}}
        return (await asyncio.to_thread(self._made[run.graph].get_state, config)).values


class TestLocalRuns(RunsContract):
    @pytest.fixture
    def world(self, sqlite_url):
        portal, store = Portal("runs"), open_store(sqlite_url, clock=SystemClock())
        portal.call(store.prepare)  # our saver looks up there whose lease it is
        yield Local(portal, saver := portal.call(open_saver, sqlite_url))
        portal.call(close_saver, saver)
        portal.call(store.close)
        portal.stop()
