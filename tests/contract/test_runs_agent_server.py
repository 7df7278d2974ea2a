"""The contract of running graphs, on a real Agent Server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from hitl_middleware.clock import SystemClock
from hitl_middleware.records import Run
from hitl_middleware.runs.agent_server import AgentServerRuns, history
from hitl_middleware.runs.agent_server.asking import AgentServer
from hitl_middleware.runs.agent_server.reading import thread_of
from hitl_middleware.testing.runs_contract import GRAPHS, RunsContract
from hitl_middleware.testing.runs_contract.contract import a_run

from tests.kit.agent_server import DevServer

pytestmark = pytest.mark.xdist_group("agent server")  # one server for them all


class There:
    def __init__(self, server: AgentServer) -> None:
        self._server = server
        self.runs = AgentServerRuns(server, [*GRAPHS, "no-such-graph"])
        self.reader = self.runs.reader

    async def values(self, run: Run) -> Mapping[str, Any]:
        return await self._server.values(run.graph, thread_of(run.thread_id))


class TestAgentServerRuns(RunsContract):
    @pytest.fixture
    async def world(self, agent_server: DevServer):
        server = AgentServer(agent_server.url, SystemClock())
        yield There(server)
        await server.close()

    async def test_a_long_history_comes_in_parts(self, world: There, monkeypatch: pytest.MonkeyPatch) -> None:
        """Where time is short, a few checkpoints are asked for first; where there is time after all, they are all there (N-02)."""
        run, lease = a_run("held")
        await world.runs.start(run, lease)
        whole = await world.reader.checkpoints("held", run.thread_id)
        monkeypatch.setattr(history, "AT_FIRST", 1)
        assert await world.reader.checkpoints("held", run.thread_id, seconds=60) == whole
        assert await world.reader.checkpoints("held", run.thread_id, seconds=0) == tuple(
            replace(each, ran=()) for each in whole[:1]
        )
