"""What Prometheus scrapes, in its text format, from three sources that the help of each metric names.

Gauges are counted in the database when asked (partial indexes: finished rows cost nothing), counters follow the audit (``counts``), and
only what never reaches the database – webhooks, most of all those that are refused – is counted in the process.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hitl_middleware.errors import (
    AlreadyDecided,
    ApprovalNotNeeded,
    DigestMismatch,
    DoesNotFit,
    HitlError,
    NotAllowed,
    NotFound,
    Refused,
)
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

WHY: Final[Mapping[type[HitlError], str]] = {
    NotAllowed: "not_allowed",
    ApprovalNotNeeded: "not_needed",
    AlreadyDecided: "already_decided",
    DigestMismatch: "changed_meanwhile",
    DoesNotFit: "does_not_fit",
    NotFound: "not_found",
}
"""Why an answer did not count."""

ANSWERS: Final = ("api", "inbox", "slack")
"""Where answers are taken whose refusals are counted here. Those to commands on GitHub are in the audit: ``hitl_commands_total``."""

UNKNOWN_CALLERS: Final = {401: "unauthorized", 429: "rate_limited"}
"""How callers without a known token are answered."""


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

        self._refused = Counter(
            "hitl_answers_refused_total",
            "Answers of people that did not count, and why: somebody else was first, may not decide, …"
            + HERE,
            ("channel", "why"),
            registry=self._registry,
        )
        self._unknown = Counter(
            "hitl_unknown_callers_total",
            "Requests that wanted a token and carried none, or one that is not known." + HERE,
            ("outcome",),
            registry=self._registry,
        )
        for channel in ANSWERS:
            for why in WHY.values():
                self._refused.labels(channel, why)
        for outcome in UNKNOWN_CALLERS.values():
            self._unknown.labels(outcome)

    @contextmanager
    def taking(self, channel: str) -> Iterator[None]:
        """While an answer is taken: counts it where it is refused, and lets the refusal through."""
        try:
            yield
        except (Refused, NotFound) as refusal:
            self._refused.labels(channel, WHY.get(type(refusal), "other")).inc()
            raise

    def not_known(self, status: int) -> None:
        """Count a caller who was not let in."""
        self._unknown.labels(UNKNOWN_CALLERS[status]).inc()

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
    """Counts the answers to signed webhooks, whichever route gives them, and callers who were not let in.

    ``public``: the guard's (method, path).
    """

    def __init__(self, app: ASGIApp, meter: Meter, public: Collection[tuple[str, str]]) -> None:
        self._app = app
        self._meter = meter
        # What may be posted without credentials checks a signature itself: /slack/events is Slack's.
        self._channels = {path: path.split("/")[1] for method, path in public if method == "POST"}
        meter.expect(self._channels.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        channel = self._channels.get(scope["path"]) if scope["method"] == "POST" else None
        status = 500

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sent)
        finally:
            if channel is not None:
                self._meter.answered(channel, status)
            elif status in UNKNOWN_CALLERS:
                self._meter.not_known(status)


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
