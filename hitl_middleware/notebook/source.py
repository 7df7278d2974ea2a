"""Where an opened run came from."""

from __future__ import annotations

from typing import Protocol

from hitl_middleware.hitl import Hitl
from hitl_middleware.notebook.facts import Facts
from hitl_middleware.notebook.threads import Graph
from hitl_middleware.records import Run


class Source(Protocol):
    """What is needed to look again, to decide and to fork. ``Debugger`` is one, and so is every dry run."""

    hitl: Hitl

    @property
    def identity(self) -> str:
        """As whom is decided."""

    @property
    def named(self) -> bool:
        """Whether that is somebody else than whoever sits here."""

    def look(self, facts: Facts) -> Facts:
        """The same run as it is now."""

    def graph_of(self, run: Run) -> tuple[Graph | None, str | None]:
        """Its graph with its saver; or why there is none."""

    def moved(self, run: Run, seconds: float = 0) -> None:
        """Something was decided: let the run go on where that is for us to do; wait for others at most so long."""
