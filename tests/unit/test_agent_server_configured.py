"""Which graphs run where: settings in, one way of driving them out."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import ConfigurationError, UnknownGraph
from hitl_middleware.hitl import Hitl
from hitl_middleware.records import Lease, Run, Snapshot
from hitl_middleware.runs.agent_server import configured_agent_server
from hitl_middleware.runs.several import SeveralRuns
from hitl_middleware.settings import AgentServerConfig, ConfigFile, Settings, load_config
from hitl_middleware.testing.store_contract.case import a_run

URL = "http://127.0.0.1:2024"


class Place:
    """A place where graphs run, which remembers what it was asked."""

    def __init__(self, *names: str) -> None:
        self.names, self.asked = names, list[Any]()

    def graphs(self) -> Collection[str]:
        return self.names

    async def look(self, run: Run) -> Snapshot:
        self.asked.append(("look", run))
        return Snapshot(started=True, finished=True)

    async def start(self, *asked: Any) -> None:
        self.asked.append(("start", *asked))

    async def resume(self, *asked: Any) -> None:
        self.asked.append(("resume", *asked))

    async def take_anew(self, *asked: Any) -> bool:
        self.asked.append(("take_anew", *asked))
        return True

    async def carry_on(self, *asked: Any) -> None:
        self.asked.append(("carry_on", *asked))


class TestSeveral:
    async def test_each_graph_is_driven_where_it_lives(self) -> None:
        """O-09: whoever drives need not know where; a name that two places have belongs to the first."""
        there, here = Place("support", "both"), Place("both", "planning")
        several = SeveralRuns([there, here])
        assert several.graphs() == ("support", "both", "planning")
        lease = Lease("r", "me", 1)
        for name, place in {"support": there, "both": there, "planning": here}.items():
            run = a_run(graph=name)
            assert (await several.look(run)).finished
            await several.start(run, lease)
            await several.resume(run, lease, {"i": 1})
            assert await several.take_anew(run, lease, "i")
            await several.carry_on(run, lease)
            assert place.asked[-5:] == [
                ("look", run),
                ("start", run, lease),
                ("resume", run, lease, {"i": 1}),
                ("take_anew", run, lease, "i"),
                ("carry_on", run, lease),
            ]
        assert (len(there.asked), len(here.asked)) == (10, 5)

    async def test_a_graph_of_no_place_is_unknown(self) -> None:
        with pytest.raises(UnknownGraph, match=r"'x'.*support"):
            await SeveralRuns([Place("support")]).look(a_run(graph="x"))


class TestConfigured:
    def manifest(self, folder: Path) -> Settings:
        path = folder / "langgraph.json"
        path.write_text(json.dumps({"graphs": {"a": "m:a", "b": "m:b"}}))
        return Settings(agent_server_url=URL, manifest=path)

    def test_without_an_address_all_graphs_run_here(self) -> None:
        """One machine needs no setting (E-01)."""
        assert configured_agent_server(Settings(), ConfigFile(), ManualClock()) is None
        hitl = Hitl(Settings(database_url="memory://"), config=ConfigFile())
        assert hitl.all_graphs is hitl.graphs
        hitl.stop()

    def test_with_one_those_of_the_manifest_live_there(self, tmp_path) -> None:
        """The usual case: the same langgraph.json is what the Agent Server serves."""
        runs = configured_agent_server(self.manifest(tmp_path), ConfigFile(), ManualClock())
        assert runs is not None
        assert (runs.graphs(), runs.server.url) == (("a", "b"), URL)

    def test_or_those_that_are_named(self, tmp_path) -> None:
        """Others stay with this process; hitl.toml says which."""
        path = tmp_path / "hitl.toml"
        path.write_text('[agent_server]\ngraphs = ["b", "elsewhere"]\n')
        runs = configured_agent_server(self.manifest(tmp_path), load_config(path), ManualClock())
        assert runs is not None
        assert runs.graphs() == ("b", "elsewhere")

    def test_nothing_says_which(self, tmp_path) -> None:
        """The shipped examples are not taken for what somebody's server has; the sentence says where to name them (E-04)."""
        settings = Settings(agent_server_url=URL, manifest=tmp_path / "langgraph.json")
        with pytest.raises(ConfigurationError, match=r"HITL_AGENT_SERVER_URL.*\[agent_server\] graphs"):
            configured_agent_server(settings, ConfigFile(), ManualClock())

    async def test_a_run_of_a_graph_over_there_is_taken_while_it_is_away(self) -> None:
        """To store a run needs no server, and one that is of no graph is refused at once."""
        config = ConfigFile(agent_server=AgentServerConfig(graphs=("support",)))
        hitl = Hitl(Settings(database_url="memory://", agent_server_url="http://127.0.0.1:1"), config=config)
        assert (await hitl.start_run("support", {})).status == "running"
        with pytest.raises(UnknownGraph, match=r"'other'.*support"):
            await hitl.start_run("other", {})
        hitl.stop()
