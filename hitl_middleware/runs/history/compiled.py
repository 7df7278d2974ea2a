"""GraphReader over compiled graphs: those that this process drives, or any that somebody has at hand."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.pregel import Pregel
from langgraph.types import PregelTask, StateSnapshot

from hitl_middleware.drawing import Diagram
from hitl_middleware.errors import HitlError, UnknownGraph, Unreadable
from hitl_middleware.gate.build import gates_and_tools
from hitl_middleware.ports import Checkpoint, Task
from hitl_middleware.records import PendingInterrupt
from hitl_middleware.runs.history.plain import plain
from hitl_middleware.runs.history.shapes import diagram
from hitl_middleware.runs.local import RUN_KEY

T = TypeVar("T")
Compiled = Pregel[Any, Any, Any, Any]

NO_SAVER: Final = (
    "it has no saver. Compile it with one: compile(checkpointer=hitl.checkpointer()), or any of LangGraph's"
)

AT_ONCE: Final = 6
"""Checkpoints that are read at a time, where time is short: each is the whole state."""


class Home(Protocol):
    """Compiled graphs by name, and the loop on which each can be asked (``LocalRuns``)."""

    def graphs(self) -> Collection[str]: ...

    def graph(self, name: str) -> Compiled: ...

    async def at_home(self, graph: Compiled, do: Callable[..., Awaitable[T]], *args: Any) -> T: ...


class CompiledReader:
    """Reads graphs of this process, async and sync ones, with any saver. It neither drives them nor asks anything of ``Hitl``.

    ``graphs``: by name – then it has to be used on the loop that an async saver of theirs was made on – or ``LocalRuns``.
    """

    def __init__(self, graphs: Mapping[str, Compiled] | Home) -> None:
        self._home: Home = _Here(graphs) if isinstance(graphs, Mapping) else graphs
        self._shapes: dict[str, tuple[Compiled, Diagram]] = {}

    def graphs(self) -> Collection[str]:
        """Names of the graphs."""
        return self._home.graphs()

    def hidden(self, graph: str) -> Collection[str]:
        """What the policies of its gates hide, whether they have asked or not."""
        compiled = self._home.graph(graph)
        policies = (
            gate.policy_for(name, tool)
            for gate, tools in gates_and_tools(compiled)
            for name, tool in tools.items()
        )
        return frozenset(name for policy in policies if policy is not None for name in policy.redact)

    async def shape(self, graph: str) -> Diagram:
        """Drawn once for each graph, as long as it is the same."""
        compiled = self._home.graph(graph)
        known = self._shapes.get(graph)
        if known is None or known[0] is not compiled:
            known = compiled, await asyncio.to_thread(_drawn, graph, compiled)
            self._shapes[graph] = known
        return known[1]

    async def checkpoints(
        self,
        graph: str,
        thread_id: str,
        *,
        limit: int = 50,
        namespace: str = "",
        seconds: float | None = None,
    ) -> tuple[Checkpoint, ...]:
        """From the graph's saver. Raises ``Unreadable`` where it has none, or where the saver cannot read what it holds."""
        compiled = self._home.graph(graph)
        if compiled.checkpointer is None or isinstance(compiled.checkpointer, bool):
            raise Unreadable(graph=graph, reason=NO_SAVER)
        config: RunnableConfig = {"configurable": {"thread_id": thread_id, "checkpoint_ns": namespace}}
        try:
            found = await self._read(compiled, config, limit + 1, seconds)
        except HitlError:
            raise
        except Exception as error:  # a saver of anybody's, and what it kept
            raise Unreadable(graph=graph, reason=f"{type(error).__name__}: {error}"[:300]) from error
        # The oldest was read for what it says of the one after it; where it has none before it, it tells all of itself.
        whole = len(found) <= limit and (not found or found[-1].parent_config is None)
        # In a thread: a long state takes its time, and whoever asks has more to do on its loop.
        read = await asyncio.to_thread(read_history, found, namespace)
        return read[: len(found) if whole or len(found) < 2 else len(found) - 1]

    async def _read(
        self, graph: Compiled, config: RunnableConfig, most: int, seconds: float | None
    ) -> list[StateSnapshot]:
        """A few at a time where time is short: LangGraph reads all it is asked for before it gives the first."""
        until = None if seconds is None else time.monotonic() + seconds
        found: list[StateSnapshot] = []
        while len(found) < most:
            page = most - len(found) if until is None else min(AT_ONCE, most - len(found))
            before = found[-1].config if found else None
            try:
                read = await self._home.at_home(graph, _history, graph, config, before, page)
            except NotImplementedError:  # a saver without async methods
                read = await asyncio.to_thread(_history_in_thread, graph, config, before, page)
            found += read
            if len(read) < page or (until is not None and time.monotonic() >= until):
                break
        return found


