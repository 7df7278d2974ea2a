"""The graphs of a debugger: those that it was given, and those of ``langgraph.json``, which are imported when a run of one is opened."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from hitl_middleware.errors import HitlError
from hitl_middleware.hitl import Hitl
from hitl_middleware.manifest import load_graph, read_manifest
from hitl_middleware.notebook import threads
from hitl_middleware.notebook.errors import NoSaver
from hitl_middleware.notebook.threads import Graph
from hitl_middleware.ports import GraphReader
from hitl_middleware.records import Run
from hitl_middleware.runs.attach import detach, handlers_of

Given = Graph | Mapping[str, Graph] | None
"""One graph, several by name, or those of the manifest."""


class Graphs:
    """Raises ``NoSaver`` for a graph that was given and keeps nothing."""

    def __init__(self, hitl: Hitl, given: Given, name: str | None = None) -> None:
        self._hitl = hitl
        self._given = {each: detach(graph) for each, graph in _named(given, name).items()}
        for each, graph in self._given.items():
            if threads.saver_of(graph) is None:
                raise NoSaver(name=each)
        self._loaded: dict[str, Graph | str] = dict(self._given)

    @property
    def names(self) -> Collection[str]:
        """Of those that were given; none: all of the manifest."""
        return tuple(self._given)

    @property
    def stood_on(self) -> str | None:
        """A graph on whose saver's loop the caller stands, if there is one."""
        known = self._loaded.items()
        return next(
            (name for name, graph in known if not isinstance(graph, str) and threads.stands_on(graph)), None
        )

    def of(self, run: Run) -> tuple[Graph | None, str | None]:
        """The graph of a run with the saver that holds its thread; or why there is none."""
        if run.graph not in self._loaded:
            self._loaded[run.graph] = self._load(run.graph)
        found = self._loaded[run.graph]
        if isinstance(found, str):
            return None, found
        if run.graph in self._given or (run.started_by == "caller" and threads.saver_of(found) is not None):
            return found, None
        return found.copy({"checkpointer": self._hitl.checkpointer()}), None

    def elsewhere(self, run: Run) -> GraphReader | None:
        """Who reads the graph of a run that lives on an Agent Server."""
        server = self._hitl.agent_server
        return (
            server.reader
            if server is not None and run.graph in server.graphs() and run.graph not in self._given
            else None
        )

    async def kept(self) -> Mapping[str, str]:
        """Threads that the savers of the given graphs hold: thread → graph, the newest first."""
        found: dict[str, str] = {}
        for name, graph in self._given.items():
            for thread_id in await threads.threads(graph):
                found.setdefault(thread_id, name)
        return found

    def _load(self, name: str) -> Graph | str:
        hitl, manifest = self._hitl, self._hitl.settings.manifest
        if hitl.agent_server is not None and name in hitl.agent_server.graphs():
            return f"the graph {name} lives on an Agent Server, which keeps its threads."
        if self._given:
            return f"The graph {name} was not given here, so neither its shape nor its state can be shown."
        try:
            specs = read_manifest(manifest)
            if name not in specs:
                known = ", ".join(specs) or "none"
                return f"The graph {name} is not in {manifest.name} (there: {known}), so neither its shape nor its state can be shown."
            return detach(load_graph(name, specs[name], manifest.absolute().parent).graph)
        except HitlError as error:
            return f"Neither its shape nor its state can be shown: {error}"


def _named(given: Given, name: str | None) -> Mapping[str, Graph]:
    if given is None or isinstance(given, Mapping):
        return given or {}
    return {name or next((handler.name for handler in handlers_of(given)), None) or given.get_name(): given}
