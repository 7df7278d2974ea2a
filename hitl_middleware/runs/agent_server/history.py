"""GraphReader over an Agent Server: its graphs' shapes and its threads' checkpoints, as it tells them."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import httpx

from hitl_middleware.drawing import Diagram
from hitl_middleware.errors import UnknownGraph, Unreadable
from hitl_middleware.ports import Checkpoint, Task
from hitl_middleware.records import PendingInterrupt
from hitl_middleware.runs.agent_server.asking import AgentServer
from hitl_middleware.runs.agent_server.reading import thread_of
from hitl_middleware.runs.history.plain import plain
from hitl_middleware.runs.history.shapes import diagram
from hitl_middleware.runs.local import RUN_KEY

Json = Mapping[str, Any]

AT_FIRST: Final = 8
"""Checkpoints that are asked for first, where time is short: each is the whole state."""

MORE: Final = 4
"""… and so many times as many after that, if that may be done in time."""


class AgentServerReader:
    """Reads the graphs that live on ``server``; ``names``: which ones. Raises ``OutOfReach`` as ``AgentServerRuns``."""

    def __init__(self, server: AgentServer, names: Collection[str]) -> None:
        self._server = server
        self._names = tuple(names)
        self._shapes: dict[str, Diagram] = {}

    def graphs(self) -> Collection[str]:
        """Names of the graphs that live there, as configured."""
        return self._names

    def hidden(self, graph: str) -> Collection[str]:
        """Nothing: a server does not tell what its graphs' gates hide. The plans of what they asked do."""
        self._check(graph)
        return ()

    async def shape(self, graph: str) -> Diagram:
        """Asked for once: a server that has another version of the graph is another deployment."""
        self._check(graph)
        if graph not in self._shapes:
            with _readable(graph):
                self._shapes[graph] = diagram(await self._server.drawn(graph))
        return self._shapes[graph]

    async def checkpoints(
        self,
        graph: str,
        thread_id: str,
        *,
        limit: int = 50,
        namespace: str = "",
        seconds: float | None = None,
    ) -> tuple[Checkpoint, ...]:
        """From the server's own saver; where time is short a few, and then more of them as long as there is time.

        Not page by page (``before``): servers do not agree with their own schema on what that is.
        """
        self._check(graph)
        thread, most = thread_of(thread_id), limit + 1  # what ran is known from the checkpoint before
        until = None if seconds is None else time.monotonic() + seconds
        count = most if until is None else min(AT_FIRST, most)
        while True:
            began = time.monotonic()
            with _readable(graph):
                found = await self._server.history(graph, thread, count, namespace)
            now = time.monotonic()
            if len(found) < count or count == most or until is None or now + MORE * (now - began) > until:
                break
            count = min(MORE * count, most)
        whole = len(found) <= limit and (not found or _id(found[-1].get("parent_checkpoint")) is None)
        read = await asyncio.to_thread(read_history, found, namespace)
        return read[: len(found) if whole or len(found) < 2 else len(found) - 1]

    def _check(self, graph: str) -> None:
        if graph not in self._names:
            raise UnknownGraph(name=graph, known=", ".join(self._names) or "none")


@contextmanager
def _readable(graph: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPStatusError as error:  # it is there and well, and does not want to tell
        reason = f"the Agent Server answers HTTP {error.response.status_code}"
        raise Unreadable(graph=graph, reason=reason) from error


def read_history(found: Sequence[Json], namespace: str = "") -> tuple[Checkpoint, ...]:
    """States of a thread as a server tells them, the newest first, as checkpoints. Pure."""
    tasks = {_id(each.get("checkpoint")): _list(each, "tasks") for each in found}
    gone_on = {_id(each.get("parent_checkpoint")) for each in found if _source(each) == "loop"} - {None}
    return tuple(
        _checkpoint(each, namespace, tasks, gone_on) for each in found if _id(each.get("checkpoint"))
    )


def _checkpoint(
    state: Json, namespace: str, tasks: Mapping[str | None, Sequence[Json]], gone_on: Collection[str | None]
) -> Checkpoint:
    metadata = _mapping(state.get("metadata"))
    own, parent = _id(state.get("checkpoint")), _id(state.get("parent_checkpoint"))
    values, step, run = plain(state.get("values")), metadata.get("step"), metadata.get(RUN_KEY)
    before = tasks.get(parent, ()) if parent and _source(state) == "loop" else ()
    return Checkpoint(
        id=str(own),
        parent_id=parent,
        at=_moment(state.get("created_at")),
        step=step if isinstance(step, int) else 0,
        source=_source(state),
        ran=tuple(str(task.get("name")) for task in before),
        tasks=tuple(_task(task, done=own in gone_on) for task in _list(state, "tasks")),
        values=values if isinstance(values, dict) else {} if values is None else {"": values},
        namespace=namespace,
        run_id=run if isinstance(run, str) else None,
    )


def _task(task: Json, *, done: bool) -> Task:
    inner = _mapping(task.get("checkpoint")).get("checkpoint_ns")
    asked = (
        PendingInterrupt(
            id=str(item.get("id")),
            value=item.get("value"),
            response_schema=schema if isinstance(schema := item.get("response_schema"), dict) else None,
        )
        for item in _list(task, "interrupts")
    )
    return Task(
        id=str(task.get("id")),
        name=str(task.get("name")),
        done=done or task.get("result") is not None,
        interrupts=tuple(asked),
        error=None if task.get("error") is None else str(task["error"]),
        namespace=str(inner) if inner else None,
    )


def _source(state: Json) -> str:
    return str(_mapping(state.get("metadata")).get("source") or "loop")


def _id(checkpoint: object) -> str | None:
    found = _mapping(checkpoint).get("checkpoint_id")
    return str(found) if found else None


def _mapping(found: object) -> Json:
    return found if isinstance(found, Mapping) else {}


def _list(found: Json, key: str) -> Sequence[Json]:
    items = found.get(key)
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list | tuple) else []


def _moment(told: object) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(str(told))
    except ValueError:
        return dt.datetime.min.replace(tzinfo=dt.UTC)
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
