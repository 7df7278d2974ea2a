"""What is going to happen, from a seed: how lives end, what is asked for, how it is answered, and what goes wrong outside. Pure.

The same seed makes the same plan. What comes of it is not the same twice: where a process is when it is killed "after 0.3 s", nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

Way = Literal["api", "slack", "github"]
Kind = Literal["approve", "edit", "reject", "feedback"]
Role = Literal["server", "worker"]

LEASE: Final = 0.6
"""HITL_LEASE_SECONDS of every life, in seconds."""

MEAN_LIFE: Final = 0.25
"""How long those live on the average, in seconds, whose end comes at a random moment: about as long as a start takes, so that many die."""
UNMET: Final = 0.4
"""How much longer those live who are to meet their end at a failpoint."""

AT_THE_DOOR: Final = ("submit.before", "submit.after")
"""Failpoints that a server passes which runs no graph."""
AT_WORK: Final = (
    "open.before", "open.after", "post.before", "post.after", "lease.before", "lease.after", "resume.before", "resume.after",
    "claim.before", "claim.after", "effect.before", "effect.after", "settle.before", "settle.after", "update.before", "update.after",
    "lapse.before", "lapse.after",
)  # fmt: skip


# lives ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fate:
    """How one life goes. Seconds are real ones, from its first line; a life that has not met its fate by ``seconds`` is killed then.

    ``failpoints``: as in ``HITL_FAILPOINTS``. ``in_boot``: killed so long after its fork instead, whatever it has done by then.
    ``stopped_after``: stopped (SIGSTOP) at this moment; wherever it was stopped, it goes on (SIGCONT) after ``asleep``.
    """

    seconds: float
    failpoints: str = ""
    in_boot: float | None = None
    stopped_after: float | None = None
    asleep: float = 0.0


def fates(seed: str, role: Role, *, works: bool) -> Iterator[Fate]:
    """The lives of one place in the cast, without end."""
    draw = Random(seed)
    points = (*(AT_THE_DOOR if role == "server" else ()), *(AT_WORK if works else ()))
    while True:
        seconds = 0.05 + min(draw.expovariate(1 / MEAN_LIFE), 4.0)
        point, nth = draw.choice(points), draw.choice((1, 1, 1, 2, 3))
        asleep = LEASE * draw.uniform(1.0, 4.0)
        luck = draw.random()
        if luck < 0.08:
            yield Fate(seconds, in_boot=draw.uniform(0.0, 0.3))
        elif luck < 0.50:
            yield Fate(seconds + UNMET, failpoints=f"{point}=kill@{nth}")
        elif luck < 0.92:
            yield Fate(seconds)
        elif luck < 0.97:
            yield Fate(asleep + seconds + UNMET, failpoints=f"{point}=stop@{nth}", asleep=asleep)
        else:
            yield Fate(asleep + seconds, stopped_after=seconds / 2, asleep=asleep)


# what is asked for ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that somebody wants done. ``turns``: of the till, a tool and its amount; none: an issue is labelled."""

    name: str
    turns: tuple[tuple[tuple[str, int], ...], ...] = ()


def errands(seed: str) -> Iterator[Errand]:
    """What is asked for, without end."""
    draw, number = Random(seed), 0
    tools = ("pay", "pay_slowly", "pay_in_vain", "pay_unheard", "pay_in_haste")
    while True:
        number += 1
        if draw.random() < 0.15:
            yield Errand(f"issue-{number}")
            continue
        turns = []
        for turn in range(draw.choice((1, 1, 1, 2))):
            calls = draw.choice((1, 1, 2, 3))
            named = draw.choices(tools, weights=(80, 4, 5, 5, 6), k=calls)
            turns.append(
                tuple((tool, number * 100 + turn * 10 + place) for place, tool in enumerate(named, 1))
            )
        yield Errand(f"errand-{number}", tuple(turns))


# how it is answered --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to one question. ``twice``: sent twice. ``contested``: somebody else says no at the same moment."""

    way: Way
    kind: Kind
    twice: bool = False
    contested: bool = False


def answer_to(seed: str, about: str, *, on_issue: bool, round_: int = 1) -> Answer:
    """What is answered to the question about this; whoever is asked again says the same again."""
    draw = Random(f"{seed}/{about}/{round_}")
    kinds: tuple[Kind, ...] = ("approve", "approve", "reject", "feedback") if round_ < 3 else ("approve",)
    if on_issue:
        return Answer("github", draw.choice(kinds))
    if draw.random() < 0.4:
        return Answer("slack", "approve", twice=draw.random() < 0.3)
    kind: Kind = draw.choices(("approve", "edit", "reject", "feedback"), weights=(14, 3, 2, 1))[0]
    return Answer("api", kind, twice=draw.random() < 0.1, contested=draw.random() < 0.1)


def outcome_of(seed: str, about: str) -> Literal["retry", "failed"]:
    """What is said of an act that is not in the books."""
    return "failed" if Random(f"{seed}/{about}/outcome").random() < 0.3 else "retry"


# what goes wrong outside ---------------------------------------------------------------------------------------------

Trouble = Literal[
    "slack is slow", "slack loses an answer", "slack answers late or never", "slack is broken", "slack is busy",
    "github is slow", "github loses an answer", "github is broken", "github hangs up", "github is busy",
    "github loses a delivery", "github delivers twice", "postgres restarts",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gust:
    """One thing that goes wrong, so many seconds after the one before."""

    after: float
    trouble: Trouble


def gusts(seed: str, *, postgres: bool) -> Iterator[Gust]:
    """What goes wrong at Slack, at GitHub and with the database's server, without end."""
    draw = Random(seed)
    known: tuple[Trouble, ...] = Trouble.__args__[:-1]  # type: ignore[attr-defined]  # typing has no other way to list them
    elapsed, next_restart = 0.0, draw.uniform(2.0, 5.0)
    while True:
        after = draw.uniform(0.2, 1.2)
        elapsed += after
        if postgres and elapsed >= next_restart:
            next_restart = elapsed + draw.uniform(5.0, 10.0)
            yield Gust(after, "postgres restarts")
        else:
            yield Gust(after, draw.choice(known))


@dataclass(frozen=True, slots=True)
class Mood:
    """What the network does with one connection: lets it wait, and loses what is asked or what is answered."""

    delay: float = 0.0
    loses: Literal["nothing", "question", "answer"] = "nothing"


WELL: Final = Mood()


def moods(seed: str) -> Iterator[Mood]:
    """What becomes of connections between people and servers, without end."""
    draw = Random(seed)
    while True:
        luck = draw.random()
        if luck < 0.04:
            yield Mood(loses="question")
        elif luck < 0.08:
            yield Mood(loses="answer")
        elif luck < 0.14:
            yield Mood(delay=draw.uniform(0.05, 0.5))
        else:
            yield WELL
