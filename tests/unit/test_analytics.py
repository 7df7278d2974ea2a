"""Figures from rows: what is counted, and what is not."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_middleware.actions import DecisionType
from hitl_middleware.analytics import Answered, Asked, Period, Report, Sample, pictures, report
from hitl_middleware.analytics.figures import figures, waiting
from hitl_middleware.analytics.report import MOST_BUCKETS
from hitl_middleware.analytics.signs import LEAST_ALWAYS, LEAST_BURST, LEAST_QUICK
from hitl_middleware.analytics.tables import TableName, requests_table, tables, written
from hitl_middleware.notebook.figures import Analytics
from hitl_middleware.review import STATUS_AFTER

NOON = dt.datetime(2026, 3, 4, 12, tzinfo=dt.UTC)
"""A Wednesday."""
SECOND, DAY = dt.timedelta(seconds=1), dt.timedelta(days=1)


def asked(number: int = 0, **facts: Any) -> Asked:
    """Somebody was asked something at noon."""
    made = Asked(
        id=f"r-{number:03}", graph="support", kind="tool_call", status="pending", asked_at=NOON, tool="pay"
    )
    return replace(made, **facts)


def answered(
    after: float = 60,
    decision: DecisionType = "approve",
    by: str = "ann",
    *,
    number: int = 0,
    message: str | None = None,
    via: str = "slack",
    **facts: Any,
) -> Asked:
    """The same, answered ``after`` so many seconds."""
    row = asked(number, **facts)
    at = row.asked_at + after * SECOND
    answer = Answered(at=at, decision=decision, person=by, name=None, via=via, message=message)
    return replace(
        row, status=STATUS_AFTER[decision], decided_at=at, decided_by=by, decided_via=via, answers=(answer,)
    )


def reported(rows: Sequence[Asked], *, days: float = 7, cut: bool = False) -> Report:
    """A report on the days up to the end of the one that ``NOON`` is on."""
    end = dt.datetime(2026, 3, 5, tzinfo=dt.UTC)
    return report(
        Sample(period=Period(since=end - days * DAY, until=end), graph=None, rows=tuple(rows), cut=cut)
    )


class TestHeadline:
    def test_before_anybody_has_decided(self) -> None:
        """O-06, N-02: a notebook's first sentence has no dashes where there are no numbers yet."""
        asked_only = Analytics(reported([asked(1), asked(2)])).headline
        assert asked_only == "2 asked from 2026-02-26 to 2026-03-05: 2 waiting, none decided yet."
        decided = Analytics(reported([asked(1), answered(60, number=2)])).headline
        assert decided.endswith("approved, 1 waiting; decided half within 1 min, 95 of 100 within 1 min.")


class TestWaiting:
    def test_percentiles_are_times_that_somebody_waited(self) -> None:
        """O-06: nearest rank: of 1 … 100 the 50th and the 95th; of one the one; of none none."""
        found = waiting(range(1, 101))
        assert (found.count, found.p50, found.p95, found.longest) == (100, 50, 95, 100)
        assert (waiting([7]).p50, waiting([7]).p95) == (7, 7)
        assert (waiting([]).p50, waiting([]).p95, waiting([]).longest) == (None, None, None)
        assert (waiting(range(1, 21)).p95, waiting([3, 1, 2]).p50) == (19, 2)

    @given(st.lists(st.floats(0, 1e9), min_size=1, max_size=60))
    def test_percentiles_hold(self, seconds: list[float]) -> None:
        """O-06: at least half wait no longer than p50, at least 95 of 100 no longer than p95, and both are among the times."""
        found = waiting(seconds)
        for value, part in ((found.p50, 0.5), (found.p95, 0.95)):
            assert value in seconds
            assert sum(each <= value for each in seconds) >= part * len(seconds) - 1e-6

    def test_nobody_waited_for_what_a_program_answered(self) -> None:
        """What the user's own code resumed with is a decision, and no waiting; what waits still is none yet."""
        found = figures([answered(40), answered(0, via="caller"), asked()])
        assert (found.waiting.count, found.waiting.p50, found.approved, found.pending) == (1, 40, 2, 1)

    def test_clocks_that_differ_make_no_waiting_below_zero(self) -> None:
        """Decided before it was asked, by a clock that is behind: it waited 0 s."""
        assert figures([answered(-3)]).waiting.p50 == 0


