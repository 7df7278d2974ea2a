"""Databases of tests, whichever they are."""

from __future__ import annotations

from hitl_middleware.ports import Clock, Store
from hitl_middleware.stores import open_store


def open_turned(url: str, clock: Clock) -> Store:
    """The store of a URL with ``clock`` as its time, also where the database has a clock of its own, which no test can turn."""
    if not url.startswith("postgresql:"):
        return open_store(url, clock=clock)
    from hitl_middleware.stores.sql import SqlStore

    return SqlStore(url, clock=clock, clock_rules=True)
