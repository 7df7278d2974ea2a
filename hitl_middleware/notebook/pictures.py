"""The graph and the line of time of a run, as a notebook shows them: drawn by what draws the run page, with the style inside."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hitl_middleware.drawing import Diagram, Timeline, draw, draw_timeline, told
from hitl_middleware.drawing import Standing as Marks
from hitl_middleware.notebook.facts import Facts
from hitl_middleware.notebook.markup import Html, Shown, joined, more, tag
from hitl_middleware.ports import Checkpoint
from hitl_middleware.runs.history.kept import History
from hitl_middleware.runs.history.picture import standing, timeline

MOST_NODES = 200
"""Nodes up to which a graph is drawn. A larger picture helps nobody; as a list it stays readable."""


@dataclass(frozen=True, slots=True, repr=False)
class Drawing(Shown):
    """A graph with how its nodes stand. ``diagram`` is ``None`` where the graph is not at hand."""

    diagram: Diagram | None
    marks: Marks

    @classmethod
    def of(cls, facts: Facts, at: Checkpoint | None = None) -> Drawing:
        """As a run stands, or as its thread stood at a checkpoint."""
        if facts.diagram is None:
            return cls(None, Marks())
        if at is None:
            return cls(
                facts.diagram,
                standing(facts.diagram, facts.history, facts.run, facts.requests, facts.actions),
            )
        return cls(facts.diagram, standing(facts.diagram, _until(facts.history, at)))

    @property
    def svg(self) -> str:
        """The picture; its style is inside, so that it can be saved as it is."""
        return "" if self.diagram is None else draw(self.diagram, self.marks, styled=True)

    @property
    def mermaid(self) -> str:
        """The graph in Mermaid's language, to be copied elsewhere."""
        return "" if self.diagram is None else self.diagram.mermaid

    def as_html(self) -> Html:
        if self.diagram is None:
            return Html("")
        source = more("Mermaid", tag("pre", self.mermaid))
        if len(self.diagram.nodes) > MOST_NODES:
            return joined([tag("pre", self.as_text()), source])
        return joined([Html(self.svg), source])

    def as_text(self) -> str:
        return "" if self.diagram is None else told(self.diagram, self.marks)


@dataclass(frozen=True, slots=True, repr=False)
class TimeLine(Shown):
    """When which node ran, and when people were waited for."""

    line: Timeline

    @classmethod
    def of(cls, facts: Facts) -> TimeLine:
        """Of a run, up to when it was looked at."""
        return cls(timeline(facts.history, facts.at, facts.run, facts.requests, facts.actions))

    @property
    def seconds(self) -> float:
        """How long it took, so far."""
        return self.line.seconds

    @property
    def waited(self) -> float:
        """How many seconds of that people were waited for."""
        return self.line.waited

    @property
    def svg(self) -> str:
        """The picture, with its style inside."""
        return draw_timeline(self.line, styled=True)

    def as_html(self) -> Html:
        return Html(self.svg)

    def as_text(self) -> str:
        return str(self.line)


def _until(history: History, at: Checkpoint) -> History:
    """The history as it was when a checkpoint was the newest."""
    place = next(index for index, each in enumerate(history.checkpoints) if each.id == at.id)
    newest, *older = history.checkpoints[place:]
    due = replace(newest, tasks=tuple(replace(task, done=False) for task in newest.tasks))
    return History(checkpoints=(due, *older))
