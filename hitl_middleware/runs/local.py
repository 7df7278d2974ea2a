"""GraphRuns over compiled graphs in this process."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.errors import is_invalid_resume
from langgraph.pregel import Pregel
from langgraph.types import Command, StateSnapshot

from hitl_middleware.errors import AnswerRefused, ConfigurationError, UnknownGraph
from hitl_middleware.gate.build import check_tools
from hitl_middleware.gate.calls import LEASE_KEY
from hitl_middleware.gate.steps import STEPS_KEY, Steps
from hitl_middleware.gate.wiring import check_steps
from hitl_middleware.portal import Portal
from hitl_middleware.records import Lease, PendingInterrupt, Run, Snapshot
from hitl_middleware.runs import leftovers, stuck

T = TypeVar("T")

CUT_SECONDS = 2.0
"""How long a run that is cut may take to notice. A tool that blocks its thread never does; its claim says what is not known then."""

RUN_KEY = "hitl_run"
"""In a checkpoint's metadata: which run wrote it. So a run whose input was never taken is told from one that has begun."""


class LocalRuns:
    """Drives graphs on a loop of their own (``portal``): a tool that blocks that loop cannot keep leases from being renewed."""

    def __init__(self, portal: Portal, steps: Steps) -> None:
        self._portal = portal
        self._steps = steps
        self._graphs: dict[str, Pregel[Any, Any, Any, Any]] = {}
        self._sync_only: set[str] = set()

    def add(self, name: str, graph: Pregel[Any, Any, Any, Any], *, named: bool = True) -> None:
        """Register (or replace) a graph under its name. ``named``: somebody chose it; what nobody chose replaces no other graph.

        Raises ``UnknownTool`` for a policy whose tool the graph does not have, ``ConfigurationError`` for a step that leads nowhere, or
        where another graph is called so already.
        """
        check_tools(graph)
        check_steps(graph)
        before = self._graphs.get(name)
        if not named and before is not None and not _same(before, graph):
            # Its runs would be carried on with the tools of this one.
            msg = f"another graph is called {name!r} already: give each a name of its own, attach(graph, name=…)"
            raise ConfigurationError(msg)
        self._graphs[name] = graph.with_config(configurable={STEPS_KEY: self._steps})
        self._sync_only.discard(name)

    def graphs(self) -> Collection[str]:
        """Names of the graphs that can be run here."""
        return tuple(self._graphs)

    def graph(self, name: str) -> Pregel[Any, Any, Any, Any]:
        """The graph of that name. Raises ``UnknownGraph``."""
        try:
            return self._graphs[name]
        except KeyError:
            raise UnknownGraph(name=name, known=", ".join(self._graphs) or "none") from None

    async def look(self, run: Run) -> Snapshot:
        """Where the run's thread stands, from its newest checkpoint."""
        graph = self._graph(run)
        try:
            snapshot, troubled = await self.at_home(graph, _look, graph, run)
        except NotImplementedError:  # a saver without async methods: from now on in a thread
            self._sync_only.add(run.graph)
            snapshot, troubled = await self._in_thread(graph, run)
        if not troubled:
            return snapshot
        raised = await asyncio.to_thread(stuck.raised, graph, _config(run))
        found = (replace(item, raised=raised.get(item.id)) for item in snapshot.interrupts)
        return replace(snapshot, interrupts=tuple(found))

    async def start(self, run: Run, lease: Lease) -> None:
        """Run with the run's input, once the thread is in order."""
        # Without the run's name: should this process die now, the run's input has not been taken yet.
        config: RunnableConfig = {"configurable": _driving(run, lease)["configurable"]}
        if not run.is_untouched and await self._left_open(run):
            await asyncio.to_thread(leftovers.settle, self._graph(run), config)
        await self._invoke(run, lease, run.input)

    async def _left_open(self, run: Run) -> bool:
        """Whether something stands in the middle on the run's thread. Looked at where it costs little: mostly there is nothing."""
        graph = self._graph(run)
        if run.graph in self._sync_only:
            return True
        state: StateSnapshot = await self.at_home(graph, graph.aget_state, _config(run))
        return bool(state.tasks)

    async def resume(self, run: Run, lease: Lease, answers: Mapping[str, Any]) -> None:
        """Resume by interrupt id: a bare value that arrives twice would answer the next question."""
        try:
            await self._invoke(run, lease, Command(resume=dict(answers)))
        except Exception as error:
            if is_invalid_resume(error):
                raise AnswerRefused(reason=f"{type(error).__name__}: {error}"[:500]) from error
            raise

    async def take_anew(self, run: Run, lease: Lease, interrupt_id: str) -> bool:
        """See ``stuck.take_anew``."""
        return await asyncio.to_thread(stuck.take_anew, self._graph(run), _driving(run, lease), interrupt_id)

    async def carry_on(self, run: Run, lease: Lease) -> None:
        """Continue from the last checkpoint."""
        await self._invoke(run, lease, None)

    async def _invoke(self, run: Run, lease: Lease, given: Any) -> None:
        graph, config = self._graph(run), _driving(run, lease)
        # "exit" forgets an approval after a crash; "async" may. "sync" costs no more here (DESIGN §6).
        if run.graph in self._sync_only:
            await asyncio.to_thread(partial(graph.invoke, given, config, durability="sync"))
        else:
            await self.at_home(graph, _ainvoke, graph, given, config)

    async def at_home(
        self, graph: Pregel[Any, Any, Any, Any], do: Callable[..., Awaitable[T]], *args: Any
    ) -> T:
        """Do something with a graph on the loop where it runs: savers with async connections belong to the one they were made on."""
        home = getattr(graph.checkpointer, "loop", None)
        if not isinstance(home, asyncio.AbstractEventLoop) or not home.is_running():
            home = self._portal.loop
        if home is asyncio.get_running_loop():
            return await do(*args)
        ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        going = asyncio.run_coroutine_threadsafe(_begin(ended, do, *args), home)
        try:
            return await asyncio.wrap_future(going)
        except asyncio.CancelledError:
            # Its lease is handed on when we are through: not while anything of it still goes on there.
            await asyncio.wait({asyncio.wrap_future(ended)}, timeout=CUT_SECONDS)
            raise

    async def _in_thread(self, graph: Pregel[Any, Any, Any, Any], run: Run) -> tuple[Snapshot, bool]:
        state = await asyncio.to_thread(graph.get_state, _config(run))
        before = (
            await asyncio.to_thread(graph.get_state, state.parent_config) if state.parent_config else None
        )
        return _snapshot(graph, run, state, before)

    def _graph(self, run: Run) -> Pregel[Any, Any, Any, Any]:
        return self.graph(run.graph)


