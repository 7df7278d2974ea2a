"""What a thread has kept, as one value. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from hitl_middleware.ports import Checkpoint
from hitl_middleware.records import Run
from hitl_middleware.review import is_final


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
        """What this run has left there: what it wrote itself, and of what nobody signed that which was written while it was under way.

        (A run that its caller drives signs nothing until we carry it on. Its input is there before we hear of it.)
        """
        mine = tuple(
            each
            for each in self.checkpoints
            if each.run_id == run.id or (each.run_id is None and _began(each, run))
        )
        places = {task.namespace for each in mine for task in each.tasks}
        inside = {key: found for key, found in self.inside.items() if key.split("|")[0] in places}
        cut = self.cut and bool(mine) and mine[-1] == self.checkpoints[-1]
        return replace(self, checkpoints=mine, inside=inside, cut=cut)


def _began(each: Checkpoint, run: Run) -> bool:
    return each.at >= run.created_at and (not is_final("run", run.status) or each.at <= run.updated_at)
