"""Graphs that run in several places: each is driven, and read, where it lives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hitl_middleware.drawing import Diagram
from hitl_middleware.errors import UnknownGraph
from hitl_middleware.ports import Checkpoint, GraphReader, GraphRuns
from hitl_middleware.records import Lease, Run, Snapshot


class SeveralReaders:
    """GraphReader over several ``places``; a graph that more than one of them has belongs to the first."""

    def __init__(self, places: Sequence[GraphReader]) -> None:
        self._places = tuple(places)

    def graphs(self) -> Collection[str]:
        """Names of the graphs that any of them can read."""
        return tuple(dict.fromkeys(name for place in self._places for name in place.graphs()))

    def hidden(self, graph: str) -> Collection[str]:
        """What the policies of its gates hide."""
        return self._of(graph).hidden(graph)

    async def shape(self, graph: str) -> Diagram:
        """Its nodes and edges."""
        return await self._of(graph).shape(graph)

    async def checkpoints(
        self,
        graph: str,
        thread_id: str,
        *,
        limit: int = 50,
        namespace: str = "",
        seconds: float | None = None,
    ) -> tuple[Checkpoint, ...]:
        """What the thread has kept."""
        place = self._of(graph)
        return await place.checkpoints(graph, thread_id, limit=limit, namespace=namespace, seconds=seconds)

    def _of(self, graph: str) -> GraphReader:
        for place in self._places:
            if graph in place.graphs():
                return place
        raise UnknownGraph(name=graph, known=", ".join(self.graphs()) or "none")


class SeveralRuns:
    """GraphRuns over several ``places``; a graph that more than one of them has belongs to the first."""

    def __init__(self, places: Sequence[GraphRuns]) -> None:
        self._places = tuple(places)

    def graphs(self) -> Collection[str]:
        """Names of the graphs that any of them can run."""
        return tuple(dict.fromkeys(name for place in self._places for name in place.graphs()))

    async def look(self, run: Run) -> Snapshot:
        """Where the run's thread stands."""
        return await self._of(run).look(run)

    async def start(self, run: Run, lease: Lease) -> None:
        """Run with the run's input."""
        await self._of(run).start(run, lease)

    async def resume(self, run: Run, lease: Lease, answers: Mapping[str, Any]) -> None:
        """Resume by interrupt id."""
        await self._of(run).resume(run, lease, answers)

    async def take_anew(self, run: Run, lease: Lease, interrupt_id: str) -> bool:
        """Take back what a step was answered."""
        return await self._of(run).take_anew(run, lease, interrupt_id)

    async def carry_on(self, run: Run, lease: Lease) -> None:
        """Continue from the last checkpoint."""
        await self._of(run).carry_on(run, lease)

    def _of(self, run: Run) -> GraphRuns:
        for place in self._places:
            if run.graph in place.graphs():
                return place
        raise UnknownGraph(name=run.graph, known=", ".join(self.graphs()) or "none")
