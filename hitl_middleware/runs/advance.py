"""``advance(run)``: compare where a run stands with what is stored, and close the difference.

May be called at any time, any number of times, by anyone: the run's lease makes one of them work and the others leave.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import structlog

from hitl_middleware.desk import ReviewDesk
from hitl_middleware.display import log_facts
from hitl_middleware.errors import AnswerRefused, DatabaseUnreachable, GraphFailed, LeaseLost, OutOfReach
from hitl_middleware.failpoints import failpoint
from hitl_middleware.leases import Holdings
from hitl_middleware.ports import Dispatcher, GraphRuns, Store
from hitl_middleware.records import Lease, PendingInterrupt, ReviewRequest, Run, Snapshot
from hitl_middleware.review import is_final
from hitl_middleware.runs.standing import refused, waiting
from hitl_middleware.work import Work, unit

log = structlog.get_logger("hitl.runs")

TRANSIENT = frozenset({"OperationalError", "InterfaceError", "PoolTimeout"})
"""Errors of a saver whose database is under load or restarting; the run is left as it is and looked at again. Anything else ends it."""

MAX_TRANSIENT = 20

NO_THREAD = (
    "Its thread has no checkpoint any more, so there is nothing to go on from. Was its saver one in memory?"
)

MOST_STEPS = 100
"""Looks at one run before others get their turn; the sweep comes back to it. One that moves stops a handful of times in between."""


class Advancer:
    """Drives runs on."""

    def __init__(
        self, store: Store, desk: ReviewDesk, runs: GraphRuns, holdings: Holdings, dispatcher: Dispatcher
    ) -> None:
        self._store = store
        self._desk = desk
        self._runs = runs
        self._holdings = holdings
        self._dispatcher = dispatcher
        self._stumbles: dict[str, int] = {}

    async def advance(self, run_id: str) -> None:
        """Bring one run as far as it goes: to its next question, or to its end."""
        failpoint("lease.before")
        lease = await self._take(run_id)
        if lease is None:
            return
        self._holdings.hold_lease(lease)
        failpoint("lease.after")
        try:
            for _ in range(MOST_STEPS):
                if not await self._step(lease):
                    break
            else:
                log.error("run does not come to rest", run=run_id, steps=MOST_STEPS)
        except LeaseLost:
            log.warning("run taken over", run=run_id)
        except OutOfReach as away:  # it stays due, and whoever drives says once that it is away
            log.debug("run left as it is", run=run_id, why=str(away))
        finally:
            self._holdings.drop_lease(lease)
            async with self._store.begin() as uow:
                await uow.release_lease(lease)

    async def _take(self, run_id: str) -> Lease | None:
        async with unit(self._store, self._dispatcher) as work:
            run = await work.uow.run(run_id, lock=True)
            if run is None or is_final("run", run.status) or run.graph not in self._runs.graphs():
                return None
            if run.status == "queued":
                waiting = await work.uow.queued_runs(run.thread_id)
                if await work.uow.active_run(run.thread_id) is not None or waiting[0].id != run.id:
                    return None
            lease = await work.uow.acquire_lease(run_id, self._holdings.owner, self._holdings.seconds)
            if lease is not None and run.status == "queued":
                if not await work.uow.set_run(run_id, "running"):  # the thread was taken in this very moment
                    await work.uow.release_lease(lease)
                    return None
                await work.audit("run.started", "hitl", run=run)
            return lease

    async def _step(self, lease: Lease) -> bool:
        """Look once and do one thing; whether to look again."""
        async with self._store.read() as uow:
            run = await uow.run(lease.run_id)
        if run is None or is_final("run", run.status):
            return False
        if run.fence != lease.fence or not self._holdings.holds(lease):
            raise LeaseLost(run=run.id)
        snapshot = await self._runs.look(run)
        ours = run.driver == "hitl"
        if not snapshot.started:
            return await self._begin(run, lease) if ours else await self._rest(run, run.status)
        if snapshot.finished:
            return await self._close(run, "succeeded")
        if stuck := refused(snapshot):
            return await self._unwedge(run, lease, snapshot, stuck)
        snapshot = waiting(snapshot)
        if snapshot.interrupts or snapshot.breakpoint:
            return await self._answer(run, lease, snapshot)
        # Work is left and nobody is asked: the process that drove it died. Our lease says it is not merely slow.
        return await (
            self._drive(run, partial(self._runs.carry_on, run, lease)) if ours else self._left(run, snapshot)
        )

    async def _begin(self, run: Run, lease: Lease) -> bool:
        if run.status == "suspended":
            # It had begun: what it did would be done again from its input on, and nobody has asked for that.
            return await self._close(run, "failed", NO_THREAD)
        return await self._drive(run, partial(self._runs.start, run, lease))

    async def _left(self, run: Run, snapshot: Snapshot) -> bool:
        """The user's own process stopped in the middle: with an error that it was told, or because it died. It may come again."""
        if run.error is not None:
            return await self._close(run, "failed", run.error)
        await self._desk.open(
            run.id, snapshot, fence=run.fence
        )  # questions it went on without are taken back
        return await self._rest(run, run.status)

    async def _answer(self, run: Run, lease: Lease, snapshot: Snapshot) -> bool:
        await self._desk.open(run.id, snapshot, fence=run.fence)
        decided = await self._desk.answers(run, snapshot)
        answers = decided.values
        if not answers and decided.taken_back is not None:
            return await self._close(run, "cancelled", decided.taken_back)
        if not answers:
            return await self._rest(run, "suspended")
        if snapshot.breakpoint is not None and not snapshot.interrupts:
            (said,) = answers.values()
            _tell_resumed(run, decided.requests)
            if said["type"] == "reject":
                return await self._close(run, "cancelled", said.get("message") or "Cancelled at a breakpoint")
            return await self._drive(run, partial(self._runs.carry_on, run, lease))
        _tell_resumed(run, decided.requests)
        return await self._drive(run, partial(self._runs.resume, run, lease, answers), answers)

    async def _unwedge(
        self, run: Run, lease: Lease, snapshot: Snapshot, stuck: Sequence[PendingInterrupt]
    ) -> bool:
        """Somebody resumed with what is no answer, and LangGraph would give it again for ever: take it back and ask again.

        Where people have decided something else meanwhile, they are not asked again: that is the answer.
        """
        decided, error, anew = (await self._desk.answers(run, snapshot)).values, "", []
        for item in stuck:
            assert item.raised is not None  # noqa: S101 – that is what makes it stuck
            error = item.raised.error
            if decided.get(item.id, item.raised.answer) == item.raised.answer:
                anew.append(item.id)
            if not await self._runs.take_anew(run, lease, item.id):
                why = f"An answer that is none was given ({error}), and it cannot be taken back"
                return await self._close(run, "failed", why)
            log.warning("run unwedged", run=run.id, thread=run.thread_id, graph=run.graph, interrupt=item.id)
        async with self._unit(run) as work:
            await work.audit("run.unwedged", "hitl", run=run, interrupts=len(stuck))
        if not await self._drive(run, partial(self._runs.carry_on, run, lease)):
            return False
        note = f"Asked again: the graph could not live with the answer it was given ({error})"
        now = await self._runs.look(run)
        await self._desk.open(run.id, now, fence=run.fence, anew=dict.fromkeys(anew, note))
        return True

    async def _ask_again(self, run: Run, answers: Collection[str], refusal: AnswerRefused) -> bool:
        """The graph says that an answer is none and goes on asking: ask people again, and say why.

        What was answered beside it and still stands may have been carried out (LangChain's warning on its per-call mode): it is asked again
        as well, rather than answered twice.
        """
        snapshot = await self._runs.look(run)
        beside = (
            "Asked again: an answer given at the same time was refused. This one may have been carried out"
        )
        anew = {
            item.id: str(refusal) if item.raised is not None else beside
            for item in snapshot.interrupts
            if item.id in answers
        }
        if not anew:
            return False
        log.warning("answer refused", run=run.id, thread=run.thread_id, graph=run.graph, interrupts=len(anew))
        await self._desk.open(run.id, snapshot, fence=run.fence, anew=anew)
        return True

    async def _is_wedged(self, run: Run) -> bool:
        """Whether what was just raised comes from an answer that is none. A thread that cannot even be read asks nothing."""
        try:
            snapshot = await self._runs.look(run)
        except Exception as error:
            if _is_transient(error) or isinstance(error, OutOfReach):
                raise
            return False
        return bool(refused(snapshot))

    async def _drive(
        self, run: Run, go: Callable[[], Awaitable[None]], answers: Collection[str] = ()
    ) -> bool:
        failpoint("resume.before")
        async with self._unit(run) as work:
            if run.status != "running" or run.driver != "hitl":
                # From here on a crash is ours to heal, also where the user's own process began the run.
                await work.uow.set_run(run.id, "running", driver="hitl")
                await work.audit("run.resumed", "hitl", run=run)
        try:
            await go()
        except (LeaseLost, OutOfReach):
            raise
        except AnswerRefused as refusal:
            if not await self._ask_again(run, answers, refusal):
                return await self._close(run, "failed", str(refusal))
        except Exception as error:  # noqa: BLE001 – whatever a graph raises ends its run, visibly
            stumbles = self._stumbles[run.id] = self._stumbles.get(run.id, 0) + 1
            if _is_transient(error) and stumbles <= MAX_TRANSIENT:
                log.warning("run stumbled", run=run.id, error=type(error).__name__, times=stumbles)
                return False
            if await self._is_wedged(run):
                return True
            words = str(error) if isinstance(error, GraphFailed) else f"{type(error).__name__}: {error}"
            log.warning("run failed", run=run.id, graph=run.graph, error=words.partition(":")[0])
            return await self._close(run, "failed", words[:2_000])
        self._stumbles.pop(run.id, None)
        failpoint("resume.after")
        return True

    @asynccontextmanager
    async def _unit(self, run: Run) -> AsyncIterator[Work]:
        """A unit of work on a run that is still ours; what a process knew before it slept must not be written over what came after.

        Raises ``LeaseLost``.
        """
        async with unit(self._store, self._dispatcher) as work:
            current = await work.uow.run(run.id, lock=True)
            if current is None or current.fence != run.fence:
                raise LeaseLost(run=run.id)
            yield work

    async def _rest(self, run: Run, status: Any) -> bool:
        """Nothing more to do until something changes; what changed after we looked is looked at again."""
        async with self._unit(run) as work:
            if run.status != status:
                await work.uow.set_run(run.id, status)
                await work.audit(f"run.{status}", "hitl", run=run)
            await work.uow.seen_run(run.id, run.wanted)
        return False

    async def _close(self, run: Run, status: Any, error: str | None = None) -> bool:
        over = Snapshot(started=True, finished=True)
        await self._desk.open(run.id, over, fence=run.fence)  # whatever still waits was overtaken
        async with self._unit(run) as work:
            await work.uow.set_run(run.id, status, error=error)
            await work.uow.seen_run(run.id, run.wanted)
            # A run that was suspended when it was last taken up fails by what people answered, or behind it.
            await work.audit(f"run.{status}", "hitl", run=run, was=run.status)
            for waiting in (await work.uow.queued_runs(run.thread_id))[:1]:
                await work.want(waiting.id)
        return False


def _tell_resumed(run: Run, requests: Sequence[ReviewRequest]) -> None:
    """One line of the log for each decision that the run goes on with; one where it is a policy's."""
    about: dict[str, object] = {"run": run.id, "thread": run.thread_id, "graph": run.graph}
    for request in requests:
        decision = request.decision.type if request.decision is not None else None
        facts = {"request": request.id, "step": request.step, "tool": request.tool, "decision": decision}
        log.info("run resumed", **log_facts(run.labels, **about, **facts, by=request.decided_by))
    if not requests:
        log.info("run resumed", **log_facts(run.labels, **about))


def _is_transient(error: Exception) -> bool:
    """Whether our database or the saver's was away. A node's trouble with its own database is the graph's: it is not repeated for that."""
    # A driver has errors below these: PostgreSQL that is being shut down, for one.
    away = any(kind.__name__ in TRANSIENT for kind in type(error).__mro__)
    in_a_node = any("During task with name" in note for note in getattr(error, "__notes__", ()))
    return isinstance(error, DatabaseUnreachable) or (away and not in_a_node)
