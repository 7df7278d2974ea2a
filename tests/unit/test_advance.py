from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from hitl_middleware.records import Lease, Run, Snapshot
from hitl_middleware.runs.advance import MOST_STEPS, Advancer

from tests.kit.world import World


class Restless:
    """``GraphRuns`` of a graph that always has work left and never stops at anything."""

    def __init__(self) -> None:
        self.driven = 0

    def graphs(self) -> Collection[str]:
        return ("restless",)

    async def look(self, run: Run) -> Snapshot:
        return Snapshot(started=True, finished=False)

    async def start(self, run: Run, lease: Lease) -> None: ...

    async def resume(self, run: Run, lease: Lease, answers: Mapping[str, Any]) -> None: ...

    async def take_anew(self, run: Run, lease: Lease, interrupt_id: str) -> bool:
        return False

    async def carry_on(self, run: Run, lease: Lease) -> None:
        self.driven += 1


def test_a_run_that_does_not_come_to_rest_lets_go(quick: World):
    """DESIGN §1: after so many steps others get their turn; its lease is free, and the sweep finds it due again."""
    runs = Restless()
    advancer = Advancer(quick.store, quick.desk, runs, quick.holdings, quick.dispatcher)
    run = quick.portal.call(quick.callers.start, "restless", {})

    quick.portal.call(advancer.advance, run.id)

    assert runs.driven == MOST_STEPS
    assert quick.run_now(run).lease_owner is None
    assert run.id in quick.portal.call(_due, quick)


async def _due(world: World) -> Collection[str]:
    async with world.store.read() as uow:
        return await uow.due("run", among=["restless"])
