"""Many machines: wake-ups are Procrastinate's jobs, enqueued by the transaction that makes them due.

A worker takes up at once what its own change makes due, while it has a hand free: a job would be written, announced, fetched and deleted to
come back to it. Should it die before it has done that, this is a lost wake-up like any other. A front, and a worker that has its hands
full, have jobs carried to whoever is free.

A job says "look at this one", and is deleted when that has been done, well or not: what is due stays due in our own tables, so a job that
is lost, doubled or late is never special. The sweep enqueues what is due and has no job, and takes dead workers' jobs back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial

import structlog
from procrastinate import App, JobContext, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import DeleteJobCondition, Status

from hitl_middleware.dispatch.jobs import QUEUES, TASKS, job_of, lock_of, queues_of
from hitl_middleware.dispatch.keyed import LIMITS, KeyedWork
from hitl_middleware.dispatch.local import MOST_ROUNDS
from hitl_middleware.dispatch.rounds import Rounds
from hitl_middleware.errors import DatabaseUnreachable, QueueMissing
from hitl_middleware.ports import Crew, Topic, UnitOfWork, Wakeup
from hitl_middleware.stores.url import connection_words, parse, shown

log = structlog.get_logger("hitl.dispatch")

LANES: tuple[tuple[Topic, ...], ...] = (("run",), ("request", "card", "notice", "delivery"))
"""Runs may take minutes: they have a worker of their own, so that nothing else waits for them."""

PATIENCE = 30.0
"""Seconds that a connection is waited for; and as seldom it is asked whether a job is to be aborted, which none ever is."""

POLL = 1.0
"""Seconds after which a worker looks into its queues, told to or not."""

POOL = 4
"""Connections for fetching and finishing jobs; each lane has one more, on which it listens."""

STALE = 3
"""Heartbeats that a worker may miss before its jobs are another one's: one lease, as with everything else."""

FORGOTTEN = 86_400.0
"""Seconds after which nobody asks any more for a worker that died."""

KEEPING = f"{QUEUES}keeping"
"""The queue of what keeps the queue itself in order."""

_MISSING = frozenset({"42P01", "42704", "42883"})
"""PostgreSQL's codes for a table, type or function that is not there."""

_REFUSING = ("08", "53", "57P")
"""How its codes begin for: no connection, no room left, shutting down."""

Look = Callable[[Topic, str], Awaitable[None]]

_WAITING = """
SELECT DISTINCT lock FROM procrastinate_jobs
WHERE lock = ANY(%(locks)s) AND status IN ('todo', 'doing') AND (scheduled_at IS NULL OR scheduled_at <= now())
"""

_STILL = "SELECT id FROM procrastinate_jobs WHERE id = ANY(%(ids)s) AND status = 'doing'"


