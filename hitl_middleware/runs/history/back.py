"""What a thread has kept, read in one go: its own checkpoints, and those of the graphs inside its nodes – without what policies hide."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection
from typing import Final

from hitl_middleware.errors import HitlError
from hitl_middleware.ports import Checkpoint, GraphReader
from hitl_middleware.runs.history.kept import History
from hitl_middleware.runs.history.veil import veiled

LIMIT: Final = 50
"""Checkpoints of a thread that are read unless more are asked for."""

MOST_INSIDE: Final = 12
"""Graphs inside nodes whose checkpoints are read, the newest first."""


async def look_back(
    reader: GraphReader,
    graph: str,
    thread_id: str,
    *,
    limit: int = LIMIT,
    redact: Collection[str] = (),
    seconds: float | None = None,
) -> History:
    """Read a thread, to be shown. Errors as ``GraphReader``; what is inside nodes and cannot be read is left out.

    What the policies of the graph's own gates hide is a mark, and so is what ``redact`` names: the plans of the run's requests and actions
    may hide more, and a graph on an Agent Server does not tell what its gates hide. ``seconds``: about how long it may take.
    """
    until = None if seconds is None else time.monotonic() + seconds
    found = await reader.checkpoints(graph, thread_id, limit=limit, seconds=seconds)
    inside: dict[str, tuple[Checkpoint, ...]] = {}
    due = [task.namespace for each in found for task in each.tasks if task.namespace]
    for namespace in due:  # it grows by what is further inside
        left = None if until is None else until - time.monotonic()
        if len(inside) >= MOST_INSIDE or namespace in inside or (inside and left is not None and left <= 0):
            continue
        try:
            inner = await reader.checkpoints(graph, thread_id, limit=limit, namespace=namespace, seconds=left)
        except HitlError:
            continue
        inside[namespace] = inner
        due += [task.namespace for each in inner for task in each.tasks if task.namespace]
    kept = History(
        checkpoints=found,
        inside={key: each for key, each in inside.items() if each},
        cut=bool(found) and found[-1].parent_id is not None,
    )
    return await asyncio.to_thread(veiled, kept, {*redact, *reader.hidden(graph)})


__all__ = ["LIMIT", "MOST_INSIDE", "History", "look_back"]
