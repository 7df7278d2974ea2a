"""What is counted, in Prometheus' text format. Pure: numbers in, text out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from hitl_middleware.records import Tally

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


class _Counted(Collector):
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
            yield GaugeMetricFamily(name, what, value=value)


def exposition(tally: Tally) -> bytes:
    """The text that is scraped."""
    registry = CollectorRegistry()
    registry.register(_Counted(tally))
    return generate_latest(registry)