def _same(one: Pregel[Any, Any, Any, Any], other: Pregel[Any, Any, Any, Any]) -> bool:
    """Whether they are copies of one graph: LangGraph copies all but the nodes."""
    return [*map(id, one.nodes.values())] == [*map(id, other.nodes.values())]


async def _begin(ended: concurrent.futures.Future[None], do: Callable[..., Awaitable[T]], *args: Any) -> T:
    try:
        return await do(*args)
    finally:
        ended.set_result(None)


async def _ainvoke(graph: Pregel[Any, Any, Any, Any], given: Any, config: Any) -> None:
    try:
        await graph.ainvoke(given, config, durability="sync")
    except SystemExit as error:
        # A node that calls sys.exit() ends its run, not the process that runs others.
        msg = f"the graph tried to end the process (sys.exit({error.code!r}))"
        raise RuntimeError(msg) from error


async def _look(graph: Pregel[Any, Any, Any, Any], run: Run) -> tuple[Snapshot, bool]:
    state = await graph.aget_state(_config(run))
    asks_after = bool(graph.interrupt_after_nodes) and bool(state.tasks) and not state.interrupts
    before = await graph.aget_state(state.parent_config) if asks_after and state.parent_config else None
    return _snapshot(graph, run, state, before)


def _snapshot(
    graph: Pregel[Any, Any, Any, Any], run: Run, state: StateSnapshot, before: StateSnapshot | None
) -> tuple[Snapshot, bool]:
    """Where it stands, and whether a step raised something when it was answered."""
    metadata = state.metadata or {}
    # A suspended run has begun, whoever wrote the newest checkpoint: somebody may have resumed its thread past us.
    begun = run.started_by == "caller" or run.status == "suspended" or metadata.get(RUN_KEY) == run.id
    mine = state.metadata is not None and begun
    interrupts = tuple(
        PendingInterrupt(
            id=item.id,
            value=item.value,
            response_schema=item.response_schema if isinstance(item.response_schema, dict) else None,
        )
        for item in state.interrupts
    )
    held = _holds(graph.interrupt_before_nodes, state.next) or (
        before is not None and _holds(graph.interrupt_after_nodes, before.next)
    )
    checkpoint_id = (state.config.get("configurable") or {}).get("checkpoint_id")
    snapshot = Snapshot(
        started=mine,
        # next == () does not mean finished: a crashed thread can look so. No task left does (DESIGN §6).
        finished=mine and state.tasks == (),
        interrupts=interrupts,
        breakpoint=checkpoint_id if held and state.tasks and not interrupts else None,
    )
    return snapshot, any(task.error and task.interrupts for task in state.tasks)


def _holds(nodes: str | Collection[str], names: Collection[str]) -> bool:
    return bool(names) and (nodes == "*" or any(name in nodes for name in names))


def _config(run: Run) -> RunnableConfig:
    return {"configurable": {"thread_id": run.thread_id}}


def _driving(run: Run, lease: Lease) -> RunnableConfig:
    """The same for whoever writes: under which lease, and for which run."""
    handed = {"run": lease.run_id, "fence": lease.fence}
    return {
        "configurable": {"thread_id": run.thread_id, LEASE_KEY: handed},
        "metadata": {RUN_KEY: run.id},
    }
