"""Wake-ups: how what is due comes to be looked at, in this process or in any other of the same database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from hitl_middleware.ports.running import Topic
from hitl_middleware.ports.store import UnitOfWork

Reconcile = Callable[[str], Awaitable[None]]
Chore = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Wakeup:
    """Look at this one. ``doer``: the graph (run, request) or channel (card, notice, delivery) whose work it is.

    ``at``: not before, by the database's time; ``None``: now.
    """

    topic: Topic
    key: str
    doer: str
    at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crew:
    """What one process can do about what is due.

    ``reconcilers``: what to do with a key of each topic. ``able``: whose work this process can do, of a topic, by now. ``due``: what is due
    of that. ``chores`` run with every sweep. ``errands`` ask elsewhere and may take long: each sweep sends those on their way that are back
    from the last one. ``after_you``, where there is one, is awaited before each look. ``heartbeat`` keeps leases alive, every
    ``beat_seconds``. ``grace_seconds``: how long what is under way is waited for when the process stops; then it is cut.
    """

    reconcilers: Mapping[Topic, Reconcile]
    able: Callable[[Topic], Collection[str]]
    due: Callable[[Topic], Awaitable[Sequence[Wakeup]]]
    chores: Mapping[str, Chore] = field(default_factory=dict)
    errands: Mapping[str, Chore] = field(default_factory=dict)
    heartbeat: Chore
    after_you: Chore | None = None
    sweep_seconds: float = 1.0
    beat_seconds: float = 10.0
    grace_seconds: float = 30.0


class Dispatcher(Protocol):
    """Carries wake-ups. It only says "look at this one now": losing one delays, never loses.

    ``enqueue`` and ``wake`` work whether this process works itself (``start``) or is only a front.
    """

    async def enqueue(self, uow: UnitOfWork, wakeups: Sequence[Wakeup]) -> Sequence[Wakeup]:
        """Part of the change that makes them due: seen by all processes when it commits, and by none when it does not.

        Those that are left for ``wake``: this process takes them up itself, and nobody else is told.
        """

    def wake(self, wakeups: Sequence[Wakeup]) -> None:
        """The change is committed: take up what ``enqueue`` left. Never blocks, never raises."""

    async def start(self, crew: Crew) -> None:
        """Have ``crew`` work: what it is woken for, what a sweep finds, its chores. Serial per key.

        Raises ``ConfigurationError`` where what carries the wake-ups is not there.
        """

    async def stop(self) -> None:
        """Finish what is under way, take nothing new. The heartbeat goes on until the last lease is given back."""

    async def settle(self, crew: Crew) -> None:
        """Sweep and work until nothing is due, beside whatever runs: for one-shot commands, which want to see the end."""

    async def step(self, crew: Crew) -> None:
        """Do the chores and all that is due, one after the other and here, until nothing is: where nothing runs by itself.

        Raises ``RuntimeError`` where something is due again and again, and whatever a reconciler or a chore raises.
        """

    async def close(self) -> None:
        """Let go of connections."""
