"""The contract of running graphs, on a real Agent Server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from hitl_middleware.clock import SystemClock
from hitl_middleware.records import Run
from hitl_middleware.runs.agent_server import AgentServerRuns
from hitl_middleware.runs.agent_server.asking import AgentServer
from hitl_middleware.runs.agent_server.reading import thread_of
from hitl_middleware.testing.runs_contract import GRAPHS, RunsContract

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
