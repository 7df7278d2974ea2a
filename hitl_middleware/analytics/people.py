"""Who answered what, and by which way. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hitl_middleware.actions import CALLER
from hitl_middleware.analytics.rows import Answered, Asked

QUICK_SECONDS = 5.0
"""An approval given within this time of the question was hardly read: 5 s are some 20 words at the 238 a minute of silent reading
(Brysbaert 2019), and a call has more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How often something was."""

    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonFigures:
    """What one person answered. ``quick``: approvals within ``QUICK_SECONDS`` of the question."""

    person: str
    name: str | None
    answers: int
    approved: int
    rejected: int
    revised: int
    responded: int
    quick: int
    channels: tuple[Share, ...]


def answers(rows: Iterable[Asked]) -> Iterator[tuple[Asked, Answered]]:
    """Every answer with the request it was given to."""
    return ((asked, answer) for asked in rows for answer in asked.answers)


def is_approval(answer: Answered) -> bool:
    """Whether somebody let it be done, as it was or edited."""
    return answer.decision in {"approve", "edit"}


def is_quick(asked: Asked, answer: Answered) -> bool:
    """Whether it was approved faster than it can be read. What the user's own code answers is nobody's reading."""
    if not is_approval(answer) or answer.via == CALLER:
        return False
    return (answer.at - asked.asked_at).total_seconds() < QUICK_SECONDS


def shares(names: Iterable[str]) -> tuple[Share, ...]:
    """The most frequent first, equal ones by name."""
    counted = Counter(names)
    return tuple(
        Share(name=name, count=counted[name]) for name in sorted(counted, key=lambda n: (-counted[n], n))
    )


def people(rows: Iterable[Asked]) -> tuple[PersonFigures, ...]:
    """Everybody who answered, the busiest first."""
    by_person: dict[str, list[tuple[Asked, Answered]]] = {}
    for asked, answer in answers(rows):
        by_person.setdefault(answer.person, []).append((asked, answer))
    found = [_person(person, given) for person, given in by_person.items()]
    return tuple(sorted(found, key=lambda each: (-each.answers, each.person)))


def _person(person: str, given: Sequence[tuple[Asked, Answered]]) -> PersonFigures:
    decisions = [answer.decision for _, answer in given]
    return PersonFigures(
        person=person,
        name=name_of(answer for _, answer in given),
        answers=len(given),
        approved=decisions.count("approve") + decisions.count("edit"),
        rejected=decisions.count("reject"),
        revised=decisions.count("feedback"),
        responded=decisions.count("respond"),
        quick=sum(is_quick(asked, answer) for asked, answer in given),
        channels=shares(answer.via for _, answer in given),
    )


def name_of(given: Iterable[Answered]) -> str | None:
    """What they were called last."""
    named = [(answer.at, answer.name) for answer in given if answer.name]
    return max(named)[1] if named else None
