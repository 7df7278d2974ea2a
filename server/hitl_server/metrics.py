"""What Prometheus scrapes, in its text format, from three sources that the help of each metric names.

Gauges are counted in the database when asked (partial indexes: finished rows cost nothing), counters follow the audit (``counts``), and
only what never reaches the database – webhooks, most of all those that are refused – is counted in the process.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hitl_middleware.hitl import Hitl
from hitl_middleware.records import Tally
from hitl_server.counts import Counts, Trail

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST

STORED: Final = " (Read from the database: every server says the same, so take max, not sum.)"

HERE: Final = " (Counted by this server since it started: take sum over servers.)"

REASONS: Final = {
    400: "malformed",
    401: "signature",
    404: "not_configured",
    408: "too_slow",
    413: "too_large",
    429: "rate_limited",
    503: "database",
}
"""Why a webhook was refused, by the status it was answered with."""


class Meter:
    """All metrics of one server over one database."""

    def __init__(self, hitl: Hitl) -> None:
        self._registry = CollectorRegistry()
        self._counts = Counts(self._registry)
        self._trail = Trail(hitl.store)
        self._tally = hitl.views.tally
        self._webhooks = Counter(
            "hitl_webhooks_total",
            "Webhooks by how they were answered: accepted, or refused and why." + HERE,
            ("channel", "outcome", "reason"),
            registry=self._registry,
        )

    def expect(self, webhooks: Iterable[str]) -> None:
        """Channels whose webhooks are taken here: their counters are there from the start, so that the first one is an increase."""
        for channel in webhooks:
            self._webhooks.labels(channel, "accepted", "")
            for reason in {*REASONS.values(), "failed"}:
                self._webhooks.labels(channel, "refused", reason)

    def answered(self, channel: str, status: int) -> None:
        """Count a webhook by the status of its answer."""
        if status < 400:
            self._webhooks.labels(channel, "accepted", "").inc()
        else:
            self._webhooks.labels(channel, "refused", REASONS.get(status, "failed")).inc()

    async def begin(self) -> None:
        """Count what happens from now on. On the store's loop."""
        await self._trail.begin()

    async def exposition(self, graphs: Iterable[str] = ()) -> bytes:
        """The text that is scraped; ``graphs``: those that are served. On the store's loop."""
        self._counts.expect(graphs)
        tally = await self._tally()
        await self._trail.follow(self._counts)
        whole = CollectorRegistry()
        whole.register(_Gauges(tally))
        whole.register(_Plain(self._registry))
        return generate_latest(whole)


class Metered:
    """Counts the answers to signed webhooks, whichever route gives them. ``public``: the guard's (method, path)."""

    def __init__(self, app: ASGIApp, meter: Meter, public: Collection[tuple[str, str]]) -> None:
        self._app = app
        self._meter = meter
        # What may be posted without credentials checks a signature itself: /slack/events is Slack's.
        self._channels = {path: path.split("/")[1] for method, path in public if method == "POST"}
        meter.expect(self._channels.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        channel = self._channels.get(scope["path"]) if scope["type"] == "http" else None
        if channel is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        status = 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            self._meter.answered(channel, status)


class _Gauges(Collector):
    def __init__(self, tally: Tally) -> None:
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        tally = self._tally
        oldest = (tally.at - tally.oldest_pending_at).total_seconds() if tally.oldest_pending_at else 0.0
        for name, what, value in (
            ("hitl_requests_pending", "Requests that wait for a decision.", tally.pending),
            ("hitl_oldest_pending_seconds", "How long the oldest of them has waited; 0: none waits.", oldest),
            ("hitl_actions_unknown", "Acts whose outcome a person has to settle.", tally.unknown),
            (
                "hitl_deliveries_failed",
                "Messages that could not be delivered and are not tried again.",
                tally.failed_deliveries,
            ),
            (
                "hitl_webhooks_failed",
                "Webhooks that nobody could act on, and that are not tried again.",
                tally.failed_webhooks,
            ),
        ):
            yield GaugeMetricFamily(name, what + STORED, value=value)


class _Plain(Collector):
    """Counters without the times at which they were made: Prometheus would keep those as series of their own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [each for each in family.samples if not each.name.endswith("_created")]
            yield family
