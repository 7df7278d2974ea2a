"""What a thread has kept, read in one go: its own checkpoints, and those of the graphs inside its nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from hitl_middleware.errors import HitlError
from hitl_middleware.ports import Checkpoint, GraphReader
from hitl_middleware.records import Run

LIMIT = 50
"""Checkpoints of a thread that are read unless more are asked for."""

MOST_INSIDE = 12
"""Graphs inside nodes whose checkpoints are read, the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Checkpoints, the newest first; ``inside``: those of graphs inside nodes, by namespace. ``cut``: there are older ones."""

    checkpoints: tuple[Checkpoint, ...] = ()
    inside: Mapping[str, tuple[Checkpoint, ...]] = field(default_factory=dict)
    cut: bool = False

    def __iter__(self) -> Iterator[tuple[Checkpoint, ...]]:
        """Each line of checkpoints: the thread's own, and each one inside."""
        yield self.checkpoints
        yield from self.inside.values()

    @property
    def newest(self) -> Checkpoint | None:
        """Where the thread stands."""
        return self.checkpoints[0] if self.checkpoints else None

    def of_run(self, run: Run) -> History:
        """What this run has left there: what it wrote itself; where nothing says who wrote, what was written while it was under way."""
        if any(each.run_id for each in self.checkpoints):
            mine = tuple(each for each in self.checkpoints if each.run_id == run.id)
        else:
            # The input of a run that its caller drives is there before we hear of it.
            mine = tuple(each for each in self.checkpoints if _began(each, run))
        places = {task.namespace for each in mine for task in each.tasks}
        inside = {key: found for key, found in self.inside.items() if key.split("|")[0] in places}
        cut = self.cut and bool(mine) and mine[-1] == self.checkpoints[-1]
        return replace(self, checkpoints=mine, inside=inside, cut=cut)


def _began(each: Checkpoint, run: Run) -> bool:
    over = run.status in {"succeeded", "failed", "cancelled"}
    return each.at >= run.created_at and (not over or each.at <= run.updated_at)


async def look_back(reader: GraphReader, graph: str, thread_id: str, *, limit: int = LIMIT) -> History:
    """Read a thread. Errors as ``GraphReader``; what is inside nodes and cannot be read is left out."""
    found = await reader.checkpoints(graph, thread_id, limit=limit + 1)
    checkpoints, cut = found[:limit], len(found) > limit
    inside: dict[str, tuple[Checkpoint, ...]] = {}
    due = [task.namespace for each in checkpoints for task in each.tasks if task.namespace]
    for namespace in due:  # it grows by what is further inside
        if len(inside) >= MOST_INSIDE or namespace in inside:
            continue
        try:
            inner = await reader.checkpoints(graph, thread_id, limit=limit, namespace=namespace)
        except HitlError:
            continue
        inside[namespace] = inner
        due += [task.namespace for each in inner for task in each.tasks if task.namespace]
    return History(
        checkpoints=checkpoints, inside={key: each for key, each in inside.items() if each}, cut=cut
    )
