"""Time, and graphs that run."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping
from typing import Any, Literal, Protocol

from hitl_middleware.records import Lease, Run, Snapshot

Topic = Literal["run", "request", "card", "notice", "delivery"]


class Clock(Protocol):
    """Where time comes from; tests turn it by hand."""

    def now(self) -> dt.datetime:
        """The time: aware, UTC."""

    def monotonic(self) -> float:
        """Seconds that never go back."""


class GraphRuns(Protocol):
    """Drives graphs: in this process, or on an Agent Server. Every call but ``look`` returns when the graph has stopped again.

    ``lease`` reaches the gate as ``configurable["hitl_lease"]``. Whatever the graph raises is raised here; as ``GraphFailed``, where it ran
    in another process. ``OutOfReach``: where it runs does not answer, which is no failure of the run.

    Where others may run something on the thread (on a server of graphs), that is waited for and nothing is begun beside it; whoever drives
    looks again then. ``hitl_middleware.testing.RunsContract`` tests what can be told from outside.
    """

    def graphs(self) -> Collection[str]:
        """Names of the graphs it can run."""

    async def look(self, run: Run) -> Snapshot: ...

    async def start(self, run: Run, lease: Lease) -> None:
        """Run with the run's input."""

    async def resume(self, run: Run, lease: Lease, answers: Mapping[str, Any]) -> None:
        """``Command(resume={interrupt id: answer})``, ``durability="sync"``.

        Raises ``AnswerRefused`` where the graph takes one of them for none and goes on asking.
        """

    async def take_anew(self, run: Run, lease: Lease, interrupt_id: str) -> bool:
        """Take back what a step was answered that cannot live with it, so that it asks again. ``False``: no way to."""

    async def carry_on(self, run: Run, lease: Lease) -> None:
        """Continue from the last checkpoint with no input: past a breakpoint, or after a crash."""
