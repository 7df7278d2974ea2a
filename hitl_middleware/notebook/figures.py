"""How asking people goes, as a notebook shows it: the report of ``hitl_middleware.analytics`` with its charts and tables."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from hitl_middleware.analytics import Report, Sample, report
from hitl_middleware.analytics import pictures as charts
from hitl_middleware.analytics.pictures import percent, span
from hitl_middleware.analytics.tables import Cell, Table, TableName, Unit, tables
from hitl_middleware.drawing.charts import CHART_STYLE
from hitl_middleware.notebook.errors import PandasMissing
from hitl_middleware.notebook.markup import Html, Shown, columns, joined, rows, tag

_SHOWN = ("graph", "what", "asked", "pending", "approval_rate", "p50_seconds", "p95_seconds", "failed")


_CHARTS = (
    ("Waiting time: half of the requests, and paler 95 of 100", charts.waiting_by_step),
    ("What became of what was asked", charts.decided_over_time),
    ("Waiting time over time", charts.waiting_over_time),
    ("Where it was answered", charts.answers_by_channel),
)


@dataclass(frozen=True, slots=True, repr=False)
class Analytics(Shown):
    """``report`` has every number; ``df(name)`` gives one of its tables to pandas."""

    report: Report

    @classmethod
    def of(cls, sample: Sample) -> Analytics:
        """Of rows that somebody has read, or made up."""
        return cls(report(sample))

    def table(self, name: TableName) -> Table:
        """``steps``, ``time``, ``decisions``, ``channels``, ``people``, ``reasons`` or ``signs``."""
        return tables(self.report)[name]

    def df(self, name: TableName = "steps") -> Any:
        """One of the tables as a ``pandas.DataFrame``, with a program's names for its columns. Raises ``PandasMissing``."""
        try:
            import pandas as pd
        except ModuleNotFoundError:
            raise PandasMissing from None
        table = self.table(name)
        return pd.DataFrame(list(table.rows), columns=[column.name for column in table.columns])

    @property
    def headline(self) -> str:
        """The whole in a sentence."""
        whole, period = self.report.whole, self.report.period
        when = f"{period.since:%Y-%m-%d} to {period.until:%Y-%m-%d}"
        if not whole.asked:
            return f"Nobody was asked anything from {when}."
        if not whole.waiting.count:
            return f"{whole.asked} asked from {when}: {whole.pending} waiting, none decided yet."
        waiting = f"half within {span(whole.waiting.p50)}, 95 of 100 within {span(whole.waiting.p95)}"
        return f"{whole.asked} asked from {when}: {percent(whole.approval_rate)} approved, {whole.pending} waiting; decided {waiting}."

    def as_html(self) -> Html:
        found = self.report
        drawn = [part for title, draw in _CHARTS for part in (tag("h4", title), Html(draw(found)))]
        return joined(
            [
                tag("style", Html(CHART_STYLE)),
                tag("h3", self.headline),
                *(tag("p", sign.says, class_="wait") for sign in found.signs),
                *(drawn if found.whole.asked else []),
                _table(self.table("steps").only(*_SHOWN)),
                _table(self.table("reasons")),
            ]
        )

    def as_text(self) -> str:
        steps = self.table("steps").only(*_SHOWN)
        head = [column.title for column in steps.columns]
        body = [
            [_cell(value, column.unit) for value, column in zip(row, steps.columns, strict=True)]
            for row in steps.rows
        ]
        lines = [self.headline, *(f"  {sign.says}" for sign in self.report.signs)]
        return "\n".join([*lines, columns(head, body)] if body else lines)


def _table(table: Table) -> Html | None:
    if not table.rows:
        return None
    head = [column.title for column in table.columns]
    return rows(
        head,
        (
            [_cell(value, column.unit) for value, column in zip(row, table.columns, strict=True)]
            for row in table.rows
        ),
    )


def _cell(value: Cell, unit: Unit) -> str:
    if value is None:
        return "–"
    if unit == "seconds" and isinstance(value, int | float):
        return span(float(value))
    if unit == "share" and isinstance(value, int | float):
        return percent(float(value))
    return f"{value:%Y-%m-%d}" if isinstance(value, dt.date) else str(value)
