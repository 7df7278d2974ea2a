"""One checkpoint of a thread: found by what somebody calls it, and shown with what its step changed."""

from __future__ import annotations

from dataclasses import dataclass

from hitl_middleware.notebook import lookup
from hitl_middleware.notebook.differing import StateDiff, state_diff
from hitl_middleware.notebook.errors import NoSuchPlace
from hitl_middleware.notebook.facts import Facts
from hitl_middleware.notebook.markup import Html, Shown, indented, joined, tag
from hitl_middleware.notebook.messages import value_html, value_line
from hitl_middleware.notebook.pictures import Drawing
from hitl_middleware.ports import Checkpoint


def place(facts: Facts, at: int | str) -> Checkpoint:
    """By number (negative from the end), by id or a part of one, or by a node: the last checkpoint at which it was due."""
    found = facts.checkpoints
    if not found:
        raise NoSuchPlace(key=at, hint="No checkpoint of it can be read. " + " ".join(facts.notes))
    if isinstance(at, int):
        if -len(found) <= at < len(found):
            return found[at]
        raise NoSuchPlace(key=at, hint=f"They are numbered from 0 to {len(found) - 1}; -1 is the newest.")
    due = [one for one in found if any(task.name == at for task in one.tasks)]
    if due:
        return due[-1]
    names = [one.id for one in reversed(found)]
    name = lookup.meant(at, names)
    if name is None:
        nodes = ", ".join(dict.fromkeys(task.name for one in found for task in one.tasks)) or "none"
        raise NoSuchPlace(key=at, hint=f"{lookup.hint(at, names)} Nodes that were due: {nodes}.")
    return next(one for one in found if one.id == name)


def called(facts: Facts, one: Checkpoint | None) -> str:
    """What a step is called in a sentence."""
    if one is None:
        return "nothing"
    ran = [name for name in one.ran if not name.startswith("__")]
    how = f"after {', '.join(ran)}" if ran else {"loop": "the beginning"}.get(one.source, one.source)
    return f"step {facts.number(one)} ({how})"


@dataclass(frozen=True, slots=True, repr=False)
class StepView(Shown):
    """A thread as it was at one checkpoint."""

    facts: Facts
    checkpoint: Checkpoint

    @property
    def changes(self) -> StateDiff:
        """What the step before had changed."""
        one, before = self.checkpoint, self.facts.before(self.checkpoint)
        old = before.values if before is not None else {}
        return state_diff(called(self.facts, before), old, called(self.facts, one), one.values)

    @property
    def title(self) -> str:
        """What it is called."""
        one = self.checkpoint
        due = f"next {', '.join(dict.fromkeys(task.name for task in one.tasks))}" if one.tasks else "the end"
        name = called(self.facts, one)
        return f"{name[0].upper()}{name[1:]} of {len(self.facts.checkpoints) - 1}: {due}, {one.at:%H:%M:%S}"

    def as_html(self) -> Html:
        one = self.checkpoint
        parts = [part for name, value in one.values.items() for part in (tag("h4", name), value_html(value))]
        return joined([tag("p", self.title), self.changes.as_html(), tag("div", *parts, class_="box")])

    def as_text(self) -> str:
        lines = [self.title, indented(self.changes.as_text())]
        lines += [f"  {name} = {value_line(value)}" for name, value in self.checkpoint.values.items()]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Steps:
    """All of them, for a slider."""

    facts: Facts

    def __len__(self) -> int:
        return len(self.facts.checkpoints)

    def html(self, number: int) -> str:
        """One of them with the graph as it was then."""
        if not self.facts.checkpoints:
            return tag("p", "No checkpoint can be read.", class_="soft")
        one = self.facts.checkpoints[number]
        return joined([Drawing.of(self.facts, one)._repr_html_(), StepView(self.facts, one)._repr_html_()])

    def text(self, number: int) -> str:
        """The same in plain text."""
        return (
            repr(StepView(self.facts, self.facts.checkpoints[number]))
            if self.facts.checkpoints
            else "No checkpoint can be read."
        )
