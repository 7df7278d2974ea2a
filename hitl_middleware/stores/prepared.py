"""A store whose schema is made ready at the first use: a graph may run without any server having been started before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hitl_middleware.ports import Store, UnitOfWork


class PreparedStore:
    """Wraps a store; ``prepare`` happens once, before the first unit of work."""

    def __init__(self, inner: Store) -> None:
        self._inner = inner
        self._ready = False
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        """See ``Store.begin``."""
        await self.prepare()
        async with self._inner.begin() as uow:
            yield uow

    @asynccontextmanager
    async def read(self) -> AsyncIterator[UnitOfWork]:
        """See ``Store.read``."""
        await self.prepare()
        async with self._inner.read() as uow:
            yield uow

    @asynccontextmanager
    async def glance(self) -> AsyncIterator[UnitOfWork]:
        """See ``Store.glance``."""
        await self.prepare()
        async with self._inner.glance() as uow:
            yield uow

    async def prepare(self) -> None:
        """See ``Store.prepare``."""
        if self._ready:
            return
        async with self._lock:
            if not self._ready:
                await self._inner.prepare()
                self._ready = True

    async def close(self) -> None:
        """See ``Store.close``."""
        if self._ready:
            await self._inner.close()
            self._ready = False
