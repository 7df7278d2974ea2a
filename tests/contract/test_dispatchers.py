"""The contract of carrying wake-ups, by each dispatcher on the database that it is the default of."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hitl_middleware.clock import SystemClock
from hitl_middleware.dispatch import open_dispatcher
from hitl_middleware.ports import Dispatcher, Store, Wakeup
from hitl_middleware.stores import open_store
from hitl_middleware.testing import DispatcherContract

from tests.kit.dispatching import look_and_die
from tests.kit.dying import KILLED, in_process


class _OnDisk(DispatcherContract):
    url: str

    def dispatcher(self) -> Dispatcher:
        return open_dispatcher(self.url)

    async def die_at(self, store: Store, wakeup: Wakeup) -> None:
        assert await asyncio.to_thread(in_process, look_and_die, self.url, wakeup) == KILLED


class TestLocal(_OnDisk):
    @pytest.fixture
    async def store(self, sqlite_url: str) -> AsyncIterator[Store]:
        self.url = sqlite_url
        store = open_store(sqlite_url, clock=SystemClock())
        await store.prepare()
        yield store
        await store.close()


@pytest.mark.postgres
class TestProcrastinate(_OnDisk):
    @pytest.fixture
    async def store(self, postgres_url: str) -> AsyncIterator[Store]:
        self.url = postgres_url
        store = open_store(postgres_url, clock=SystemClock())
        await store.prepare()
        yield store
        await store.close()
