from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from hitl_middleware.actions import Decision
from hitl_middleware.records import Lease, Run, Snapshot
from hitl_middleware.runs.advance import MOST_STEPS, Advancer
from hitl_middleware.work import unit

from tests.kit.effects import Effects
from tests.kit.flows import planning, served
from tests.kit.world import ANN, World


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


class Clicked:
    """``LocalRuns`` in which somebody decides while a parked run is being looked at."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.looks = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._world.graphs, name)

    async def look(self, run: Run) -> Snapshot:
        found = await self._world.graphs.look(run)
        self.looks += 1
        if self.looks == 1:
            (request,) = (await self._world.views.requests(status="pending"))[0].items
            await self._world.submit(request.id, Decision(type="approve"), identity=ANN, via="test")
        return found


def test_a_click_while_it_is_looked_at_is_not_left_to_a_later_look(world: World, effects: Effects):
    """O-09: a job for it would wait behind this one: the one look that is under way takes it along."""
    served(world, planning(effects))
    (run,) = world.runs()
    runs = Clicked(world)
    world.portal.call(
        Advancer(world.store, world.desk, runs, world.holdings, world.dispatcher).advance, run.id
    )

    assert world.run_now(run).status == "succeeded"
    assert len(effects.done) == 1


def test_what_came_while_it_was_looked_at_is_looked_at_at_once(world: World, effects: Effects):
    """O-09: also where it is no decision of this stop's; and then the run is at rest, and nothing is due."""
    served(world, planning(effects))
    (run,) = world.runs()
    runs = Wanted(world)
    world.portal.call(
        Advancer(world.store, world.desk, runs, world.holdings, world.dispatcher).advance, run.id
    )

    now = world.run_now(run)
    assert runs.looks == 2
    assert (now.status, now.wanted, now.lease_owner) == ("suspended", now.seen, None)


class Wanted(Clicked):
    """The same, but somebody only asks that the run be looked at."""

    async def look(self, run: Run) -> Snapshot:
        self.looks += 1
        if self.looks == 1:
            async with unit(self._world.store, self._world.dispatcher) as work:
                await work.want(run.id)
        return await self._world.graphs.look(run)
