"""A part of a thread, copied to another one: the checkpoints that led to a place, and what subgraphs keep beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME

from hitl_middleware.records import Run
from hitl_middleware.runs.local import RUN_KEY

MOST_COPIED = 5_000
"""Checkpoints of a thread, those of its subgraphs included."""


async def listed(saver: BaseCheckpointSaver[Any], thread_id: str) -> Sequence[CheckpointTuple]:
    """All that is kept of a thread, its subgraphs' checkpoints included."""
    config: RunnableConfig = {"configurable": {"thread_id": thread_id}}
    return [item async for item in saver.alist(config, limit=MOST_COPIED)]


def listed_sync(saver: BaseCheckpointSaver[Any], thread_id: str) -> Sequence[CheckpointTuple]:
    """The same of a saver that has only sync methods."""
    return list(saver.list({"configurable": {"thread_id": thread_id}}, limit=MOST_COPIED))


def led_to(items: Sequence[CheckpointTuple], checkpoint_id: str, *, begun: bool) -> Sequence[CheckpointTuple]:
    """The checkpoints that led to one, the oldest first. ``begun``: with what was done at it already.

    Whatever asks there asks anew: an open question names its thread, and an answer that was given is the other thread's. Without ``begun``
    the whole step is run again.
    """
    by_id = {_id(item): item for item in items if not _ns(item)}
    chain: list[CheckpointTuple] = []
    at: str | None = checkpoint_id
    while at is not None and at in by_id:
        chain.append(by_id[at])
        at = _parent(by_id[at])
    newest = [_unasked(item) if begun else item._replace(pending_writes=[]) for item in chain[:1]]
    kept = {_id(item) for item in chain} - (set() if begun else {checkpoint_id})
    inner = [_unasked(item) for item in items if _ns(item) and _root(item) in kept]
    return [*reversed([*newest, *chain[1:]]), *sorted(inner, key=_id)]


def _unasked(item: CheckpointTuple) -> CheckpointTuple:
    """A checkpoint with what is done, and without whatever asked, was answered or failed."""
    writes = item.pending_writes or []
    open_still = {task for task, channel, _ in writes if channel in {INTERRUPT, RESUME, ERROR}}
    return item._replace(pending_writes=[write for write in writes if write[0] not in open_still])


def put(saver: BaseCheckpointSaver[Any], run: Run, items: Sequence[CheckpointTuple]) -> None:
    """Write them under the name of another run and its thread, with their ids: so tasks keep theirs, too."""
    for item in items:
        place: RunnableConfig = {"configurable": {"thread_id": run.thread_id, "checkpoint_ns": _ns(item)}}
        if (parent := _parent(item)) is not None:
            place["configurable"]["checkpoint_id"] = parent
        metadata: Any = {**item.metadata, RUN_KEY: run.id}
        written = saver.put(place, item.checkpoint, metadata, item.checkpoint["channel_versions"])
        by_task: dict[str, list[tuple[str, Any]]] = {}
        for task_id, channel, value in item.pending_writes or ():
            by_task.setdefault(task_id, []).append((channel, value))
        for task_id, writes in by_task.items():
            saver.put_writes(written, writes, task_id)


def _id(item: CheckpointTuple) -> str:
    return str(item.config["configurable"].get("checkpoint_id", ""))


def _ns(item: CheckpointTuple) -> str:
    return str(item.config["configurable"].get("checkpoint_ns", ""))


def _parent(item: CheckpointTuple) -> str | None:
    found = ((item.parent_config or {}).get("configurable") or {}).get("checkpoint_id")
    return None if found is None else str(found)


def _root(item: CheckpointTuple) -> str:
    parents = item.metadata.get("parents") or {}
    return str(parents.get("", ""))
