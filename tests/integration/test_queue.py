"""The job queue on a real PostgreSQL: fronts ask, workers work, and neither needs the other to be there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack, closing
from typing import Any

import psycopg
import pytest

from hitl_middleware.actions import Decision
from hitl_middleware.errors import QueueMissing
from hitl_middleware.hitl import Hitl
from hitl_middleware.records import Run
from hitl_middleware.settings import ConfigFile, Settings
from hitl_middleware.stores import migrations
from hitl_middleware.stores.url import connection_words, parse
from hitl_middleware.work import unit

from tests.kit.clocks import until
from tests.kit.effects import Effects
from tests.kit.flows import planning

pytestmark = pytest.mark.postgres

LEASE = 3.0
TAKE_AWAY = """
DO $$ DECLARE it text; BEGIN
  FOR it IN SELECT format('DROP TABLE %I CASCADE', relname) FROM pg_class WHERE relname LIKE 'procrastinate%' AND relkind = 'r'
  LOOP EXECUTE it; END LOOP;
  FOR it IN SELECT format('DROP FUNCTION %s CASCADE', oid::regprocedure) FROM pg_proc WHERE proname LIKE 'procrastinate%'
  LOOP EXECUTE it; END LOOP;
  FOR it IN SELECT format('DROP TYPE %I CASCADE', typname) FROM pg_type WHERE typname LIKE 'procrastinate%'
  LOOP EXECUTE it; END LOOP;
END $$
"""

LOSE_ONE_END = """
CREATE SEQUENCE ends;
CREATE FUNCTION lose_one_end() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF nextval('ends') = 1 THEN RAISE EXCEPTION 'lost on its way'; END IF;
  RETURN OLD;
END $$;
CREATE TRIGGER lose_one_end BEFORE DELETE ON procrastinate_jobs FOR EACH ROW
  WHEN (OLD.task_name = 'hitl.advance') EXECUTE FUNCTION lose_one_end();
"""


@pytest.fixture
def hitls(postgres_url: str, kept_open: ExitStack, effects: Effects) -> Callable[[], Hitl]:
    """Makes processes of one database, as far as one process can be several; each can run the graph ``plan``."""

    def make() -> Hitl:
        hitl = Hitl(
            Settings(database_url=postgres_url, lease_seconds=LEASE), config=ConfigFile(), channels=()
        )
        kept_open.callback(hitl.stop)
        hitl.serve("plan", planning(effects).compile())
        return hitl

    return make


def _sql(url: str, statement: Any) -> list[Any]:
    with closing(psycopg.connect(**connection_words(parse(url)), autocommit=True)) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def _jobs(url: str) -> list[Any]:
    return _sql(url, "SELECT task_name, queue_name, status::text FROM procrastinate_jobs ORDER BY id")


def _begin(hitl: Hitl) -> Run:
    return hitl.portal.call(hitl.start_run, "plan", {"topic": "queues"})


def _waits(hitl: Hitl) -> bool:
    return bool(hitl.portal.call(hitl.views.requests, status="pending")[0].items)


def _approve(hitl: Hitl) -> None:
    (request,) = hitl.portal.call(hitl.views.requests, status="pending")[0].items
    hitl.portal.call(hitl.submit, request.id, Decision(type="approve"), identity="local:ann", via="test")


def _ended(hitl: Hitl, run: Run) -> bool:
    return hitl.portal.call(hitl.views.run, run.id).run.status == "succeeded"


def test_a_front_asks_and_a_worker_does(
    hitls: Callable[[], Hitl], postgres_url: str, effects: Effects
) -> None:
    """O-09: what a front stores is in the queue with it; whoever works takes it from there, and leaves nothing in it."""
    front = hitls()
    run = _begin(front)
    assert _jobs(postgres_url) == [("hitl.advance", "hitl.run.plan", "todo")]

    worker = hitls()
    worker.start()
    until(lambda: _waits(front), "the question is filed")
    _approve(front)
    until(lambda: _ended(front, run), "the run ends")
    until(lambda: not _jobs(postgres_url), "the queue is empty")
    assert len(effects.done) == 1


def test_what_is_rolled_back_wakes_nobody(hitls: Callable[[], Hitl], postgres_url: str) -> None:
    """O-09: a job is part of the change that makes it due."""
    front = hitls()

    async def torn() -> None:
        async with unit(front.store, front.dispatcher) as work:
            work.wake("run", "r", "plan")
            await work.uow.now()
            raise LookupError

    async def torn_at_the_end() -> None:
        async with front.store.begin() as uow:
            await front.dispatcher.enqueue(uow, [])
            await asyncio.sleep(0)
            raise LookupError

    for change in (torn, torn_at_the_end):
        with pytest.raises(LookupError):
            front.portal.call(change)
    assert _jobs(postgres_url) == []


def test_an_application_s_own_jobs_are_left_alone(
    hitls: Callable[[], Hitl], postgres_url: str, effects: Effects
) -> None:
    """O-09: the tables may be an application's own as well; what stands in other queues is not ours, nor is what is stalled there."""
    front = hitls()
    run = _begin(front)
    theirs = "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('mail', 'send', '{}')"
    for status in ("todo", "doing"):
        _sql(postgres_url, theirs.format(status))
    front.start()
    until(lambda: _waits(front), "the question is filed")
    _approve(front)
    until(lambda: _ended(front, run), "the run ends")
    until(lambda: len(_jobs(postgres_url)) == 2, "only theirs are left")
    assert _jobs(postgres_url) == [("send", "mail", "todo"), ("send", "mail", "doing")]


def test_a_worker_whose_connections_were_cut_goes_on(
    hitls: Callable[[], Hitl], postgres_url: str, effects: Effects
) -> None:
    """O-09: a database that was away for a moment is worked with again, without anybody doing anything."""
    worker = hitls()
    worker.start()
    first = _begin(worker)
    until(lambda: _waits(worker), "the question is filed")
    _sql(
        postgres_url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()",
    )
    front = hitls()
    _approve(front)
    until(lambda: _ended(front, first), "the run ends")
    assert len(effects.done) == 1


def test_a_job_whose_end_was_lost_holds_nobody_up(
    hitls: Callable[[], Hitl], postgres_url: str, effects: Effects
) -> None:
    """O-09: the database loses that a job is done, and the worker lives on: the next job of the same run is not behind it for ever."""
    worker = hitls()
    worker.portal.call(worker.store.prepare)
    _sql(postgres_url, LOSE_ONE_END)
    worker.start()
    front = hitls()
    first = _begin(front)
    until(lambda: _waits(worker), "the question is filed")
    until(
        lambda: _sql(postgres_url, "SELECT last_value >= 1 AND is_called FROM ends") == [(True,)],
        "an end is lost",
    )
    _approve(front)
    until(lambda: _ended(front, first), "the run ends")
    assert len(effects.done) == 1


def test_a_queue_that_is_missing_is_told(hitls: Callable[[], Hitl], postgres_url: str) -> None:
    """O-07: a sentence that says what to run, both to who stores something and to who works; and that mends it."""
    hitls().portal.call(hitls().store.prepare)
    _sql(postgres_url, TAKE_AWAY)
    with pytest.raises(QueueMissing, match=r"hitl db upgrade"):
        _begin(hitls())
    with pytest.raises(QueueMissing, match=r"hitl db upgrade"):
        hitls().start()
    migrations.upgrade(postgres_url)
    assert _begin(hitls()).status == "running"
