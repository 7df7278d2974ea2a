"""The store contract on PostgreSQL, and what is PostgreSQL's own: its clock, its locks, several processes, its errors."""

from __future__ import annotations

import pytest

from hitl_middleware.clock import ManualClock
from hitl_middleware.stores.sql import SqlStore
from hitl_middleware.testing.store_contract import StoreContract

pytestmark = pytest.mark.postgres


class TestPostgresqlStore(StoreContract):
    @pytest.fixture
    async def store(self, postgres_url):
        self.clock = ManualClock()
        store = SqlStore(postgres_url, clock=self.clock, clock_rules=True)
        await store.prepare()
        yield store
        await store.close()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