class TestFigures:
    def test_what_became_of_requests(self) -> None:
        """O-06: each status in its place; rates are of what people decided, not of what expired, waits or was taken back."""
        rows = [
            answered(), answered(decision="edit"), answered(decision="reject"), answered(decision="feedback"),
            answered(decision="respond"), asked(), asked(overdue=True), asked(status="expired"), asked(status="superseded"),
            asked(status="cancelled"),
        ]  # fmt: skip
        found = figures(rows)
        assert (found.asked, found.decided, found.pending, found.overdue) == (10, 5, 2, 1)
        assert (found.approved, found.edited, found.rejected, found.revised, found.answered) == (
            2,
            1,
            1,
            1,
            1,
        )
        assert (found.expired, found.withdrawn) == (1, 2)
        assert (found.approval_rate, found.rejection_rate) == (0.4, 0.2)
        assert (figures([]).approval_rate, figures([asked()]).rejection_rate) == (None, None)

    def test_unknown_outcomes(self) -> None:
        """O-06: acts whose outcome is unknown, each once; the question what became of one is no act and no decision."""
        question = asked(1, kind="outcome", outcome="unknown")
        found = figures([answered(outcome="unknown"), question, answered(outcome="failed")])
        assert (found.unknown, found.failed, found.settled, found.decided) == (1, 1, 0, 2)
        settled = replace(question, status="answered", outcome="succeeded", decided_at=NOON + SECOND)
        found = figures([settled])
        assert (found.unknown, found.settled, found.decided, found.approval_rate) == (0, 1, 0, None)

    def test_by_graph_and_step(self) -> None:
        """O-06: a tool of one graph is another than the same of another graph; a human step stands by its name; the slowest first."""
        found = reported(
            [
                answered(10), answered(30), answered(5, graph="other"),
                answered(500, kind="step", tool=None, step="plan-review"), asked(kind="question", tool=None),
            ]
        ).steps  # fmt: skip
        assert [(s.graph, s.kind, s.what, s.figures.waiting.p95) for s in found] == [
            ("support", "step", "plan-review", 500), ("support", "tool_call", "pay", 30), ("other", "tool_call", "pay", 5),
            ("support", "question", "question", None),
        ]  # fmt: skip


class TestOverTime:
    def test_by_day(self) -> None:
        """O-06: every day of a short period, also one on which nothing was asked; a request counts on the day it was asked, in UTC."""
        late = NOON.replace(hour=23, minute=59).astimezone(dt.timezone(5 * dt.timedelta(hours=1)))
        found = reported(
            [answered(), answered(asked_at=late), answered(asked_at=NOON - 2 * DAY, after=3 * 86_400)], days=4
        )
        assert [(str(b.begins), b.days, b.figures.asked) for b in found.buckets] == [
            ("2026-03-01", 1, 0), ("2026-03-02", 1, 1), ("2026-03-03", 1, 0), ("2026-03-04", 1, 2),
        ]  # fmt: skip

    def test_by_week(self) -> None:
        """A long period by weeks from their Mondays, none before the first request."""
        found = reported([answered(), answered(asked_at=NOON - 16 * DAY)], days=90)
        assert [(str(b.begins), b.days, b.figures.asked) for b in found.buckets] == [
            ("2026-02-16", 7, 1), ("2026-02-23", 7, 0), ("2026-03-02", 7, 1),
        ]  # fmt: skip

    @given(st.lists(st.integers(0, 400_000), max_size=9), st.integers(1, 400_000))
    def test_each_request_is_in_one_of_them(self, ages: list[int], days: int) -> None:
        """Whatever the period: no request is lost or counted twice, there are no gaps, and never more than can be drawn."""
        rows = [asked(number, asked_at=NOON - age * DAY) for number, age in enumerate(ages) if age < days]
        found = reported(rows, days=days).buckets
        assert sum(b.figures.asked for b in found) == len(rows)
        assert len(found) <= MOST_BUCKETS
        assert all(two.begins == one.begins + one.days * DAY for one, two in pairwise(found))