class ProcrastinateDispatcher:
    """``ports.Dispatcher`` on the PostgreSQL database ``url``, beside our own tables."""

    def __init__(self, url: str) -> None:
        self._url = parse(url)
        self._connector = PsycopgConnector(
            kwargs=connection_words(self._url), min_size=1, max_size=POOL, name="hitl-queue", timeout=PATIENCE
        )
        self._look: Look = _nobody
        self._app = self._make_app()
        self._work: KeyedWork | None = None
        self._crew: Crew | None = None
        self._rounds: Rounds | None = None
        self._lanes: list[asyncio.Task[None]] = []
        self._ended: set[int] = set()
        """Jobs that were done since the last sweep, by their ids …"""
        self._ended_before: set[int] = set()
        """… and those before them."""

    async def enqueue(self, uow: UnitOfWork, wakeups: Sequence[Wakeup]) -> Sequence[Wakeup]:
        """For what is left to others: one statement in the change's own transaction; PostgreSQL tells the workers when it commits."""
        mine = self._mine(wakeups)
        if jobs := [job_of(wakeup) for wakeup in wakeups if wakeup not in mine]:
            with self._told():
                await uow.beside(partial(self._app.job_manager.batch_defer_jobs_async, jobs))
        return mine

    def wake(self, wakeups: Sequence[Wakeup]) -> None:
        """Look now: for the rest, the commit was the wake-up."""
        if self._work is None:
            return  # it has stopped in this very moment: another one's sweep finds it
        for wakeup in wakeups:
            self._work.look(wakeup.topic, wakeup.key)

    async def start(self, crew: Crew) -> None:
        """Take jobs, sweep, and keep leases and claims alive."""
        await self._open()
        self._crew, self._work = crew, KeyedWork(crew)
        self._look = partial(_shielded, self._work)
        self._rounds = Rounds(crew, partial(self._find, crew))
        self._rounds.start()
        self._lanes = [asyncio.create_task(self._lane(crew, topics)) for topics in LANES]

    async def stop(self) -> None:
        """Take no more jobs, finish what is under way. What was fetched and not begun is found by another's sweep."""
        work, rounds = self._work, self._rounds
        if work is None or rounds is None:
            return
        work.refuse()
        await rounds.end_sweeps()
        for lane in self._lanes:
            lane.cancel()
        await asyncio.gather(*self._lanes, return_exceptions=True)
        await work.finish()
        self._crew = self._work = self._rounds = None
        self._look = _nobody
        await rounds.stop()

    async def settle(self, crew: Crew) -> None:
        """Sweep and work until nothing is due; what other processes are at is theirs."""
        await self._open()
        work = self._work or KeyedWork(crew)
        rounds = self._rounds or Rounds(crew, partial(self._find, crew))
        while True:
            await rounds.sweep()
            with self._looking(partial(_shielded, work)):
                await self._work_off(crew)
            await work.idle()
            before = work.looks
            due = [wakeup for topic in crew.reconcilers for wakeup in await crew.due(topic)]
            # A worker of this process may have looked at one topic's key meanwhile and made another topic's due that was asked before.
            if not due and work.is_idle and work.looks == before:
                return

    async def step(self, crew: Crew) -> None:
        """Chores, errands, and then all that is due or enqueued, one after the other."""
        await self._open()
        due: Sequence[Wakeup] = ()
        for _ in range(MOST_ROUNDS):
            for chore in (*crew.chores.values(), *crew.errands.values()):
                await chore()
            due = [wakeup for topic in crew.reconcilers for wakeup in await crew.due(topic)]
            if due:
                # Nobody else moves here: a job that is still being done was a dead process's.
                await self._rescue(0)
            await self._enqueue_missing(due)
            inline = _Inline(crew)
            with self._looking(inline):
                await self._work_off(crew, at_once=1)
            inline.check()
            if not due and not inline.looked:
                return
        msg = f"still due after {MOST_ROUNDS} rounds: {[(each.topic, each.key) for each in due]}"
        raise RuntimeError(msg)

    async def close(self) -> None:
        """Close the queue's connections."""
        await self._connector.close_async()

    # ------------------------------------------------------------------------------------------------------------------

    def _mine(self, wakeups: Sequence[Wakeup]) -> Sequence[Wakeup]:
        """What this process can do itself, has a hand free for, and need not wait for."""
        work, crew = self._work, self._crew
        if work is None or crew is None:
            return ()
        mine: list[Wakeup] = []
        for wakeup in wakeups:
            beside = sum(each.topic == wakeup.topic for each in mine)
            able = wakeup.at is None and wakeup.doer in crew.able(wakeup.topic)
            if able and work.has_room(wakeup.topic, beside=beside):
                mine.append(wakeup)
        return mine

    def _make_app(self) -> App:
        # A worker that was away does not make up for what it missed: the sweep finds everything.
        app = App(connector=self._connector, periodic_defaults={"max_delay": 0})
        for topic, name in TASKS.items():
            app.task(name=name, pass_context=True)(self._task(topic))

        async def prune(timestamp: int) -> None:  # noqa: ARG001 – Procrastinate's signature
            await app.job_manager.prune_stalled_workers(FORGOTTEN)

        app.periodic(cron="17 * * * *")(app.task(name="hitl.prune", queue=KEEPING)(prune))
        return app

    def _task(self, topic: Topic) -> Callable[[JobContext, str], Awaitable[None]]:
        async def look(context: JobContext, key: str) -> None:
            try:
                await self._look(topic, key)
            finally:
                if context.job.id is not None:
                    self._ended.add(context.job.id)

        return look

    async def _open(self) -> None:
        with self._told():
            await self._connector.open_async()
            if not await self._app.check_connection_async():
                raise QueueMissing(url=shown(self._url))

    async def _lane(self, crew: Crew, topics: Sequence[Topic]) -> None:
        """A worker for these topics, again and again: when its database was away, and when the crew has learned more."""
        while True:
            queues = queues_of(crew, topics)
            worker = asyncio.create_task(self._run_worker(crew, topics, queues))
            try:
                while not worker.done() and queues_of(crew, topics) == queues:
                    await asyncio.wait({worker}, timeout=crew.sweep_seconds)
            finally:
                worker.cancel()
                (ended,) = await asyncio.gather(worker, return_exceptions=True)
            if isinstance(ended, Exception):
                log.warning("queue away", error=type(ended).__name__)
                await asyncio.sleep(crew.sweep_seconds)

    async def _run_worker(self, crew: Crew, topics: Sequence[Topic], queues: Sequence[str]) -> None:
        await self._app.run_worker_async(
            name=f"hitl-{topics[0]}",
            queues=[*queues, *((KEEPING,) if topics == LANES[-1] else ())],
            concurrency=sum(LIMITS[topic] for topic in topics),
            # A job that waits for its time is announced by nobody, nor is one that comes before the worker listens.
            fetch_job_polling_interval=min(crew.sweep_seconds, POLL),
            abort_job_polling_interval=PATIENCE,
            shutdown_graceful_timeout=0,  # what has begun goes on in ``KeyedWork``, under its lease; only the job ends
            delete_jobs=DeleteJobCondition.ALWAYS,
            install_signal_handlers=False,
            update_heartbeat_interval=crew.beat_seconds,
            stalled_worker_timeout=STALE * crew.beat_seconds,
        )

    async def _work_off(self, crew: Crew, *, at_once: int = 16) -> None:
        """Do the jobs that are there, here, and come back."""
        with self._told():
            await self._app.run_worker_async(
                name="hitl-once",
                queues=[*queues_of(crew, TASKS), KEEPING],
                concurrency=at_once,
                wait=False,
                listen_notify=False,
                delete_jobs=DeleteJobCondition.ALWAYS,
                install_signal_handlers=False,
            )

    async def _find(self, crew: Crew) -> None:
        """The sweep's part: dead workers' jobs are taken back, and what is due gets a job."""
        await self._rescue(STALE * crew.beat_seconds)
        await self._close_ended()
        due: list[Wakeup] = []
        for topic in crew.reconcilers:
            due += await crew.due(topic)
        await self._enqueue_missing(due)

    async def _rescue(self, silent_for: float) -> None:
        """Give back the jobs of workers that have not been heard of for so many seconds."""
        jobs = self._app.job_manager
        for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=silent_for):
            if job.queue.startswith(QUEUES):
                with suppress(ConnectorException):  # another sweep was quicker
                    await jobs.retry_job(job)

    async def _close_ended(self) -> None:
        """Jobs that were done, and whose end was lost on its way to the database: their locks would be held while this worker lives."""
        asked, self._ended_before, self._ended = self._ended_before, self._ended, set()
        if not asked:
            return
        try:
            for row in await self._connector.execute_query_all_async(_STILL, ids=[*asked]):
                await self._app.job_manager.finish_job_by_id_async(
                    job_id=row["id"], status=Status.SUCCEEDED, delete_job=True
                )
        except BaseException:
            self._ended_before |= asked
            raise

    async def _enqueue_missing(self, due: Sequence[Wakeup]) -> None:
        if not due:
            return
        locks = [lock_of(wakeup) for wakeup in due]
        rows = await self._connector.execute_query_all_async(_WAITING, locks=locks)
        there = {row["lock"] for row in rows}
        if missing := [job_of(wakeup) for wakeup in due if lock_of(wakeup) not in there]:
            await self._app.job_manager.batch_defer_jobs_async(missing)

    @contextmanager
    def _looking(self, look: Look) -> Iterator[None]:
        before, self._look = self._look, look
        try:
            yield
        finally:
            self._look = before

    @contextmanager
    def _told(self) -> Iterator[None]:
        """The queue's errors as ours."""
        try:
            yield
        except ConnectorException as error:
            code = getattr(error.__cause__, "sqlstate", None)
            if code in _MISSING:
                raise QueueMissing(url=shown(self._url)) from error
            if code is None or code.startswith(_REFUSING):
                reason = " ".join(str(error.__cause__ or error).split()).rstrip(".")
                raise DatabaseUnreachable(url=shown(self._url), reason=reason) from error
            raise


class _Inline:
    """Looks at once, in the job, and keeps what was raised for whoever waits for the end."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew
        self._raised: list[Exception] = []
        self.looked = 0

    async def __call__(self, topic: Topic, key: str) -> None:
        self.looked += 1
        try:
            await self._crew.reconcilers[topic](key)
        except Exception as error:  # noqa: BLE001 – raised again by check()
            self._raised.append(error)

    def check(self) -> None:
        """Raise what a look has raised."""
        if self._raised:
            raise self._raised[0]


async def _shielded(work: KeyedWork, topic: Topic, key: str) -> None:
    """The look outlives its job: a queue that is away for a moment must not cut an act that is under way."""
    if (task := work.look(topic, key)) is not None:
        await asyncio.shield(task)


async def _nobody(_topic: Topic, _key: str) -> None:
    """Nobody works here."""
