"""The same agent as this library runs it: a ``Hitl`` with its background, its server, a channel for the cards.

A policy names who decides; Slack's route takes the clicks; cards go to a pin board in memory, since what is measured ends at our door.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Self, cast
from unittest.mock import patch

from hitl_middleware import Hitl, requires_approval
from hitl_middleware.channels.slack.press import Press
from hitl_middleware.clock import SystemClock
from hitl_middleware.ports import Store, UnitOfWork
from hitl_middleware.records import CardView, Lease, ReviewRequest
from hitl_middleware.review import is_final
from hitl_middleware.settings import ConfigFile, Settings
from hitl_middleware.stores import open_store
from hitl_middleware.testing.example_channel import Board, BoardChannel
from hitl_middleware.testing.loopback import Loopback
from hitl_server.app import create_app

from tests.bench.agents import ASKED, agent, pay
from tests.bench.clicks import PATH, SECRET, TOKEN, USER, Hand
from tests.bench.floor import Parked

PATIENCE = 60.0
ANSWER_SECONDS = 0.05
QUIET = 0.004
"""Seconds without a unit of work after which nothing is thought to be left to do."""


class Ours:
    """As ``Floor``, with everything behind it."""

    def __init__(self, url: str, *, calls: int = 1) -> None:
        self.watched = Watched(open_store(url, clock=SystemClock()))
        self.hitl = Hitl(
            Settings(database_url=url),
            config=ConfigFile(),
            store=cast("Store", self.watched),
            channels=[Far(self.watched)],
        )
        marked = requires_approval(approvers=[f"slack:{USER}"])(pay.model_copy())
        self.hitl.serve("desk", agent([marked], [self.hitl.approvals([marked])], calls=calls))
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.callback(self.hitl.stop)
        self._stack.enter_context(_configured())
        self.hitl.start()
        server = self._stack.enter_context(Loopback(create_app(self.hitl)))
        self.url = f"{server.url}{PATH}"
        self._hand = Hand(server.url)
        self._stack.callback(self._hand.close)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def suspend(self) -> Parked:
        """Run until the question is filed, with its action, its card and its audit events."""
        return self.suspend_all(1)[0]

    def suspend_all(self, how_many: int) -> list[Parked]:
        """Several, at once."""
        threads = [
            self.hitl.portal.call(self.hitl.start_run, "desk", ASKED).thread_id for _ in range(how_many)
        ]
        self.watched.until(lambda seen: all(thread in seen.requests for thread in threads))
        return [Parked(thread, self._buttons(thread)) for thread in threads]

    def click(self, parked: Parked) -> None:
        """Press Approve, and wait until the run has ended."""
        self._hand.click(parked.values)
        self.ended([parked])

    def ended(self, parked: list[Parked]) -> None:
        """Wait until these runs have ended."""
        self.watched.until(lambda seen: all(each.thread_id in seen.ended for each in parked))

    def settle(self) -> None:
        """Wait until nothing goes on behind it."""
        self.watched.quiet()

    def _buttons(self, thread_id: str) -> tuple[str, ...]:
        asked = self.watched.seen.requests[thread_id]
        return tuple(Press(each.id, each.version, each.digest).value for each in asked)


class Far(BoardChannel):
    """A pin board that answers as late as a service far away: a card that falls behind meanwhile is brought up to date at once."""

    def __init__(self, watched: Watched) -> None:
        super().__init__(Board())
        self._watched = watched

    async def post(self, view: CardView) -> str:
        """As ``ReviewChannel``."""
        with self._watched.busy():
            await asyncio.sleep(ANSWER_SECONDS)
            return await super().post(view)

    async def update(self, view: CardView, ref: str) -> None:
        """As ``ReviewChannel``."""
        with self._watched.busy():
            await asyncio.sleep(ANSWER_SECONDS)
            await super().update(view, ref)


def _configured() -> Any:
    """The environment of a server that Slack is connected to, and nothing else of this machine's."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("HITL_", "SLACK_", "GITHUB_"))
    }
    return patch.dict(
        os.environ, {**kept, "SLACK_BOT_TOKEN": TOKEN, "SLACK_SIGNING_SECRET": SECRET}, clear=True
    )


@dataclass
class Seen:
    """What was committed: requests by thread, threads whose run has ended (whose first run has their id), when which request was decided
    (monotonic).
    """

    requests: dict[str, list[ReviewRequest]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    decided: dict[str, float] = field(default_factory=dict)


class Watched:
    """A store that tells what was committed: whoever measures need not ask, which would be work of its own."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self._changed = threading.Condition()
        self._busy, self._last = 0, 0.0
        self.seen = Seen()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        """As ``Store.begin``."""
        with self.busy():
            async with self._inner.begin() as uow:
                unit = _Unit(uow, self.seen)
                yield cast("UnitOfWork", unit)
            with self._changed:
                for tell in unit.facts:
                    tell()
                self._changed.notify_all()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """As ``Store.read``."""
        with self.busy():
            async with self._inner.read() as uow:
                yield uow

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[UnitOfWork]:
        """As ``Store.glance``."""
        with self.busy():
            async with self._inner.glance() as uow:
                yield uow

    async def prepare(self) -> None:
        """As ``Store.prepare``."""
        await self._inner.prepare()

    async def close(self) -> None:
        """As ``Store.close``."""
        await self._inner.close()

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Something goes on, on the store's loop."""
        self._busy += 1
        try:
            yield
        finally:
            self._busy, self._last = self._busy - 1, time.monotonic()

    def until(self, holds: Callable[[Seen], bool]) -> None:
        """Wait for something to be committed."""
        with self._changed:
            assert self._changed.wait_for(lambda: holds(self.seen), PATIENCE), self.seen

    def quiet(self) -> None:
        """Wait until no unit of work was begun for a moment."""
        pause, give_up = threading.Event(), time.monotonic() + PATIENCE
        while self._busy or time.monotonic() - self._last < QUIET:
            assert time.monotonic() < give_up
            pause.wait(QUIET / 4)


class _Unit:
    def __init__(self, uow: UnitOfWork, seen: Seen) -> None:
        self._uow, self._seen = uow, seen
        self.facts: list[Callable[[], None]] = []

    def __getattr__(self, verb: str) -> Any:
        return getattr(self._uow, verb)

    async def add_request(self, request: ReviewRequest) -> bool:
        self.facts.append(lambda: self._seen.requests.setdefault(request.thread_id, []).append(request))
        return await self._uow.add_request(request)

    async def save_request(self, request: ReviewRequest) -> None:
        if request.decided_at is not None:
            self.facts.append(lambda: _once(self._seen.decided, request.id))
        await self._uow.save_request(request)

    async def leave_run(self, lease: Lease, status: Any, **more: Any) -> None:
        await self._uow.leave_run(lease, status, **more)
        if is_final("run", status):
            assert status == "succeeded", (lease, status, more)
            self.facts.append(lambda: self._seen.ended.add(lease.run_id))


def _once(decided: dict[str, float], request_id: str) -> None:
    decided.setdefault(request_id, time.monotonic())