class TestPeople:
    def test_one_person_on_several_channels(self) -> None:
        """O-06, P-01: counted once, by one name, with the ways they answered; quorum: each of the approvals is an answer."""
        both = replace(
            answered(),
            answers=(
                Answered(at=NOON + SECOND, decision="approve", person="ann", name="Ann", via="slack"),
                Answered(at=NOON + 60 * SECOND, decision="edit", person="bob", name=None, via="github"),
            ),
        )
        found = reported([both, answered(decision="reject", via="inbox"), answered(decision="feedback")])
        ann, bob = found.people
        assert (ann.person, ann.name, ann.answers, ann.approved, ann.rejected, ann.revised) == (
            "ann",
            "Ann",
            3,
            1,
            1,
            1,
        )
        assert [(c.name, c.count) for c in ann.channels] == [("slack", 2), ("inbox", 1)]
        assert (bob.person, bob.approved) == ("bob", 1)
        assert [(d.name, d.count) for d in found.decisions] == [
            ("approve", 1),
            ("edit", 1),
            ("feedback", 1),
            ("reject", 1),
        ]
        assert found.channels[0].name == "slack"

    def test_reasons_are_grouped(self) -> None:
        """O-06: case, spaces and a full stop make no other reason; the usual spelling is shown; none at all is one, too."""
        words = ["Too much.", "too  MUCH", "Too much.", " too much ", "Other", None, "  "]
        rows = [
            answered(decision="reject", message=message, graph=f"g{at % 2}")
            for at, message in enumerate(words)
        ]
        found = reported([*rows, answered(decision="feedback", message="Shorter")]).reasons
        assert [(r.text, r.count, r.graphs) for r in found] == [
            ("Too much.", 4, ("g0", "g1")), (None, 2, ("g0", "g1")), ("Other", 1, ("g0",)),
        ]  # fmt: skip


class TestSigns:
    def kinds(self, rows: Sequence[Asked]) -> list[tuple[str, int, int]]:
        return [(sign.kind, sign.count, sign.of) for sign in reported(rows).signs]

    def spaced(self, number: int, after: float = 60, **facts: Any) -> Asked:
        """One of many that are an hour apart."""
        return answered(after, number=number, asked_at=NOON - number * 3_600 * SECOND, **facts)

    def test_too_quick_to_read(self) -> None:
        """Approved within 5 s, from the third on; one "no" that is as quick is none, nor is what a program answered."""
        quick = [self.spaced(n, 4.9, tool=f"t{n}") for n in range(LEAST_QUICK)]
        slow = [self.spaced(n + 9, 5.0) for n in range(4)]
        assert self.kinds([*quick, *slow]) == [("quick", 3, 7)]
        assert self.kinds(quick[1:]) == []
        assert (
            self.kinds([replace(q, answers=(replace(q.answers[0], decision="reject"),)) for q in quick]) == []
        )
        assert self.kinds([replace(q, answers=(replace(q.answers[0], via="caller"),)) for q in quick]) == []
        (sign,) = reported(quick).signs
        assert "ann approved 3 of 3 requests within 5 s" in sign.says
        assert (sign.person, sign.examples) == ("ann", ("r-000", "r-001", "r-002"))

    def test_approved_every_time(self) -> None:
        """A tool of a graph that was approved every time, of enough times; one "no" in between and it is none."""
        rows = [self.spaced(n) for n in range(LEAST_ALWAYS)]
        assert self.kinds(rows) == [("always", LEAST_ALWAYS, LEAST_ALWAYS)]
        assert "pay of support was approved every time" in reported(rows).signs[0].says
        assert self.kinds(rows[1:]) == []
        assert self.kinds([*rows, self.spaced(99, decision="reject")]) == []
        assert self.kinds([*rows, asked(98)]) == [("always", LEAST_ALWAYS, LEAST_ALWAYS)]
        assert self.kinds([replace(rows[0], graph="other"), *rows[1:]]) == []

    def test_in_bursts(self) -> None:
        """So many approvals within a minute; each counts in one burst; the largest is told, and how often it happened."""

        def burst(first: int, many: int, hour: int) -> list[Asked]:
            return [
                answered(hour * 3_600 + n * 10, number=first + n, asked_at=NOON - 50 * 3_600 * SECOND)
                for n in range(many)
            ]

        assert self.kinds(burst(0, LEAST_BURST - 1, 1)) == []
        assert self.kinds(burst(0, LEAST_BURST, 1)) == [("burst", 5, 5)]
        (sign,) = reported([*burst(0, 5, 1), *burst(50, 7, 9), self.spaced(90)]).signs
        assert (sign.count, sign.of) == (12, 13)
        assert (
            sign.says
            == "ann approved 7 requests within 60 s, on 2026-03-02 at 19:00 UTC. It happened 2 times."
        )

    def test_nothing_to_tell(self) -> None:
        """People who look: no sign."""
        assert (
            self.kinds([self.spaced(n, decision="approve" if n % 3 else "reject") for n in range(40)]) == []
        )


