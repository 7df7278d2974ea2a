"""Signs that people approve without looking (rubber-stamping): what was seen, whom it concerns, in plain words. Pure.

They are reasons to ask, no proof: an approval may be quick because the question is plain. Then it need not be asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from hitl_middleware.actions import CALLER
from hitl_middleware.analytics.people import QUICK_SECONDS, answers, is_approval, is_quick, name_of
from hitl_middleware.analytics.rows import Answered, Asked

SignKind = Literal["quick", "always", "burst"]

LEAST_QUICK: Final = 3
"""Quick approvals of one person that are told: once or twice may be chance."""

LEAST_ALWAYS: Final = 20
"""Decisions from which on "approved every time" says something: had people said no to one in seven, 20 of 20 would come about less than
once in 20 (0.86**20 < 0.05)."""

BURST_SECONDS: Final = 60.0
LEAST_BURST: Final = 5
"""Approvals within ``BURST_SECONDS`` that are a burst: 12 s or less for each."""

MOST_EXAMPLES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """One of them. ``says``: a sentence for people. ``count`` of ``of``: approvals it is about, of all that could have been.

    ``person`` and ``name``, or ``graph`` and ``what``: whom or what it concerns. ``examples``: ids of requests to look at.
    """

    kind: SignKind
    says: str
    count: int
    of: int
    person: str | None = None
    name: str | None = None
    graph: str | None = None
    what: str | None = None
    examples: tuple[str, ...] = ()


def signs(rows: Sequence[Asked]) -> tuple[Sign, ...]:
    """All of them, the weightiest of each kind first."""
    approvals: dict[str, list[tuple[Asked, Answered]]] = {}
    for asked, answer in answers(rows):
        if is_approval(answer) and answer.via != CALLER:
            approvals.setdefault(answer.person, []).append((asked, answer))
    found = [*_quick(approvals), *_always(rows), *_bursts(approvals)]
    order: list[SignKind] = ["quick", "always", "burst"]
    return tuple(sorted(found, key=lambda each: (order.index(each.kind), -each.count, each.says)))


def _quick(approvals: dict[str, list[tuple[Asked, Answered]]]) -> Iterator[Sign]:
    for person, given in approvals.items():
        quick = [asked for asked, answer in given if is_quick(asked, answer)]
        if len(quick) >= LEAST_QUICK:
            name = name_of(answer for _, answer in given)
            often = f"{len(quick):,} of {_many(len(given), 'request')}"
            yield Sign(
                kind="quick",
                says=f"{name or person} approved {often} within {QUICK_SECONDS:g} s of being asked: less time than it takes to read them.",
                count=len(quick),
                of=len(given),
                person=person,
                name=name,
                examples=_newest(quick),
            )


def _always(rows: Sequence[Asked]) -> Iterator[Sign]:
    decided: dict[tuple[str, str], list[Asked]] = {}
    for each in rows:
        if each.kind != "outcome" and each.decided_at is not None and each.decided_via != CALLER:
            decided.setdefault((each.graph, each.what), []).append(each)
    for (graph, what), asked in decided.items():
        if len(asked) >= LEAST_ALWAYS and all(each.status == "approved" for each in asked):
            yield Sign(
                kind="always",
                says=f"{what} of {graph} was approved every time, {len(asked):,} of {len(asked):,}: "
                "either it need not be asked, or nobody looks.",
                count=len(asked),
                of=len(asked),
                graph=graph,
                what=what,
                examples=_newest(asked),
            )


def _bursts(approvals: dict[str, list[tuple[Asked, Answered]]]) -> Iterator[Sign]:
    for person, given in approvals.items():
        found = _runs(sorted(given, key=lambda pair: (pair[1].at, pair[0].id)))
        if not found:
            continue
        largest = max(found, key=len)
        first, last = largest[0][1].at, largest[-1][1].at
        name = name_of(answer for _, answer in given)
        often = f" It happened {len(found):,} times." if len(found) > 1 else ""
        yield Sign(
            kind="burst",
            says=f"{name or person} approved {len(largest):,} requests within {_seconds(last - first)} s, "
            f"on {first:%Y-%m-%d} at {first:%H:%M} UTC.{often}",
            count=sum(map(len, found)),
            of=len(given),
            person=person,
            name=name,
            examples=_newest([asked for asked, _ in largest]),
        )


def _runs(given: Sequence[tuple[Asked, Answered]]) -> list[Sequence[tuple[Asked, Answered]]]:
    """Bursts, in order; no approval is in two. ``given`` in the order of time."""
    found, at = [], 0
    while at < len(given):
        end = at
        while end < len(given) and (given[end][1].at - given[at][1].at).total_seconds() <= BURST_SECONDS:
            end += 1
        if end - at >= LEAST_BURST:
            found.append(given[at:end])
            at = end
        else:
            at += 1
    return found


def _newest(asked: Sequence[Asked]) -> tuple[str, ...]:
    return tuple(
        each.id for each in sorted(asked, key=lambda e: (e.asked_at, e.id), reverse=True)[:MOST_EXAMPLES]
    )


def _seconds(time: dt.timedelta) -> int:
    return max(1, round(time.total_seconds()))


def _many(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"
