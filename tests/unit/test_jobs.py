"""Wake-ups as jobs of a queue: pure."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from hitl_middleware.dispatch import open_dispatcher
from hitl_middleware.dispatch.jobs import job_of, queue_of
from hitl_middleware.dispatch.local import LocalDispatcher
from hitl_middleware.dispatch.procrastinate import ProcrastinateDispatcher
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.ports import Topic, Wakeup

CHANNEL = "procrastinate_queue_v1#"
"""What Procrastinate puts before a queue's name for the channel on which workers listen."""
IDENTIFIER = 63
"""Bytes of a name in PostgreSQL."""
AT = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
TOPICS: tuple[Topic, ...] = ("run", "request", "card", "notice", "delivery")


def test_a_job_goes_to_who_can_do_it() -> None:
    """O-09: each graph and channel has a queue of its own, whose name says it."""
    assert job_of(Wakeup("run", "r1", "support")).queue == "hitl.run.support"
    assert job_of(Wakeup("card", "c1", "slack")).queue == "hitl.card.slack"


def test_one_key_is_looked_at_by_one_worker_at_a_time() -> None:
    """DESIGN §1: the lock is the key's, whatever the job; who asks meanwhile is not turned away."""
    now, later = Wakeup("run", "r1", "support"), Wakeup("run", "r1", "support", AT)
    assert job_of(now).lock == job_of(later).lock == "run:r1"
    assert job_of(now).queueing_lock is None
    assert len({job_of(Wakeup(topic, "k", "d")).lock for topic in TOPICS}) == len(TOPICS)


def test_what_waits_for_its_time_blocks_nothing() -> None:
    """DESIGN §6: a job that is scheduled would block an immediate one of the same lock, were its priority not lower."""
    scheduled, at_once = job_of(Wakeup("request", "q1", "g", AT)), job_of(Wakeup("request", "q1", "g"))
    assert (scheduled.scheduled_at, at_once.scheduled_at) == (AT, None)
    assert scheduled.priority < at_once.priority


@pytest.mark.parametrize(
    "doer", ["g" * 300, "graph-" * 5 + "x", "ä" * 40, "決裁" * 30], ids=["long", "just", "two", "three"]
)
def test_every_queue_can_be_listened_to(doer: str) -> None:
    """O-09: PostgreSQL refuses a longer channel, and with it the whole transaction; names that are cut stay apart."""
    names = {
        queue_of(topic, name) for topic, name in itertools.product(TOPICS, (doer, doer + "1", doer + "2"))
    }
    assert len(names) == 3 * len(TOPICS)
    assert all(len((CHANNEL + name).encode()) <= IDENTIFIER for name in names)


@pytest.mark.parametrize("url", ["sqlite:///x.db", "memory://"])
def test_one_machine_needs_no_queue(url: str) -> None:
    """O-09: SQLite and memory have the local dispatcher."""
    assert isinstance(open_dispatcher(url), LocalDispatcher)


@pytest.mark.parametrize("url", ["postgresql://u@h/d", "postgres://u@h/d"])
def test_postgresql_has_the_queue(url: str) -> None:
    """O-09: chosen by the URL, and overridden by HITL_DISPATCHER."""
    assert isinstance(open_dispatcher(url), ProcrastinateDispatcher)
    assert isinstance(open_dispatcher(url, "local"), LocalDispatcher)


def test_a_queue_without_postgresql_is_refused() -> None:
    """O-09: with a sentence that names the variable and the way out."""
    with pytest.raises(ConfigurationError, match=r"HITL_DISPATCHER.*PostgreSQL.*Use local"):
        open_dispatcher("sqlite:///x.db", "procrastinate")
