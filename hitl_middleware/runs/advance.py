"""``advance(run)``: compare where a run stands with what is stored, and close the difference.

May be called at any time, any number of times, by anyone: the run's lease makes one of them work and the others leave.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from hitl_middleware.desk import ReviewDesk
from hitl_middleware.errors import AnswerRefused, DatabaseUnreachable, GraphFailed, LeaseLost, OutOfReach
from hitl_middleware.failpoints import failpoint
from hitl_middleware.leases import Holdings
from hitl_middleware.logged import log_facts
from hitl_middleware.ports import Dispatcher, GraphRuns, Store
from hitl_middleware.records import Lease, PendingInterrupt, ReviewRequest, Run, Snapshot
from hitl_middleware.review import is_final
from hitl_middleware.runs.callers import LEFT
from hitl_middleware.runs.standing import refused, waiting
from hitl_middleware.work import Work, unit

log = structlog.get_logger("hitl.runs")

TRANSIENT = frozenset({"OperationalError", "InterfaceError", "PoolTimeout"})
"""Errors of a saver whose database is under load or restarting; the run is left as it is and looked at again. Anything else ends it."""

MAX_TRANSIENT = 20

NO_THREAD = (
    "Its thread has no checkpoint any more, so there is nothing to go on from. Was its saver one in memory?"
)

MOMENT = 0.05
"""Seconds within which answers to several questions of one run are taken together …"""

MOST_MOMENTS = 20
"""… and how often: who has answered does not wait for ever for whoever still does."""

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
        taken = await self._take(run_id)
        if taken is None:
            return
        run, lease = taken
        self._holdings.hold_lease(lease)
        failpoint("lease.after")
        try:
            if run.is_untouched:
                if (moved := await self._begin(run, lease)) is None:
                    return
                run = moved
            for _ in range(MOST_STEPS):
                if (moved := await self._step(run, lease)) is None:
                    break
                run = moved
            else:
                log.error("run does not come to rest", run=run_id, steps=MOST_STEPS)
        except LeaseLost:
            log.warning("run taken over", run=run_id)
        except OutOfReach as away:  # it stays due, and whoever drives says once that it is away
            log.debug("run left as it is", run=run_id, why=str(away))
        finally:
            if self._holdings.holds(lease):
                self._holdings.drop_lease(lease)
                async with self._store.begin() as uow:
                    await uow.release_lease(lease)

    async def _take(self, run_id: str) -> tuple[Run, Lease] | None:
        """The run, and its lease, where there is something for us to do and nobody else is at it."""
        async with unit(self._store, self._dispatcher) as work:
            run = await work.uow.run(run_id, lock=True)
            if run is None or is_final("run", run.status) or run.graph not in self._runs.graphs():
                return None
            if run.status == "queued":
                waiting = await work.uow.queued_runs(run.thread_id)
                if await work.uow.active_run(run.thread_id) is not None or waiting[0].id != run.id:
                    return None
            lease = await work.uow.acquire_lease(run_id, self._holdings.owner, self._holdings.seconds)
            if lease is None:
                return None
            if run.status == "queued":
                if not await work.uow.set_run(run_id, "running"):  # the thread was taken in this very moment
                    await work.uow.release_lease(lease)
                    return None
                await work.audit("run.started", "hitl", run=run)
                run = replace(run, status="running")
            return replace(run, fence=lease.fence), lease

    async def _step(self, run: Run, lease: Lease) -> Run | None:
        """Look once and do one thing; the run as it is then, if it is to be looked at again.

        ``run`` is as it was read before, also what it knows of ``wanted``: what came since is looked at by whoever is woken for it.
        """
        if not self._holdings.holds(lease):
            raise LeaseLost(run=run.id)
        snapshot = await self._runs.look(run)
        ours = run.driver == "hitl"
        if not snapshot.started:
            return await self._begin(run, lease) if ours else await self._rest(run, lease, run.status)
        if snapshot.finished:
            return await self._close(run, lease, "succeeded")
        if stuck := refused(snapshot):
            return await self._unwedge(run, lease, snapshot, stuck)
        snapshot = waiting(snapshot)
        if snapshot.interrupts or snapshot.breakpoint:
            await self._gather(run, snapshot)
            return await self._answer(run, lease, snapshot)
        # Work is left and nobody is asked: the process that drove it died. Our lease says it is not merely slow.
        if not ours:
            return await self._left(run, lease, snapshot)
        return await self._driven(run, lease, partial(self._runs.carry_on, run, lease))

    async def _begin(self, run: Run, lease: Lease) -> Run | None:
        if run.status == "suspended":
            # It had begun: what it did would be done again from its input on, and nobody has asked for that.
            return await self._close(run, lease, "failed", NO_THREAD)
        return await self._driven(run, lease, partial(self._runs.start, run, lease))

    async def _left(self, run: Run, lease: Lease, snapshot: Snapshot) -> Run | None:
        """The user's own process stopped in the middle: with an error that it was told, or because it died. It may come again."""
        if run.error is not None:
            return await self._close(run, lease, "failed", run.error)
        # Questions it went on without are taken back.
        await self._desk.open(run.id, snapshot, fence=run.fence)
        return await self._rest(run, lease, run.status)

    async def _gather(self, run: Run, snapshot: Snapshot) -> None:
        """Where a part of several questions is answered, wait until for a moment nobody has answered another.

        Each resume runs all calls again up to their questions, also those that stay open: 16 resumes of 16 calls are 136 runs of a call.
        """
        asked = len(snapshot.interrupts)
        before = 0
        for _ in range(MOST_MOMENTS if asked > 1 else 0):
            answered = len((await self._desk.answers(run, snapshot)).values)
            if answered in {before, asked}:
                return
            before = answered
            await asyncio.sleep(MOMENT)

    async def _answer(self, run: Run, lease: Lease, snapshot: Snapshot) -> Run | None:
        """File what it asks and go on with what is decided, or rest: all that is written of that is written at once."""
        failpoint("open.before")
        async with self._unit(run) as (work, current):
            decided = await self._desk.bring(work, current, snapshot)
            answers = decided.values
            over = _said_no(snapshot, answers) if answers else decided.taken_back
            overtaken = current.wanted > run.wanted and not answers and over is None
            if over is None and answers:
                await self._take_up(work, run)
            elif over is None and not overtaken:
                await self._pause(work, run, lease, "suspended")
        failpoint("open.after")
        if overtaken:  # looked at again here: a job for it would wait behind this one
            return replace(run, wanted=current.wanted)
        if answers:
            _tell_resumed(current, decided.requests)
        if over is not None:
            return await self._close(run, lease, "cancelled", over)
        if not answers:
            return self._let_go(lease)
        if snapshot.interrupts:
            return await self._drive(run, lease, partial(self._runs.resume, run, lease, answers), answers)
        return await self._drive(run, lease, partial(self._runs.carry_on, run, lease))

    async def _unwedge(
        self, run: Run, lease: Lease, snapshot: Snapshot, stuck: Sequence[PendingInterrupt]
    ) -> Run | None:
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
                return await self._close(run, lease, "failed", why)
            log.warning("run unwedged", run=run.id, thread=run.thread_id, graph=run.graph, interrupt=item.id)
        async with self._unit(run) as (work, _):
            await work.audit("run.unwedged", "hitl", run=run, interrupts=len(stuck))
            await self._take_up(work, run)
        moved = await self._drive(run, lease, partial(self._runs.carry_on, run, lease))
        if moved is None:
            return None
        note = f"Asked again: the graph could not live with the answer it was given ({error})"
        now = await self._runs.look(run)
        await self._desk.open(run.id, now, fence=run.fence, anew=dict.fromkeys(anew, note))
        return moved

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

    async def _driven(self, run: Run, lease: Lease, go: Callable[[], Awaitable[None]]) -> Run | None:
        if run.status != "running" or run.driver != "hitl":
            async with self._unit(run) as (work, _):
                await self._take_up(work, run)
        return await self._drive(run, lease, go)

    async def _drive(
        self, run: Run, lease: Lease, go: Callable[[], Awaitable[None]], answers: Collection[str] = ()
    ) -> Run | None:
        """Let the graph go on; the run is entered as ours and running already."""
        failpoint("resume.before")
        going = replace(run, status="running", driver="hitl")
        try:
            await go()
        except (LeaseLost, OutOfReach):
            raise
        except AnswerRefused as refusal:
            if not await self._ask_again(run, answers, refusal):
                return await self._close(run, lease, "failed", str(refusal))
        except Exception as error:  # noqa: BLE001 – whatever a graph raises ends its run, visibly
            stumbles = self._stumbles[run.id] = self._stumbles.get(run.id, 0) + 1
            if _is_transient(error) and stumbles <= MAX_TRANSIENT:
                log.warning("run stumbled", run=run.id, error=type(error).__name__, times=stumbles)
                return None
            if await self._is_wedged(run):
                return going
            words = str(error) if isinstance(error, GraphFailed) else f"{type(error).__name__}: {error}"
            log.warning("run failed", run=run.id, graph=run.graph, error=words.partition(":")[0])
            return await self._close(run, lease, "failed", words[:2_000])
        self._stumbles.pop(run.id, None)
        failpoint("resume.after")
        return going

    @asynccontextmanager
    async def _unit(self, run: Run) -> AsyncIterator[tuple[Work, Run]]:
        """A unit of work on a run that is still ours, and the run as it stands under the lock.

        What a process knew before it slept must not be written over what came after. Raises ``LeaseLost``.
        """
        async with unit(self._store, self._dispatcher) as work:
            current = await work.uow.run(run.id, lock=True)
            if current is None or current.fence != run.fence:
                raise LeaseLost(run=run.id)
            yield work, current

    async def _take_up(self, work: Work, run: Run) -> None:
        """From here on a crash is ours to heal, also where the user's own process began the run."""
        if run.status != "running" or run.driver != "hitl":
            await work.uow.set_run(run.id, "running", driver="hitl")
            await work.audit("run.resumed", "hitl", run=run)

    async def _rest(self, run: Run, lease: Lease, status: Any) -> Run | None:
        """Nothing more to do until something changes; what changed after we looked is looked at again."""
        async with self._unit(run) as (work, _):
            await self._pause(work, run, lease, status)
        return self._let_go(lease)

    async def _pause(self, work: Work, run: Run, lease: Lease, status: Any) -> None:
        error = run.error if run.status == status and not (run.error or "").startswith(LEFT) else None
        await work.uow.leave_run(lease, status, seen=run.wanted, error=error)
        if run.status != status:
            await work.audit(f"run.{status}", "hitl", run=run)

    async def _close(self, run: Run, lease: Lease, status: Any, error: str | None = None) -> Run | None:
        async with self._unit(run) as (work, current):
            for following in (await work.uow.queued_runs(run.thread_id))[:1]:
                await work.want(following.id)  # runs are locked before requests
            # Whatever still waits was overtaken.
            await self._desk.bring(work, current, Snapshot(started=True, finished=True))
            await work.uow.leave_run(lease, status, seen=run.wanted, error=error)
            # A run that was suspended when it was last taken up fails by what people answered, or behind it.
            await work.audit(f"run.{status}", "hitl", run=run, was=run.status)
        return self._let_go(lease)

    def _let_go(self, lease: Lease) -> Run | None:
        """There is nothing more to look at: the lease was given back with what was written last."""
        self._holdings.drop_lease(lease)
        return None


def _said_no(snapshot: Snapshot, answers: Mapping[str, Any]) -> str | None:
    """Why somebody ends the run at the breakpoint that holds it; ``None``: nobody does."""
    if snapshot.breakpoint is None or snapshot.interrupts:
        return None
    (said,) = answers.values()
    return (said.get("message") or "Cancelled at a breakpoint") if said["type"] == "reject" else None


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
