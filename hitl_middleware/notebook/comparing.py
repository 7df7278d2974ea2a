"""Two runs side by side: what was asked and decided, what was done or would have been, by which way, and in what state they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hitl_middleware.notebook.differing import StateDiff, state_diff
from hitl_middleware.notebook.facts import Facts
from hitl_middleware.notebook.lookup import short
from hitl_middleware.notebook.markup import Html, Shown, indented, joined, tag
from hitl_middleware.notebook.standing import standing
from hitl_middleware.wording import status_words


@dataclass(frozen=True, slots=True, repr=False)
class Comparison(Shown):
    """``left`` and ``right`` as they were when they were compared."""

    left: Facts
    right: Facts

    @property
    def state(self) -> StateDiff:
        """What differs between the states in which they are."""
        return state_diff(
            _name(self.left),
            self.left.now.values if self.left.now is not None else {},
            _name(self.right),
            self.right.now.values if self.right.now is not None else {},
        )

    @property
    def ways(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The nodes that ran, in order, from where the two part: what they have in common comes first and is left out."""
        left, right = _way(self.left), _way(self.right)
        common = 0
        while common < min(len(left), len(right)) and left[common] == right[common]:
            common += 1
        return left[common:], right[common:]

    @property
    def acts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What was done in each, or would have been in a dry run."""
        return tuple(_acts(self.left)), tuple(_acts(self.right))

    def as_html(self) -> Html:
        (left, right), (ours, theirs) = self.ways, self.acts
        sides = [_side(self.left, left, ours), _side(self.right, right, theirs)]
        return joined([tag("div", *sides, class_="two"), self.state.as_html()])

    def as_text(self) -> str:
        (left, right), (ours, theirs) = self.ways, self.acts
        blocks = [_told(self.left, left, ours), _told(self.right, right, theirs), self.state.as_text()]
        return "\n\n".join(blocks)


def _name(facts: Facts) -> str:
    return f"{'the dry run' if facts.dry is not None else 'the run'} {facts.run.id[-6:]}"


def _way(facts: Facts) -> tuple[str, ...]:
    return tuple(name for one in facts.checkpoints for name in one.ran if not name.startswith("__"))


def _acts(facts: Facts) -> Sequence[str]:
    if facts.dry is not None:
        return [f"would have called {call.tool}({short(call.args)})" for call in facts.dry.recorded]
    return [
        f"{act.tool}({short(act.args)}): {act.status}"
        for act in facts.actions
        if act.status in {"succeeded", "failed", "unknown"}
    ]


def _decided(facts: Facts) -> Sequence[str]:
    told = []
    for request in facts.requests:
        words = status_words(request, facts.action_of.get(request.action_id or ""))
        said = f" (“{request.decision.message}”)" if request.decision and request.decision.message else ""
        told.append(f"{request.title}: {words.decided(request.decided_by_name or request.decided_by)}{said}")
    return told


def _lines(facts: Facts, way: Sequence[str], acts: Sequence[str]) -> Sequence[tuple[str, Sequence[str]]]:
    return [
        ("Decided", _decided(facts) or ["nothing was asked"]),
        ("Done" if facts.dry is None else "Recorded", acts or ["nothing"]),
        ("Way from where they part", [" → ".join(way) or "the same"]),
    ]


def _side(facts: Facts, way: Sequence[str], acts: Sequence[str]) -> Html:
    parts = [
        part
        for name, lines in _lines(facts, way, acts)
        for part in (tag("h4", name), *(tag("p", line) for line in lines))
    ]
    return tag("div", tag("h3", _name(facts)), tag("p", standing(facts).headline), *parts, class_="box")


def _told(facts: Facts, way: Sequence[str], acts: Sequence[str]) -> str:
    lines = [f"{_name(facts)}: {standing(facts).headline}"]
    for name, told in _lines(facts, way, acts):
        lines += [f"  {name}:", *(indented(line, "    ") for line in told)]
    return "\n".join(lines)
