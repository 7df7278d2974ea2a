"""The store contract on memory, and what is the memory store's own."""

from __future__ import annotations

import pytest

from hitl_middleware.clock import ManualClock
from hitl_middleware.ports import Store
from hitl_middleware.stores import open_store
from hitl_middleware.testing.store_contract import StoreContract


class TestMemoryStore(StoreContract):
    @pytest.fixture(autouse=True)
    def _clock(self) -> None:
        self.clock = ManualClock()

    @pytest.fixture
    async def store(self) -> Store:
        store = open_store("memory://", clock=self.clock)
        await store.prepare()
        return store

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    async def test_a_unit_inside_a_unit_is_refused(self, store: Store) -> None:
        """A task that would wait for itself is told so instead."""
        async with store.begin():
            with pytest.raises(RuntimeError, match="inside a unit of work"):
                async with store.begin():
                    pass
