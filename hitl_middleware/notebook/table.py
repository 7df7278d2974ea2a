"""Runs as a table: in HTML that sorts itself, as plain text, as a data frame."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from hitl_middleware.notebook.errors import PandasMissing
from hitl_middleware.notebook.markup import Html, Shown, columns, joined, tag
from hitl_middleware.telling import span

Sort = Literal["newest", "oldest", "waiting", "status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run. ``waits_for`` is empty where it waits for nobody; ``since``: when it began to be as it is."""

    run: str
    thread: str
    graph: str
    status: str
    waits_for: str
    since: dt.datetime
    tool: str
    code: str
    error: str


@dataclass(frozen=True, slots=True, repr=False)
class RunsTable(Shown):
    """``rows`` in their order, as of the moment ``at``; ``more``: there are older ones."""

    rows: tuple[RunRow, ...]
    at: dt.datetime
    more: bool = False

    def __iter__(self) -> Iterator[RunRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> RunRow:
        return self.rows[place]

    @property
    def df(self) -> Any:
        """The rows as a ``pandas.DataFrame``. Raises ``PandasMissing``."""
        try:
            import pandas as pd
        except ModuleNotFoundError:
            raise PandasMissing from None
        names = list(RunRow.__dataclass_fields__)
        return pd.DataFrame([asdict(row) for row in self.rows], columns=names)

    def as_html(self) -> Html:
        if not self.rows:
            return tag("p", _NONE, class_="soft")
        name = f"hitl-runs-{secrets.token_hex(4)}"
        head = tag("tr", *(tag("th", each, data_sort="") for each in _HEAD))
        body = (
            tag("tr", *(tag("td", cell, data_by=by, class_=class_) for cell, by, class_ in self._cells(row)))
            for row in self.rows
        )
        table = tag("table", tag("thead", head), tag("tbody", *body), id=name)
        return joined(
            [
                tag("div", table, class_="runs"),
                self._more(),
                Html(f"<script>{_SORT.replace('NAME', name)}</script>"),
            ]
        )

    def _cells(self, row: RunRow) -> Iterator[tuple[object, str, str | None]]:
        yield tag("span", row.status, class_=f"badge {_COLOUR.get(row.status, 'soft')}"), row.status, None
        yield row.graph, row.graph, None
        yield row.waits_for, row.waits_for, None
        seconds = (self.at - row.since).total_seconds()
        yield f"{span(seconds, 1)} ago", f"{seconds:020.3f}", None
        yield row.tool, row.tool, None
        yield row.error, row.error, "bad" if row.error else None
        yield tag("code", row.code), row.code, None
        yield tag("code", row.thread), row.thread, None
        yield tag("code", row.run), row.run, None

    def _more(self) -> Html | None:
        return tag("p", "There are older ones: dbg.runs(limit=…)", class_="soft") if self.more else None

    def as_text(self) -> str:
        if not self.rows:
            return _NONE
        body = [
            (row.status, row.graph, row.waits_for, f"{span((self.at - row.since).total_seconds(), 1)} ago", row.tool, row.error, row.code,
             row.thread, row.run)
            for row in self.rows
        ]  # fmt: skip
        return columns(_HEAD, body) + ("\n… and older ones: dbg.runs(limit=…)" if self.more else "")


_HEAD = ("status", "graph", "waits for", "since", "tool", "last error", "code", "thread", "run")
_NONE = "No runs yet."
_COLOUR = {"suspended": "wait", "failed": "bad", "succeeded": "good", "unknown": "bad", "stuck": "bad"}

_SORT = """(function () {
  var table = document.getElementById("NAME");
  if (!table) { return; }
  table.querySelectorAll("th").forEach(function (head, place) {
    head.addEventListener("click", function () {
      var down = head.dataset.down = head.dataset.down === "1" ? "" : "1";
      var rows = Array.from(table.tBodies[0].rows);
      rows.sort(function (a, b) {
        return a.cells[place].dataset.by.localeCompare(b.cells[place].dataset.by) * (down ? 1 : -1);
      });
      rows.forEach(function (row) { table.tBodies[0].appendChild(row); });
    });
  });
})();"""


def in_order(rows: Sequence[RunRow], sort: Sort) -> tuple[RunRow, ...]:
    """``newest`` first is how they are read; ``waiting``: what waits for people before all else, of that the longest first."""
    if sort == "oldest":
        return tuple(reversed(rows))
    if sort == "waiting":
        waiting = sorted((row for row in rows if row.waits_for), key=lambda row: row.since)
        return (*waiting, *(row for row in rows if not row.waits_for))
    return tuple(sorted(rows, key=lambda row: row.status)) if sort == "status" else tuple(rows)
