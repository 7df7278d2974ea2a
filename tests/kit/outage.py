"""A database that can be away."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from hitl_middleware.errors import DatabaseUnreachable
from hitl_middleware.ports import Store, UnitOfWork


class Unreliable:
    """A store that answers as one does whose database went away, while ``away``. What was open when it went is rolled back.

    ``goes_at`` names a verb of the unit of work: the database goes away when that is asked for.
    ``meanwhile``: what others do just before the next units of work that write, one after the other.
    """

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self.away = False
        self.goes_at: str | None = None
        self.meanwhile: list[Callable[[], Awaitable[object]] | None] = []

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        """As ``Store.begin``."""
        self._ask()
        if self.meanwhile and (others := self.meanwhile.pop(0)) is not None:
            todo, self.meanwhile = self.meanwhile, []
            await others()
            self.meanwhile = todo
        async with self._inner.begin() as uow:
            yield cast("UnitOfWork", _Unit(self, uow))
            self._ask()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """As ``Store.read``."""
        self._ask()
        async with self._inner.read() as uow:
            yield uow

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[UnitOfWork]:
        """As ``Store.glance``."""
        self._ask()
        async with self._inner.glance() as uow:
            yield uow

    async def prepare(self) -> None:
        """As ``Store.prepare``."""
        await self._inner.prepare()

    async def close(self) -> None:
        """As ``Store.close``."""
        await self._inner.close()

    def _ask(self) -> None:
        if self.away:
            raise DatabaseUnreachable(url="test://", reason="it is away")

    def _asked_for(self, verb: str) -> None:
        self.away = self.away or verb == self.goes_at
        self._ask()


class _Unit:
    """The verbs of a unit of work, each of which may be the last."""

    def __init__(self, store: Unreliable, uow: UnitOfWork) -> None:
        self._store = store
        self._uow = uow

    def __getattr__(self, verb: str) -> Any:
        self._store._asked_for(verb)
        return getattr(self._uow, verb)
