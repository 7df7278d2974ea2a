"""``Debugger``: a notebook's way into runs that stopped."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Self, TypeVar

import structlog

from hitl_middleware.analytics import Period, report
from hitl_middleware.errors import NotFound
from hitl_middleware.hitl import Hitl
from hitl_middleware.ids import CODE_LENGTH
from hitl_middleware.notebook import lookup, reading
from hitl_middleware.notebook.bundle import load
from hitl_middleware.notebook.errors import LoopBusy, NoDatabase, NoSuchRun, NothingShared
from hitl_middleware.notebook.facts import Facts
from hitl_middleware.notebook.figures import Analytics
from hitl_middleware.notebook.graphs import Given, Graphs
from hitl_middleware.notebook.listing import row_of
from hitl_middleware.notebook.opened import OpenRun
from hitl_middleware.notebook.table import RunsTable, Sort, in_order
from hitl_middleware.notebook.threads import Graph
from hitl_middleware.people import local_identity
from hitl_middleware.portal import Portal
from hitl_middleware.records import Run
from hitl_middleware.review import is_final
from hitl_middleware.settings import load_settings
from hitl_middleware.stores.url import parse
from hitl_middleware.views import WAIT_SECONDS

T = TypeVar("T")

PAGE = 200
MOST_SEARCHED = 2_000
"""Runs that are looked through for a thread, newest first; of an older one the run's id is needed."""


