"""Wake-ups as Procrastinate's jobs. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from procrastinate.jobs import Job

from hitl_middleware.ports import Crew, Topic, Wakeup

TASKS: Mapping[Topic, str] = {
    "run": "hitl.advance",
    "request": "hitl.lapse",
    "card": "hitl.publish",
    "notice": "hitl.notify",
    "delivery": "hitl.process",
}
"""What each topic's jobs are called."""

QUEUES = "hitl."
"""How our queues' names begin; the tables may hold an application's own jobs, too."""

_MOST = 40
"""Bytes of a queue's name: with Procrastinate's prefix it is the name of a channel, of which PostgreSQL allows 63."""

NOW, LATER = 0, -1
"""Priorities. A job that waits for its time would block one of the same lock that does not, were it not lower."""


def job_of(wakeup: Wakeup) -> Job:
    """The job. Its lock lets one worker look at a key at a time, wherever it runs."""
    return Job(
        queue=queue_of(wakeup.topic, wakeup.doer),
        lock=lock_of(wakeup),
        queueing_lock=None,  # who asks while it is being looked at is looked at once more
        task_name=TASKS[wakeup.topic],
        task_kwargs={"key": wakeup.key},
        scheduled_at=wakeup.at,
        priority=NOW if wakeup.at is None else LATER,
    )


def lock_of(wakeup: Wakeup) -> str:
    """What no two workers have at once."""
    return f"{wakeup.topic}:{wakeup.key}"


def queue_of(topic: Topic, doer: str) -> str:
    """A queue for each graph and channel: a job goes only to who can do it. Names that are too long are cut and told apart by a hash."""
    name = f"{QUEUES}{topic}.{doer}"
    if len(name.encode()) <= _MOST:
        return name
    told_apart = hashlib.sha256(doer.encode()).hexdigest()[:12]
    room = _MOST - len(f"{QUEUES}{topic}..{told_apart}")
    return f"{QUEUES}{topic}.{doer.encode()[:room].decode(errors='ignore')}.{told_apart}"


def queues_of(crew: Crew, topics: Iterable[Topic]) -> tuple[str, ...]:
    """What a crew can take jobs from by now."""
    return tuple(queue_of(topic, doer) for topic in topics for doer in sorted(crew.able(topic)))
