"""A report as tables: what a page shows below its charts, and what a spreadsheet is given. Pure."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from hitl_middleware.analytics.figures import Figures
from hitl_middleware.analytics.report import Report
from hitl_middleware.analytics.rows import Asked, Sample

Unit = Literal["text", "count", "seconds", "share", "day", "time"]
"""What stands in a column; ``share``: a part of 1."""

Cell = str | int | float | dt.date | None

TableName = Literal["steps", "time", "decisions", "channels", "people", "reasons", "signs", "requests"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """``name``: in a file, for programs; ``title``: on a page."""

    name: str
    title: str
    unit: Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of as many cells as there are columns."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def having(self, name: str, cells: Iterable[Cell]) -> Table:
        """The same with other cells in this column."""
        at = [column.name for column in self.columns].index(name)
        rows = zip(self.rows, cells, strict=True)
        return Table(
            columns=self.columns, rows=tuple((*row[:at], cell, *row[at + 1 :]) for row, cell in rows)
        )

    def only(self, *names: str) -> Table:
        """The same with these columns alone, in this order."""
        at = {column.name: place for place, column in enumerate(self.columns)}
        places = [at[name] for name in names]
        return Table(
            columns=tuple(self.columns[place] for place in places),
            rows=tuple(tuple(row[place] for place in places) for row in self.rows),
        )


_FIGURES: Final[tuple[Column, ...]] = (
    Column(name="asked", title="Asked", unit="count"),
    Column(name="pending", title="Waiting", unit="count"),
    Column(name="approved", title="Approved", unit="count"),
    Column(name="rejected", title="Rejected", unit="count"),
    Column(name="revised", title="Sent back", unit="count"),
    Column(name="answered", title="Answered", unit="count"),
    Column(name="approval_rate", title="Approval rate", unit="share"),
    Column(name="rejection_rate", title="Rejection rate", unit="share"),
    Column(name="p50_seconds", title="p50", unit="seconds"),
    Column(name="p95_seconds", title="p95", unit="seconds"),
    Column(name="longest_seconds", title="Longest", unit="seconds"),
    Column(name="expired", title="Expired", unit="count"),
    Column(name="withdrawn", title="Taken back", unit="count"),
    Column(name="failed", title="Act failed", unit="count"),
    Column(name="unknown", title="Unknown", unit="count"),
)


def _text(name: str, title: str) -> Column:
    return Column(name=name, title=title, unit="text")


def _count(name: str, title: str) -> Column:
    return Column(name=name, title=title, unit="count")


def _cells(found: Figures) -> tuple[Cell, ...]:
    return (
        found.asked,
        found.pending,
        found.approved,
        found.rejected,
        found.revised,
        found.answered,
        found.approval_rate,
        found.rejection_rate,
        found.waiting.p50,
        found.waiting.p95,
        found.waiting.longest,
        found.expired,
        found.withdrawn,
        found.failed,
        found.unknown,
    )


def tables(found: Report) -> Mapping[TableName, Table]:
    """All that the report says, by name. ``requests``, which the report no longer knows one by one, is ``requests_table``."""
    return {
        "steps": Table(
            columns=(
                _text("graph", "Graph"),
                _text("what", "Tool or step"),
                _text("kind", "Kind"),
                *_FIGURES,
            ),
            rows=tuple((s.graph, s.what, s.kind, *_cells(s.figures)) for s in found.steps),
        ),
        "time": Table(
            columns=(Column(name="begins", title="From", unit="day"), _count("days", "Days"), *_FIGURES),
            rows=tuple((b.begins, b.days, *_cells(b.figures)) for b in found.buckets),
        ),
        "decisions": Table(
            columns=(_text("decision", "Answer"), _count("count", "How often")),
            rows=tuple((each.name, each.count) for each in found.decisions),
        ),
        "channels": Table(
            columns=(_text("channel", "Channel"), _count("count", "Answers")),
            rows=tuple((each.name, each.count) for each in found.channels),
        ),
        "people": Table(
            columns=(
                _text("person", "Person"),
                _text("name", "Name"),
                _count("answers", "Answers"),
                _count("approved", "Approved"),
                _count("rejected", "Rejected"),
                _count("revised", "Sent back"),
                _count("responded", "Answered"),
                _count("quick", "Within 5 s"),
                _text("channels", "By"),
            ),
            rows=tuple(
                (
                    each.person,
                    each.name,
                    each.answers,
                    each.approved,
                    each.rejected,
                    each.revised,
                    each.responded,
                    each.quick,
                    ", ".join(f"{share.name} {share.count}" for share in each.channels),
                )
                for each in found.people
            ),
        ),
        "reasons": Table(
            columns=(_text("reason", "Reason"), _count("count", "How often"), _text("graphs", "Where")),
            rows=tuple((each.text, each.count, ", ".join(each.graphs)) for each in found.reasons),
        ),
        "signs": Table(
            columns=(
                _text("kind", "Sign"),
                _text("person", "Person"),
                _text("graph", "Graph"),
                _text("what", "Tool or step"),
                _count("count", "Approvals"),
                _count("of", "Of"),
                _text("says", "In words"),
                _text("examples", "Look at"),
            ),
            rows=tuple(
                (s.kind, s.person, s.graph, s.what, s.count, s.of, s.says, " ".join(s.examples))
                for s in found.signs
            ),
        ),
    }


def requests_table(sample: Sample) -> Table:
    """Every request that was counted, for whoever wants to count something else."""
    return Table(
        columns=(
            _text("request_id", "Request"),
            Column(name="asked_at", title="Asked", unit="time"),
            _text("graph", "Graph"),
            _text("what", "Tool or step"),
            _text("kind", "Kind"),
            _text("status", "Status"),
            Column(name="decided_at", title="Decided", unit="time"),
            Column(name="waited_seconds", title="Waited", unit="seconds"),
            _text("decision", "Answer"),
            _text("decided_by", "By"),
            _text("decided_by_name", "Name"),
            _text("channel", "Channel"),
            _text("reason", "Words"),
            _count("answers", "Answers"),
            _text("outcome", "Act"),
        ),
        rows=tuple(map(_request, sample.rows)),
    )


def _request(each: Asked) -> tuple[Cell, ...]:
    last = each.answers[-1] if each.answers and each.decided_at is not None else None
    return (
        each.id,
        each.asked_at,
        each.graph,
        each.what,
        each.kind,
        each.status,
        each.decided_at,
        each.waited,
        last.decision if last else None,
        each.decided_by,
        each.decided_by_name,
        each.decided_via,
        last.message if last else None,
        len(each.answers),
        each.outcome,
    )


_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet take a text for a formula (OWASP, CSV injection)."""


def written(table: Table) -> Iterator[str]:
    """The lines of a CSV file (RFC 4180): names of columns, then the rows; times are ISO 8601 in UTC, shares parts of 1."""
    yield _line([column.name for column in table.columns])
    for row in table.rows:
        yield _line([_cell(value) for value in row])


def _line(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def _cell(value: Cell) -> str:
    match value:
        case None:
            return ""
        case dt.datetime():
            return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
        case str():
            return _harmless(value)
        case float():
            return f"{value:.6g}" if value < 1 else f"{value:.3f}".rstrip("0").rstrip(".")
        case _:
            return str(value)


def _harmless(text: str) -> str:
    """A text that no spreadsheet calculates. Also one behind spaces, which some drop; NUL ends a file for some readers."""
    text = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
    return f"'{text}" if text.lstrip(" \n").startswith(_FORMULA) else text
