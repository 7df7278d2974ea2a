"""Reading graphs and what they have left on their threads: for people who want to see where a run stands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from hitl_middleware.drawing import Diagram
from hitl_middleware.records import PendingInterrupt


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A node that is due at a checkpoint, or was. ``done``: it has run to its end since.

    ``interrupts``: what it asked there, answered or not. ``namespace``: where the checkpoints of the graph inside it are, if it has one.
    """

    id: str
    name: str
    done: bool = False
    interrupts: tuple[PendingInterrupt, ...] = ()
    error: str | None = None
    namespace: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """The state of a thread between two steps, as plain JSON values; a message is an object with ``type`` and ``content``.

    ``ran``: the nodes whose work it holds, as against its parent; unknown (empty) for the oldest that was read. ``source``: ``input``,
    ``loop``, ``update`` or ``fork`` (LangGraph's words). ``run_id``: our run that wrote it, where it was one. ``namespace``: ``""`` for the
    graph itself, else LangGraph's name of the place inside (``node:id|node:id``).
    """

    id: str
    parent_id: str | None
    at: dt.datetime
    step: int
    source: str = "loop"
    ran: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    namespace: str = ""
    run_id: str | None = None

    @property
    def next(self) -> tuple[str, ...]:
        """The nodes that are due and have not run."""
        return tuple(dict.fromkeys(task.name for task in self.tasks if not task.done))

    @property
    def interrupts(self) -> tuple[PendingInterrupt, ...]:
        """What it waits for."""
        return tuple(item for task in self.tasks if not task.done for item in task.interrupts)

    @property
    def errors(self) -> tuple[str, ...]:
        """What its nodes raised and have not got over."""
        return tuple(task.error for task in self.tasks if task.error and not task.done)

    @property
    def path(self) -> tuple[str, ...]:
        """Names of the nodes it is inside of, from outside."""
        return tuple(part.partition(":")[0] for part in self.namespace.split("|") if part)


class GraphReader(Protocol):
    """Reads and changes nothing. What it reads is the state as it is: who shows it reads it by ``runs.history.look_back``, which takes out
    what policies hide. ``hitl_middleware.testing.RunsContract`` tests it beside the ``GraphRuns`` it belongs to.

    Raises ``UnknownGraph`` for a name that no graph has, ``OutOfReach`` where it lives somewhere that does not answer, and ``Unreadable``
    where what it left cannot be read.
    """

    def graphs(self) -> Collection[str]:
        """Names of the graphs it can read."""

    def hidden(self, graph: str) -> Collection[str]:
        """Names of arguments that the policies of the graph's own gates hide, as far as that can be known here."""

    async def shape(self, graph: str) -> Diagram:
        """Its nodes and edges, with those of the graphs inside it: their ids are ``outer:inner``."""

    async def checkpoints(
        self,
        graph: str,
        thread_id: str,
        *,
        limit: int = 50,
        namespace: str = "",
        seconds: float | None = None,
    ) -> tuple[Checkpoint, ...]:
        """What the thread has kept, the newest first, at most ``limit``; of a thread that nobody knows nothing.

        ``seconds``: as many as can be read in that time, and at least the newest. A long conversation stands in each of its checkpoints.
        """
