"""A store whose unit of work can be held in the middle, with all its locks: a race whose order a test decides, without a clock."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from hitl_middleware.ports import Store, UnitOfWork

PATIENCE = 30.0


class Held:
    """``inner``, held once before the first ``verb`` in a unit that writes, until ``go`` is set."""

    def __init__(self, inner: Store, verb: str | None = None) -> None:
        self._inner = inner
        self.verb = verb
        self.reached = threading.Event()
        self.begun = threading.Event()
        """A unit that writes was asked for, whether or not it has been let in."""
        self.go = threading.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[UnitOfWork]:
        """As ``Store.begin``."""
        self.begun.set()
        async with self._inner.begin() as uow:
            yield cast("UnitOfWork", _Unit(uow, self))

    def held(self) -> None:
        """Wait until it is held."""
        assert self.reached.wait(PATIENCE), f"nothing came to {self.verb}"


class _Unit:
    def __init__(self, uow: UnitOfWork, held: Held) -> None:
        self._uow = uow
        self._held = held

    def __getattr__(self, verb: str) -> Any:
        do, held = getattr(self._uow, verb), self._held
        if verb != held.verb:
            return do

        async def after_a_while(*args: Any, **options: Any) -> Any:
            held.verb = None
            held.reached.set()
            assert await asyncio.to_thread(held.go.wait, PATIENCE)
            return await do(*args, **options)

        # The name is asked for by whoever looks at the signature, too.
        after_a_while.__signature__ = inspect.signature(do)  # type: ignore[attr-defined]
        return after_a_while
