"""Mending what can be mended safely: nothing is decided by it, no graph is run, no tool is called.

Requests are filed and taken back by the desk, under the run's lease; everything else is made due, and a server or worker does it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from hitl_middleware.desk import ReviewDesk
from hitl_middleware.diagnosis.findings import Check, Finding
from hitl_middleware.errors import LeaseLost
from hitl_middleware.leases import Holdings
from hitl_middleware.ledger import Ledger
from hitl_middleware.ports import Dispatcher, GraphRuns, Store
from hitl_middleware.records import Lease, Mail, Run, Snapshot
from hitl_middleware.review import is_final
from hitl_middleware.runs.standing import refused, waiting
from hitl_middleware.work import unit

OVER = Snapshot(started=True, finished=True)
"""Where a run stands that has ended."""


class Healer:
    """Mends findings."""

    def __init__(
        self,
        store: Store,
        desk: ReviewDesk,
        ledger: Ledger,
        graphs: GraphRuns,
        holdings: Holdings,
        dispatcher: Dispatcher,
    ) -> None:
        self._store = store
        self._desk = desk
        self._ledger = ledger
        self._graphs = graphs
        self._holdings = holdings
        self._dispatcher = dispatcher
        self._do: Mapping[Check, Callable[[str], Awaitable[bool]]] = {
            "request missing": self._file,
            "request overtaken": self._take_back,
            "answer not taken": self._want,
            "run over": self._want,
            "run asks nothing": self._want,
            "run stuck": self._want,
            "claim dead": self._bury,
            "card given up": lambda key: self._again("card", key),
            "notice given up": lambda key: self._again("notice", key),
            "webhook given up": lambda key: self._again("delivery", key),
        }

    async def heal(self, finding: Finding) -> tuple[str, ...]:
        """Mend what the finding names; the ids of what is in order now."""
        do = self._do.get(finding.check)
        return tuple([key for key in finding.ids if await do(key)]) if do is not None else ()

    async def _file(self, run_id: str) -> bool:
        """Bring a run's requests in line with where it stands now."""
        async with self._store.read() as uow:
            run = await uow.run(run_id)
        if run is None:
            return False
        if is_final("run", run.status):
            await self._desk.open(run_id, OVER)
            return True
        async with self._store.begin() as uow:
            lease = await uow.acquire_lease(run_id, self._holdings.owner, self._holdings.seconds)
        if lease is None:
            return False  # somebody drives it, and will file what it asks
        self._holdings.hold_lease(lease)
        try:
            return await self._file_under(run, lease)
        except LeaseLost:
            return False
        finally:
            self._holdings.drop_lease(lease)
            async with unit(self._store, self._dispatcher) as work:
                await work.uow.release_lease(lease)
                await work.want(run_id)

    async def _file_under(self, run: Run, lease: Lease) -> bool:
        snapshot = await self._graphs.look(run)
        if not snapshot.started:
            return False  # another program may have its thread: what it asks is not ours to take back
        if not refused(snapshot):  # else the sweep takes the step anew and asks again
            await self._desk.open(run.id, waiting(snapshot), fence=lease.fence)
        return True

    async def _take_back(self, request_id: str) -> bool:
        async with self._store.read() as uow:
            request = await uow.request(request_id)
        if request is None or request.status != "pending":
            return True
        if not await self._file(request.run_id):
            return False
        async with self._store.read() as uow:
            after = await uow.request(request_id)
        return after is None or after.status != "pending"

    async def _want(self, run_id: str) -> bool:
        async with unit(self._store, self._dispatcher) as work:
            await work.want(run_id)
        return True

    async def _bury(self, action_id: str) -> bool:
        await self._ledger.bury()
        async with self._store.read() as uow:
            action = await uow.action(action_id)
        return action is None or action.status != "executing"

    async def _again(self, topic: Mail, key: str) -> bool:
        async with unit(self._store, self._dispatcher) as work:
            if (channel := await work.uow.deliver_again(topic, key)) is not None:
                work.wake(topic, key, channel)
        return True