class TestTables:
    FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\n@x")

    def read(self, name: TableName, rows: Sequence[Asked]) -> list[dict[str, str]]:
        """A table as a spreadsheet reads it."""
        sample = Sample(
            period=Period(since=NOON - DAY, until=NOON + DAY), graph=None, rows=tuple(rows), cut=False
        )
        table = requests_table(sample) if name == "requests" else tables(report(sample))[name]
        return list(csv.DictReader(io.StringIO("".join(written(table)), newline="")))

    def test_nothing_is_calculated(self) -> None:
        """O-06: a cell that a spreadsheet would take for a formula begins with an apostrophe, wherever the text comes from."""
        rows = [
            answered(
                1, "reject", formula, number=n, message=formula, graph=formula, tool=formula, via=formula
            )
            for n, formula in enumerate(self.FORMULAS)
        ]
        for name in get_args(TableName):
            for row in self.read(name, rows):
                assert not [
                    cell
                    for cell in row.values()
                    if cell.strip(" \n").startswith(("=", "+", "-", "@", "\t", "\r"))
                ], name
        assert self.read("requests", rows)[0]["reason"] == "'=1+1"

    def test_cells_come_back_as_they_were(self) -> None:
        """Quotes, commas, line ends, odd characters: read as written; NUL and half a character do not end the file."""
        text = 'a "quoted", word\nand a line; Zoë 🦜 x=1'
        (row, other) = self.read(
            "requests", [answered(1.5, "reject", message=text), answered(message="\0\ud800", number=1)]
        )
        assert (row["reason"], row["waited_seconds"], row["decided_at"]) == (
            text,
            "1.5",
            "2026-03-04T12:00:01.500000Z",
        )
        assert other["reason"] == "\N{REPLACEMENT CHARACTER}?"

    def test_every_figure_of_a_chart_stands_in_a_table(self) -> None:
        """O-06: a chart is never the only place of a number."""
        rows = [answered(n, by=f"p{n}", number=n, tool=f"t{n}") for n in range(3)]
        assert [row["p95_seconds"] for row in self.read("steps", rows)] == ["2", "1", "0"]
        assert [row["asked"] for row in self.read("time", rows)][1] == "3"
        assert {row["person"] for row in self.read("people", rows)} == {"p0", "p1", "p2"}

    def test_columns_can_be_chosen(self) -> None:
        """In the order in which they are named."""
        table = tables(reported([answered()]))["steps"].only("asked", "graph")
        assert ([c.name for c in table.columns], table.rows) == (["asked", "graph"], ((1, "support"),))


def test_what_was_cut_is_told() -> None:
    """The bound: since when it is counted is part of the report; where all of it is, nothing is said."""
    rows = [answered(), answered(asked_at=NOON - DAY)]
    assert reported(rows, cut=True).counted_since == NOON - DAY
    assert reported(rows).counted_since is None
    assert reported([]).buckets == ()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.04, "0 s"),
        (4.96, "5 s"),
        (9.96, "10 s"),
        (61, "1 min 1 s"),
        (90_061, "1 day 1 h"),
        (2e5, "2 days 7 h"),
    ],
)
def test_a_length_of_time_in_words(seconds: float | None, words: str) -> None:
    """In its two largest units."""
    assert pictures.span(seconds) == words


@pytest.mark.parametrize(
    ("part", "words"),
    [(None, "–"), (0, "0 %"), (0.004, "under 1 %"), (0.5, "50 %"), (0.996, "over 99 %"), (1, "100 %")],
)
def test_a_part_in_words(part: float | None, words: str) -> None:
    """All and none are said only where it is so."""
    assert pictures.percent(part) == words


def test_what_became_of_an_act_has_a_bar_of_its_own() -> None:
    """O-06: whether an act may happen and what became of it are two questions: their bars bear two names."""
    found = reported([answered(), answered(number=1, kind="outcome")])
    drawn = pictures.waiting_by_step(found)
    assert "pay · support" in drawn
    assert "pay – what became of it · support" in drawn
