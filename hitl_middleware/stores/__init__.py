"""Where things are stored: SQLite (one machine), PostgreSQL (many), or this process's memory (tests)."""

from __future__ import annotations

from typing import Final

from hitl_middleware.ports import Clock, Store

FORGETS: Final = "memory://"
"""A store that ends with its process."""


def open_store(url: str, *, clock: Clock) -> Store:
    """The store behind ``HITL_DATABASE_URL``: ``sqlite:///path``, ``postgresql://…`` or ``memory://``. No I/O yet.

    Raises ``ConfigurationError`` for any other URL. Nothing of a database is imported before it is asked for.
    """
    if url == FORGETS:
        from hitl_middleware.stores.memory import MemoryStore

        return MemoryStore(clock=clock)
    from hitl_middleware.stores.sql import SqlStore

    return SqlStore(url, clock=clock)


__all__ = ["FORGETS", "open_store"]
