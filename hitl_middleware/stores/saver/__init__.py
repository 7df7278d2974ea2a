"""LangGraph's own saver on the same database, for graphs that this library runs.

A checkpoint row is code to a permissive serializer (one UPDATE made ``get_state()`` run a shell command): the allow-list is strict and
passed explicitly, so no environment variable can widen it. And a checkpoint is written only by whoever drives the run: a process that
slept through its lease would put a second story beside the one that another process tells by now.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from hitl_middleware.stores.saver.shared import Shared
from hitl_middleware.stores.url import parse


def strict_serializer(allowed: Iterable[tuple[str, str]] = ()) -> JsonPlusSerializer:
    """LangGraph's serializer that revives nothing but its own safe types and those named as (module, class)."""
    return JsonPlusSerializer(allowed_msgpack_modules=list(allowed) or None)


async def open_saver(url: str, allowed: Iterable[tuple[str, str]] = ()) -> BaseCheckpointSaver[Any]:
    """The saver for a database, owned by the running loop. It connects at first use. Raises ``ConfigurationError``."""
    serde = strict_serializer(allowed)
    if url.startswith("memory:"):
        from langgraph.checkpoint.memory import InMemorySaver

        return InMemorySaver(serde=serde)
    parsed = parse(url)
    if parsed.drivername == "postgresql":
        from hitl_middleware.stores.saver.postgresql import SharedPostgresSaver

        return SharedPostgresSaver(parsed, serde=serde)
    from hitl_middleware.stores.saver.sqlite import open_sqlite_saver

    return await open_sqlite_saver(parsed, serde=serde)


async def ready_saver(saver: BaseCheckpointSaver[Any]) -> None:
    """Connect now and not at first use, on the loop that owns it. Raises ``DatabaseUnreachable``, ``MigrationNeeded``."""
    if isinstance(saver, Shared):
        await saver.ready()


async def close_saver(saver: BaseCheckpointSaver[Any]) -> None:
    """Close its connections, on the loop that owns it."""
    if isinstance(saver, Shared):
        await saver.close()
