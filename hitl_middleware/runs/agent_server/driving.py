"""``AgentServerRuns``: GraphRuns over one Agent Server."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from hitl_middleware.gate.calls import LEASE_KEY
from hitl_middleware.ids import new_id
from hitl_middleware.records import Lease, Run, Snapshot
from hitl_middleware.runs.agent_server import leftovers, reading
from hitl_middleware.runs.agent_server.asking import (
    BREAK_SECONDS,
    AgentServer,
    AgentServerUnreachable,
    InTheWay,
)
from hitl_middleware.runs.agent_server.history import AgentServerReader
from hitl_middleware.runs.local import RUN_KEY


class AgentServerRuns:
    """Drives the graphs that live on ``server``. ``names``: which ones, as its manifest calls them."""

    def __init__(self, server: AgentServer, names: Collection[str]) -> None:
        self.server = server
        self._names = tuple(names)

    def graphs(self) -> Collection[str]:
        """Names of the graphs that live there, as configured: asking the server would make every start depend on it."""
        return self._names

    @property
    def reader(self) -> AgentServerReader:
        """Reads the same graphs."""
        return AgentServerReader(self.server, self._names)

    async def close(self) -> None:
        """Close the connections."""
        await self.server.close()

    async def look(self, run: Run) -> Snapshot:
        """Where the run's thread stands. Raises ``OutOfReach``, as every method here."""
        thread = reading.thread_of(run.thread_id)
        state = await self.server.state(run.graph, thread)
        if not reading.needs_runs(run, state):
            return reading.snapshot(run, state, ())
        runs = await self.server.runs(run.graph, thread, told=reading.has_failed(state))
        return reading.snapshot(run, state, runs)

    async def start(self, run: Run, lease: Lease) -> None:
        """Run with the run's input, once the thread is there and in order."""
        thread = reading.thread_of(run.thread_id)
        await self.server.make_thread(run.graph, thread, {"hitl_thread": run.thread_id})
        if await self._waited(run, thread):
            return
        await leftovers.settle(self.server, run.graph, thread)
        await self._drive(run, lease, {}, input=run.input)

    async def resume(self, run: Run, lease: Lease, answers: Mapping[str, Any]) -> None:
        """Resume by interrupt id."""
        await self._drive(run, lease, answers, command={"resume": dict(answers)})

    async def carry_on(self, run: Run, lease: Lease) -> None:
        """Continue from the last checkpoint; what is under way already is waited for and not begun again."""
        await self._drive(run, lease, {}, input=None)

    async def take_anew(self, run: Run, lease: Lease, interrupt_id: str) -> bool:  # noqa: ARG002 – no claim is near
        """Plan the step once more, without the answer that it was given. It then asks under a new id.

        The server lets nobody take back a single answer, as ``stuck`` does here. So only where the step stands alone and its graph is the
        root: beside others, what they have done would be done again.
        """
        thread = reading.thread_of(run.thread_id)
        state = await self.server.state(run.graph, thread)
        if (step := reading.alone(state, interrupt_id)) is None or (before := reading.before(state)) is None:
            return False
        planned_by = reading.only_step(await self.server.state(run.graph, thread, before))
        if planned_by is None:
            return False
        await self.server.update(run.graph, thread, None, planned_by)
        return reading.asks_nothing(await self.server.state(run.graph, thread), step)

    async def _drive(self, run: Run, lease: Lease, answers: Mapping[str, Any], **what: Any) -> None:
        """Have the server go on, and wait until it has stopped again. Where something runs already, that is waited for and no more."""
        thread, call = reading.thread_of(run.thread_id), new_id()
        try:
            made = await self.server.run(
                run.graph,
                thread,
                config={"configurable": {LEASE_KEY: reading.handed(run, lease)}},
                metadata={RUN_KEY: run.id, reading.FENCE_KEY: lease.fence, reading.CALL_KEY: call},
                durability="sync",
                **what,
            )
        except InTheWay:
            await self._waited(run, thread)
            return
        except AgentServerUnreachable:
            # The answer may have been lost, and not the call.
            await asyncio.sleep(2 * BREAK_SECONDS)
            known = await self.server.runs(run.graph, thread)
            found = next((each for each in known if reading.made_by(each, call)), None)
            if found is None:
                raise
            made = str(found["run_id"])
        status, said = await self.server.ended(run.graph, thread, made)
        if status == "success":
            return
        state = await self.server.state(run.graph, thread)
        if (error := reading.failure(run, status, said, state, answers)) is not None:
            raise error

    async def _waited(self, run: Run, thread: str) -> bool:
        """Whether something was under way on the thread; it has ended by now, and the thread is to be looked at again.

        Ours from before a crash or a lost answer, or somebody else's. Under a fence that has moved on the gate performs nothing.
        """
        busy = reading.under_way(await self.server.runs(run.graph, thread))
        if busy is None:
            return False
        await self.server.ended(run.graph, thread, str(busy["run_id"]))
        return True