class Debugger:
    """Opens runs where they are suspended.

    ``Debugger.from_env()`` looks into the database that ``HITL_DATABASE_URL`` names, with the graphs of ``langgraph.json``, as a server
    does. ``Debugger(graph)`` is for a graph of your own, attached or not, with its own saver, ``Debugger({name: graph, …})`` for several;
    ``name``: as which its runs are stored, where it is not attached. ``hitl`` is ``Hitl.from_env()`` unless given. Nothing is run here:
    what is decided is carried on by whoever drives the run.

    ``reviewer``: as whom you decide; by default ``local:<login>``, like the terminal.
    Raises ``NoSaver`` for a graph that keeps nothing, and ``NothingShared`` where the environment names no database that others use.
    """

    def __init__(
        self,
        graph: Given = None,
        *,
        name: str | None = None,
        hitl: Hitl | None = None,
        reviewer: str | None = None,
    ) -> None:
        if not structlog.is_configured():
            # Between cells nobody reads a log; what goes wrong is said all the same.
            structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
        self.hitl = hitl or Hitl.from_env()
        self.reviewer = reviewer
        self._graphs = Graphs(self.hitl, graph, name)
        # Not the loops of ``hitl``: what is asked of them from here is waited for.
        self._portal = Portal("hitl-notebook")

    @classmethod
    def from_env(cls, *, reviewer: str | None = None) -> Self:
        """On the same database and graphs as the server. Raises ``NothingShared``, ``NoDatabase``, ``ConfigurationError``."""
        if (url := load_settings().database_url).startswith("memory:"):
            raise NothingShared(url=url)
        if url.startswith("sqlite:") and not (path := Path(parse(url).database or "")).exists():
            raise NoDatabase(path=path, folder=Path.cwd())  # it would be made, and nobody's runs be in it
        return cls(hitl=Hitl.from_env(), reviewer=reviewer)

    @staticmethod
    def load(path: str | Path) -> OpenRun:
        """A run that ``run.export(path)`` wrote, without its database. Raises ``NotABundle``, ``BundleNewer``."""
        return OpenRun(load(Path(path)), None)

    @property
    def identity(self) -> str:
        """As whom you decide."""
        return self.reviewer or local_identity()

    @property
    def named(self) -> bool:
        """Whether that is somebody else than whoever sits here."""
        return self.reviewer is not None

    def moved(self, run: Run, seconds: float = 0) -> None:
        """Wait until a run stands again, at most so long. Whoever drives it does so meanwhile."""
        if seconds > 0:
            self._wait(lambda: self._rests(run, seconds), "asyncio.to_thread(run.wait)")

    async def _rests(self, run: Run, seconds: float) -> None:
        async def look() -> None:
            while True:
                kept = await self.hitl.portal.run(reading.stored, self.hitl, run)
                if is_final("run", kept.run.status) or _at_rest(kept):
                    return
                await asyncio.sleep(WAIT_SECONDS)

        with suppress(TimeoutError):
            await asyncio.wait_for(look(), seconds)

    # looking ---------------------------------------------------------------------------------------------------------

    def runs(self, *, limit: int = 50, status: str | None = None, sort: Sort = "newest") -> RunsTable:
        """The newest runs, and threads of this graph that no run is known of. ``status``: as a row shows it."""
        return self._wait(lambda: self._runs(limit, status, sort), f"dbg.aruns(limit={limit})")

    async def aruns(self, *, limit: int = 50, status: str | None = None, sort: Sort = "newest") -> RunsTable:
        """The same, for a graph whose saver works on the loop of the notebook."""
        return await self._portal.run(lambda: self._runs(limit, status, sort))

    def __getitem__(self, key: str) -> OpenRun:
        """A run by its id, its thread's id, the code of a request of it, or a part of an id that only one has.

        Raises ``NoSuchRun`` with the nearest ones.
        """
        return OpenRun(self._wait(lambda: self._open(key), f"dbg.open({key!r})"), self)

    async def open(self, key: str) -> OpenRun:
        """The same, for a graph whose saver works on the loop of the notebook."""
        return OpenRun(await self._portal.run(lambda: self._open(key)), self)

    def look(self, facts: Facts) -> Facts:
        """The same run as it is now."""
        return self._wait(lambda: self._look(facts.run, known=facts.stored), "dbg.open(…)")

    def graph_of(self, run: Run) -> tuple[Graph | None, str | None]:
        """The graph of a run with the saver that holds its thread; or why there is none."""
        return self._graphs.of(run)

    def analytics(
        self, days: float = 30, *, until: dt.datetime | None = None, graph: str | None = None
    ) -> Analytics:
        """How asking people went in the last ``days`` before ``until`` (now): waiting times, decisions, reasons, signs."""
        end = until or self.hitl.clock.now()
        period = Period(since=end - dt.timedelta(days=days), until=end)
        return Analytics(report(self.hitl.portal.call(self.hitl.views.asked, period, graph=graph)))

    def __repr__(self) -> str:
        place = self.hitl.settings.database_url.rpartition("@")[2]  # without the password
        of = f" of {', '.join(self._graphs.names)}" if self._graphs.names else ""
        return f"Debugger{of} on {place}, deciding as {self.identity}. .runs() lists what there is, [id] opens one."

    def _wait(self, do: Callable[[], Awaitable[T]], instead: str) -> T:
        """From a cell, whether or not it runs on a loop."""
        if (name := self._graphs.stood_on) is not None:
            raise LoopBusy(name=name, call=instead)
        return self._portal.call(do)

    async def _runs(self, limit: int, status: str | None, sort: Sort) -> RunsTable:
        found = await self._newest(max(limit, 1))
        rows = [row_of(facts) for facts in await self.hitl.portal.run(reading.listed, self.hitl, found)]
        if kept_elsewhere := await self._graphs.kept():
            stored = {run.thread_id for run in await self._newest(MOST_SEARCHED, everything=True)}
            loose = [(name, thread) for thread, name in kept_elsewhere.items() if thread not in stored]
            rows += [
                row_of(await self._look(self._unknown(name, thread), known=False)) for name, thread in loose
            ]
        shown = [row for row in rows if status is None or row.status == status]
        return RunsTable(in_order(shown, sort)[:limit], self.hitl.clock.now(), more=len(found) > limit)

    async def _newest(self, limit: int, *, everything: bool = False) -> list[Run]:
        """Of the given graphs, or of all."""
        names = () if everything else self._graphs.names
        found: list[Run] = []
        cursor: str | None = None
        while len(found) <= limit:
            page = await self.hitl.portal.run(self.hitl.views.runs, cursor=cursor, limit=PAGE)
            found += [run for run in page.items if not names or run.graph in names]
            if (cursor := page.next) is None:
                break
        return found[: limit + 1]

    async def _open(self, key: str) -> Facts:
        hitl, run = self.hitl, None
        if len(key) == CODE_LENGTH:
            with suppress(NotFound):
                run = (await hitl.portal.run(hitl.views.request, key)).run
        with suppress(NotFound):
            run = run or (await hitl.portal.run(hitl.views.run, key)).run
        if run is not None:
            return await self._look(run, known=True)
        newest = await self._newest(MOST_SEARCHED)
        kept = await self._graphs.kept()
        names = [*(name for run in newest for name in (run.thread_id, run.id)), *kept]
        name = lookup.meant(key, names)
        if name is None:
            raise NoSuchRun(key=key, hint=lookup.hint(key, names))
        found = next((run for run in newest if name in {run.id, run.thread_id}), None)
        if found is None:
            return await self._look(self._unknown(kept[name], name), known=False)
        return await self._look(found, known=True)

    async def _look(self, run: Run, *, known: bool) -> Facts:
        if (reader := self._graphs.elsewhere(run)) is not None:
            return await reading.look(self.hitl, run, None, known=known, reader=reader)
        graph, why = self._graphs.of(run)
        return await reading.look(self.hitl, run, graph, known=known, notes=[why] if why else [])

    def _unknown(self, name: str, thread_id: str) -> Run:
        now = self.hitl.clock.now()
        return Run(
            id=thread_id,
            thread_id=thread_id,
            graph=name,
            status="running",
            driver="caller",
            created_at=now,
            updated_at=now,
        )


def _at_rest(kept: reading.Stored) -> bool:
    """Whether nobody drives it and nothing is there to be looked at."""
    run = kept.run
    return (
        run.status == "suspended"
        and run.wanted <= run.seen
        and (run.lease_until is None or run.lease_until <= kept.at)
    )