class _Here:
    def __init__(self, graphs: Mapping[str, Compiled]) -> None:
        self._graphs = dict(graphs)

    def graphs(self) -> Collection[str]:
        return tuple(self._graphs)

    def graph(self, name: str) -> Compiled:
        try:
            return self._graphs[name]
        except KeyError:
            raise UnknownGraph(name=name, known=", ".join(self._graphs) or "none") from None

    async def at_home(self, graph: Compiled, do: Callable[..., Awaitable[T]], *args: Any) -> T:  # noqa: ARG002
        return await do(*args)


def _drawn(name: str, graph: Compiled) -> Diagram:
    try:
        return diagram(graph.get_graph(xray=True).to_json())
    except Exception as error:  # a graph of anybody's: what it looks like is no reason to fail
        raise Unreadable(graph=name, reason=f"{type(error).__name__}: {error}"[:300]) from error


async def _history(
    graph: Compiled, config: RunnableConfig, before: RunnableConfig | None, limit: int
) -> list[StateSnapshot]:
    return [each async for each in graph.aget_state_history(config, before=before, limit=limit)]


def _history_in_thread(
    graph: Compiled, config: RunnableConfig, before: RunnableConfig | None, limit: int
) -> list[StateSnapshot]:
    return list(graph.get_state_history(config, before=before, limit=limit))


def read_history(found: Sequence[StateSnapshot], namespace: str = "") -> tuple[Checkpoint, ...]:
    """LangGraph's snapshots of a thread, the newest first, as checkpoints."""
    tasks = {_id(each.config): each.tasks for each in found}
    gone_on = {
        _id(each.parent_config)
        for each in found
        if each.parent_config and (each.metadata or {}).get("source") == "loop"
    }
    return tuple(_checkpoint(each, namespace, tasks, gone_on) for each in found if each.metadata is not None)


def _checkpoint(
    state: StateSnapshot,
    namespace: str,
    tasks: Mapping[str, Sequence[PregelTask]],
    gone_on: Collection[str],
) -> Checkpoint:
    metadata: Mapping[str, Any] = state.metadata or {}
    own = _id(state.config)
    parent = _id(state.parent_config) if state.parent_config else None
    source = str(metadata.get("source") or "loop")
    before = tasks.get(parent or "", ()) if source == "loop" else ()
    values = plain(state.values)
    return Checkpoint(
        id=own,
        parent_id=parent,
        at=_moment(state.created_at),
        step=int(metadata.get("step") or 0),
        source=source,
        ran=tuple(task.name for task in before),
        tasks=tuple(_task(task, done=own in gone_on or task.result is not None) for task in state.tasks),
        values=values if isinstance(values, dict) else {"": values},
        namespace=namespace,
        run_id=metadata.get(RUN_KEY),
    )


def _task(task: PregelTask, *, done: bool) -> Task:
    inner = task.state.get("configurable", {}).get("checkpoint_ns") if isinstance(task.state, dict) else None
    asked = (
        PendingInterrupt(
            id=item.id,
            value=plain(item.value),
            response_schema=item.response_schema if isinstance(item.response_schema, dict) else None,
        )
        for item in task.interrupts
    )
    # A strict serializer brings an error back as its repr.
    words = (
        f"{type(task.error).__name__}: {task.error}"
        if isinstance(task.error, BaseException)
        else str(task.error)
    )
    error = None if task.error is None else words
    return Task(id=task.id, name=task.name, done=done, interrupts=tuple(asked), error=error, namespace=inner)


def _id(config: RunnableConfig | None) -> str:
    return str(((config or {}).get("configurable") or {}).get("checkpoint_id") or "")


def _moment(told: str | None) -> dt.datetime:
    try:
        at = dt.datetime.fromisoformat(told or "")
    except ValueError:
        return dt.datetime.min.replace(tzinfo=dt.UTC)
    return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
