"""Suspended runs about which nobody was asked: have ``advance`` look at them again (G-15).

A run parks and its requests are filed in two databases' transactions, and ``wanted`` brings ``advance`` to whatever was cut off in between.
What is left are runs that nothing brings any more: of an older version, of a database that was restored, of requests that somebody deleted.
"""

from __future__ import annotations

import structlog

from hitl_middleware.ports import Clock, Dispatcher, GraphRuns, Store
from hitl_middleware.work import unit

log = structlog.get_logger("hitl.runs")

RECALL_SECONDS = 60.0
"""How often it looks. Its query costs one look-up for every suspended run, so not with every sweep."""

MOST_RECALLED = 100
"""Runs that are looked at again at a time. The next time it goes on behind them, so that hopeless ones keep nobody waiting."""


class Recall:
    """A chore of the sweep."""

    def __init__(self, store: Store, runs: GraphRuns, clock: Clock, dispatcher: Dispatcher) -> None:
        self._store = store
        self._runs = runs
        self._clock = clock
        self._dispatcher = dispatcher
        self._after = ""
        self._next = 0.0

    async def __call__(self) -> None:
        """Look, if it is time to; begins with the first sweep of a process."""
        if self._clock.monotonic() < self._next:
            return
        self._next = self._clock.monotonic() + RECALL_SECONDS
        async with self._store.read() as uow:
            found = await uow.unasked_runs(among=self._runs.graphs(), after=self._after, limit=MOST_RECALLED)
        self._after = found[-1].thread_id if len(found) == MOST_RECALLED else ""
        for run in found:
            async with unit(self._store, self._dispatcher) as work:
                await work.want(run.id)
            log.warning("suspended run without a request", run=run.id, thread=run.thread_id, graph=run.graph)
