"""What the audit tells, as counters: events in, numbers out.

Whoever changes something – this process, another server, a worker without HTTP, the command line – leaves an event in the database, and
each server reads them all in order, from where it began to count. So servers agree but for that beginning: take one of them, or the
largest, never their sum. Labels come from a server's own graphs, tools and channels; ids and people's words are never among them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

from hitl_middleware.actions import CALLER
from hitl_middleware.channels.github.desk import Judged
from hitl_middleware.ports import Store
from hitl_middleware.records import AuditEvent

BATCH: Final = 500
MOST_BATCHES: Final = 20
"""What is read for one scrape at most: Prometheus waits 10 s, and the rest is there for the next one."""

MOST_NAMES: Final = 200
OTHER: Final = "other"
"""A graph may put together names of its own; those beyond ``MOST_NAMES`` of one label are counted as this."""

AUDITED: Final = (
    " (From the database's audit, since this server began to count: take max over servers, not sum.)"
)
WAITS: Final = (1, 10, 30, 60, 300, 900, 3_600, 14_400, 28_800, 86_400, 259_200, 604_800)
"""Seconds, from a click at once to a week."""

COMMANDED: Final = "github"
"""The channel that takes written commands."""

_RUN: Final = frozenset({"started", "suspended", "resumed", "succeeded", "failed", "cancelled"})
_DECIDED: Final = frozenset({"approved", "rejected", "answered", "revised"})
_CLOSED: Final = _DECIDED | {"expired", "superseded", "cancelled"}
_OUTCOMES: Final = frozenset({"succeeded", "failed", "unknown", "refused"})


class Counts:
    """Counters in ``registry``. One event more is ``heard``; nothing that an event says makes it raise."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, what: str, *labels: str) -> Counter:
            return Counter(name, what + AUDITED, labels, registry=registry)

        self._runs = counter(
            "hitl_run_changes_total",
            "Runs that started, were suspended to ask people, were resumed, and ended. Suspension rate: suspended / started.",
            "graph",
            "change",
        )
        self._resumes_failed = counter(
            "hitl_resumes_failed_total",
            "Runs that failed while they were carried on with an answer.",
            "graph",
        )
        self._opened = counter("hitl_requests_opened_total", "Requests that were filed.", "graph", "step")
        self._closed = counter(
            "hitl_requests_closed_total", "Requests that came to their end.", "graph", "status"
        )
        self._decisions = counter(
            "hitl_decisions_total", "Requests that people decided.", "channel", "decision"
        )
        self._waited = Histogram(
            "hitl_approval_latency_seconds",
            "From the filing of a request to its decision, by graph and step (or tool)." + AUDITED,
            ("graph", "step"),
            buckets=WAITS,
            registry=registry,
        )
        self._acts = counter("hitl_action_outcomes_total", "How gated acts ended.", "tool", "outcome")
        self._commands = counter(
            "hitl_commands_total",
            "Comments that were, or nearly were, commands. Parse success: 1 - not_understood / all.",
            "channel",
            "outcome",
        )
        for outcome in get_args(Judged):  # there from the start: the first one must be an increase
            self._commands.labels(COMMANDED, outcome)
        self._names: dict[str, set[str]] = {}

    def expect(self, graphs: Iterable[str]) -> None:
        """Graphs that are served: their failures are there from the start, as 0."""
        for graph in graphs:
            self._resumes_failed.labels(self._name("graph", graph))

    def heard(self, event: AuditEvent) -> None:
        """Count one event."""
        about, _, what = event.kind.partition(".")
        match about:
            case "run":
                self._run(what, event.data)
            case "request":
                self._request(what, event)
            case "action" if what in _OUTCOMES:
                self._acts.labels(self._name("tool", event.data.get("tool")), what).inc()
            case "command" if what in get_args(Judged):
                self._commands.labels(self._name("channel", event.via), what).inc()

    def _run(self, what: str, data: dict[str, Any]) -> None:
        graph = self._name("graph", data.get("graph"))
        if what == "stopped" and data.get("parked"):  # by the user's own process
            what = "suspended"
        if what in _RUN:
            self._runs.labels(graph, what).inc()
        if what == "failed" and data.get("was") == "suspended":
            self._resumes_failed.labels(graph).inc()

    def _request(self, what: str, event: AuditEvent) -> None:
        graph = self._name("graph", event.data.get("graph"))
        step = self._name("step", event.data.get("step") or event.data.get("tool"))
        if what == "opened":
            self._opened.labels(graph, step).inc()
        if what in _CLOSED:
            self._closed.labels(graph, what).inc()
        if what in _DECIDED:
            # What became of an unknown act is told, not decided: such an event names no decision.
            decision = self._name("decision", event.data.get("decision") or "outcome")
            self._decisions.labels(self._name("channel", event.via), decision).inc()
            waited = event.data.get("waited_ms")
            if isinstance(waited, int) and event.via != CALLER:
                self._waited.labels(graph, step).observe(waited / 1000)

    def _name(self, label: str, value: object) -> str:
        """One of a bounded number of values; "" where there is none."""
        if value is None:
            return ""
        name, known = str(value)[:100], self._names.setdefault(label, set())
        if name in known:
            return name
        if len(known) >= MOST_NAMES:
            return OTHER
        known.add(name)
        return name


class Trail:
    """Reads on in the audit, from its end when it is first looked at."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seq: int | None = None
        self._turn: asyncio.Lock = asyncio.Lock()

    async def begin(self) -> None:
        """What happens from now on counts. Again: nothing."""
        async with self._turn:
            await self._begun()

    async def follow(self, counts: Counts) -> None:
        """Count what was sealed since; cheap where nothing was. On the store's loop, whoever asks: one after the other."""
        async with self._turn:
            seq = await self._begun()
            for _ in range(MOST_BATCHES):
                async with self._store.read() as uow:
                    events = await uow.list_audit(after=seq, limit=BATCH)
                for event in events:
                    counts.heard(event)
                    self._seq = seq = event.seq or seq
                if len(events) < BATCH:
                    return

    async def _begun(self) -> int:
        if self._seq is None:
            async with self._store.read() as uow:
                self._seq = (await uow.chain_head()).seq
        return self._seq
