"""Audit events in, counters out (O-02)."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry

from hitl_middleware import audit
from hitl_middleware.clock import ManualClock
from hitl_middleware.ids import new_id
from hitl_middleware.records import AuditEvent
from hitl_middleware.stores import open_store
from hitl_server import counts
from hitl_server.counts import MOST_NAMES, Counts, Trail

CLOCK = ManualClock()


def event(kind: str, via: str | None = None, **data: Any) -> AuditEvent:
    """An event of somebody's, in some run."""
    return AuditEvent(
        id=new_id(), at=CLOCK.now(), kind=kind, actor="slack:UEVE", via=via, run_id="run-4711", data=data
    )


def told(*events: AuditEvent) -> dict[tuple[str, ...], float]:
    """What is not 0 after these events: (name, label values in order) → number."""
    registry = CollectorRegistry()
    counting = Counts(registry)
    for each in events:
        counting.heard(each)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.value and not sample.name.endswith(("_created", "_bucket"))
    }


def test_a_decision() -> None:
    """O-02: by channel, and how long it was waited for, by graph and step; not who, nor of which run."""
    about = {"graph": "fix", "step": "plan-review", "decision": "approve", "waited_ms": 90_500}
    assert told(event("request.approved", "slack", **about)) == {
        ("hitl_requests_closed_total", "fix", "approved"): 1,
        ("hitl_decisions_total", "slack", "approve"): 1,
        ("hitl_approval_latency_seconds_count", "fix", "plan-review"): 1,
        ("hitl_approval_latency_seconds_sum", "fix", "plan-review"): 90.5,
    }


def test_nobody_decided() -> None:
    """An expired or superseded request is closed, and neither a decision nor a latency; an answer of the caller's own had no wait."""
    assert told(event("request.expired", graph="g"), event("request.superseded", graph="g")) == {
        ("hitl_requests_closed_total", "g", "expired"): 1,
        ("hitl_requests_closed_total", "g", "superseded"): 1,
    }
    by_itself = told(event("request.approved", "caller", graph="g", decision="approve", waited_ms=0))
    assert ("hitl_decisions_total", "caller", "approve") in by_itself
    assert not any("latency" in name for name, *_ in by_itself)


def test_runs() -> None:
    """O-02, O-04: suspensions over starts; a run that failed when it was resumed is told from one that failed before it asked."""
    runs = told(
        event("run.started", graph="g"),
        event("run.suspended", graph="g"),
        event("run.stopped", graph="g", parked=True),
        event("run.stopped", graph="g", parked=False),
        event("run.failed", graph="g", was="running"),
        event("run.failed", graph="g", was="suspended"),
    )
    assert runs == {
        ("hitl_run_changes_total", "g", "started"): 1,
        ("hitl_run_changes_total", "g", "suspended"): 2,
        ("hitl_run_changes_total", "g", "failed"): 2,
        ("hitl_resumes_failed_total", "g"): 1,
    }


def test_names_are_bounded() -> None:
    """A graph that makes up names fills no memory: those beyond the limit are counted together, and none is lost."""
    many = told(
        *(event("request.opened", graph="g", step=f"step {number}") for number in range(MOST_NAMES + 7))
    )
    assert len(many) == MOST_NAMES + 1
    assert many["hitl_requests_opened_total", "g", "other"] == 7


def test_anything_may_stand_there() -> None:
    """An event of another version, or of nothing that is counted, changes nothing and raises nothing."""
    strange = {"graph": None, "tool": 5, "step": ["x"], "waited_ms": "long", "decision": None}
    assert (
        told(event("test"), event("action.claimed"), event("run.renamed"), event("command.sung", "github"))
        == {}
    )
    assert told(event("request.approved", None, **strange))["hitl_decisions_total", "", "outcome"] == 1


async def test_the_trail_is_followed(monkeypatch) -> None:
    """From its end on, each event once, over as many scrapes as it takes; and what is not sealed yet comes later."""
    monkeypatch.setattr(counts, "BATCH", 2)
    monkeypatch.setattr(counts, "MOST_BATCHES", 2)
    store = open_store("memory://", clock=CLOCK)
    await store.prepare()

    async def happened(number: int, *, sealed: bool = True) -> None:
        async with store.begin() as uow:
            for _ in range(number):
                await uow.append(event("command.refused", "github"))
        if sealed:
            await audit.seal(store)

    registry = CollectorRegistry()
    counting, trail = Counts(registry), Trail(store)

    async def seen() -> float | None:
        await trail.follow(counting)
        labels = {"channel": "github", "outcome": "refused"}
        return registry.get_sample_value("hitl_commands_total", labels)

    await happened(3)
    await trail.begin()
    assert await seen() == 0
    await happened(5)
    assert [await seen(), await seen(), await seen()] == [4, 5, 5]
    await happened(1, sealed=False)
    assert await seen() == 5
    await audit.seal(store)
    await trail.begin()
    assert await seen() == 6
    await store.close()
