"""Runs that begin: asked for through us, or begun by the user's own process on an attached graph."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from typing import Any

from hitl_middleware.desk import ReviewDesk
from hitl_middleware.errors import DoesNotFit, ThreadBusy
from hitl_middleware.ids import new_id
from hitl_middleware.leases import Holdings
from hitl_middleware.ports import Clock, Dispatcher, Store
from hitl_middleware.records import Lease, OnNewInput, Run, Snapshot
from hitl_middleware.review import is_final
from hitl_middleware.work import Work, unit

LEFT = "Its caller stopped in the middle"
"""How the error of a run begins that nobody listens to any more. It is none where the run turns out to stand at a question."""

PATIENCE = 3
"""How many leases a caller waits for a thread that somebody else runs before it is told so."""

MOST_IN_LINE = min(32, (os.cpu_count() or 1) + 4) // 2
"""How many callers on event loops wait in one process for threads that its own callers run.

Each has a thread of its loop's executor until then, and those that run need some of these to come to their end: asyncio makes so many,
halved (``concurrent.futures.ThreadPoolExecutor``).
"""


class Callers:
    """Begins runs."""

    def __init__(
        self, store: Store, clock: Clock, desk: ReviewDesk, holdings: Holdings, dispatcher: Dispatcher
    ) -> None:
        self._store = store
        self._clock = clock
        self._desk = desk
        self._holdings = holdings
        self._dispatcher = dispatcher
        self._in_line: set[object] = set()

    # runs we drive ---------------------------------------------------------------------------------------------------

    async def start(  # noqa: PLR0913 – each is one word of the API
        self,
        graph: str,
        given: Any,
        *,
        thread_id: str | None = None,
        run_id: str | None = None,
        requester: str | None = None,
        started_by: str | None = None,
        on_new_input: OnNewInput = "enqueue",
        labels: Mapping[str, str] | None = None,
        note: str = "New input arrived and waits for this run to end",
    ) -> Run:
        """Store a new run; ``advance`` begins it. With a ``run_id`` that exists: that run (a delivery may be processed twice).

        A thread that is running or suspended: the new run waits for its end (``enqueue``), or its open questions are taken back so that
        it ends (``supersede``; at somebody else's question, which has no word for that, it is cancelled), or ``ThreadBusy`` (``refuse``;
        also where two first runs of a thread race: the loser may try again).
        ``given`` is JSON; ``DoesNotFit`` otherwise.
        """
        try:
            json.dumps(given)
        except (TypeError, ValueError, RecursionError) as error:
            raise DoesNotFit(field="input", why=f"a run's input must be JSON. {error}") from None
        async with unit(self._store, self._dispatcher) as work:
            known = await work.uow.run(run_id) if run_id is not None else None
            if known is not None:
                return known
            active, busy = None, False
            if thread_id is not None:
                active = await work.uow.active_run(thread_id, lock=True)
                busy = active is not None or bool(await work.uow.queued_runs(thread_id))
            run_id = run_id or new_id()
            thread_id = thread_id or run_id
            if busy and on_new_input == "refuse":
                raise ThreadBusy(thread_id=thread_id, owner=f"run {active.id}" if active else "a queued run")
            run = Run(
                id=run_id,
                thread_id=thread_id,
                graph=graph,
                status="queued" if busy else "running",
                driver="hitl",
                created_at=work.now,
                updated_at=work.now,
                input=given,
                requester=requester,
                started_by=started_by,
                on_new_input=on_new_input,
                labels=dict(labels or {}),
                note=note if busy else None,
            )
            if not await work.uow.add_run(run):
                raise ThreadBusy(thread_id=thread_id, owner="another run")
            await work.audit(
                "run.queued" if busy else "run.started",
                requester or started_by or "hitl",
                run=run,
                on_new_input=on_new_input,
            )
            work.wake("run", run.id, run.graph)
            if active is not None and on_new_input == "supersede":
                await self._desk.take_back(work, active.id, note)
            elif active is not None:
                await self._desk.add_note(work, active.id, note)
        return run

    # runs of the user's own process ----------------------------------------------------------------------------------

    async def begin(self, graph: str, thread_id: str, *, on_loop: bool = False) -> Lease:
        """The user's process begins to run a thread: its lease, waited for where somebody else has it.

        ``on_loop``: for a task of an event loop. Raises ``ThreadBusy`` after ``PATIENCE`` leases: a live holder never lets go, a dead one
        does after one. At once where so many wait already that whoever runs the thread could not come to its end.
        """
        patience = self._clock.monotonic() + PATIENCE * self._holdings.seconds
        me = object()
        try:
            while True:
                async with unit(self._store, self._dispatcher) as work:
                    run = await work.uow.active_run(thread_id, lock=True)
                    if run is None:
                        run = Run(
                            id=new_id(),
                            thread_id=thread_id,
                            graph=graph,
                            status="running",
                            driver="caller",
                            started_by="caller",
                            created_at=work.now,
                            updated_at=work.now,
                        )
                        if await work.uow.add_run(run):
                            await work.audit("run.started", "caller", run=run)
                    lease = await work.uow.acquire_lease(run.id, self._holdings.owner, self._holdings.seconds)
                    if lease is not None:
                        await work.uow.set_run(run.id, "running", driver="caller")
                        if run.status != "running":
                            await work.audit("run.resumed", "caller", run=run)
                        # Should this process die, or the database be away when the run parks: the sweep looks as soon as the lease is free.
                        await work.uow.want_run(run.id)
                        break
                if self._clock.monotonic() >= patience:
                    raise ThreadBusy(thread_id=thread_id, owner=run.lease_owner)
                if on_loop and self._holdings.lease_on(thread_id) is not None:
                    self._line_up(me, thread_id)
                await asyncio.sleep(min(0.05, self._holdings.seconds / 10))
        finally:
            self._in_line.discard(me)
        self._holdings.hold_lease(lease, thread_id)
        return lease

    def _line_up(self, who: object, thread_id: str) -> None:
        if who not in self._in_line and len(self._in_line) >= MOST_IN_LINE:
            words = f"Thread {thread_id!r} is being run here, and as many callers as can wait do so already. Call one after the other."
            raise ThreadBusy(words, thread_id=thread_id, owner=self._holdings.owner)
        self._in_line.add(who)

    async def file(self, run_id: str, snapshot: Snapshot) -> None:
        """The run has parked: store its questions."""
        await self._desk.open(run_id, snapshot, complete=False)

    async def end(self, lease: Lease, *, parked: bool, error: BaseException | None) -> None:
        """The user's process has stopped running the thread."""
        self._holdings.drop_lease(lease)
        async with unit(self._store, self._dispatcher) as work:
            run = await work.uow.run(lease.run_id, lock=True)
            if run is not None and not is_final("run", run.status) and run.fence == lease.fence:
                words = None if error is None else _words(error)
                if parked:
                    await work.uow.set_run(run.id, "suspended")
                elif words is None:
                    await self._desk.take_back(work, run.id, "The run moved on without this answer")
                    await work.uow.set_run(run.id, "succeeded")
                elif _left(error) or await _unfinished(work, run):
                    # advance looks where it really stands
                    await work.uow.set_run(run.id, "suspended", error=words)
                else:
                    await work.uow.set_run(run.id, "failed", error=words)
                await work.audit("run.stopped", "caller", run=run, parked=parked)
                await work.want(run.id)
            await work.uow.release_lease(lease)


def _left(error: BaseException | None) -> bool:
    """Whether nobody listens any more, rather than that something went wrong: a stream not read to its end, a call that was cancelled.

    Whoever streams stops at the question as a rule, and LangGraph says that the run has parked only behind that.
    """
    return not isinstance(error, Exception)


def _words(error: BaseException) -> str:
    name = type(error).__name__
    return f"{LEFT} ({name})" if _left(error) else f"{name}: {error}"[:2_000]


async def _unfinished(work: Work, run: Run) -> bool:
    """Whether people were asked, or have answered, and it has not come to an end."""
    requests = await work.uow.requests_of_run(run.id)
    actions = await work.uow.actions_of_run(run.id)
    return any(r.status == "pending" for r in requests) or not all(
        is_final("action", a.status) for a in actions
    )
