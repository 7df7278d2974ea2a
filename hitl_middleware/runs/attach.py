"""``attach``: the user's process runs the graph; whenever it stops, requests are filed.

A callback at the graph's root holds the run's lease from its start to its end (so nobody resumes it meanwhile, and two callers of one
thread take turns) and files the questions when it parks. Root graphs only: LangGraph tells an attached subgraph nothing.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from langgraph.callbacks import GraphCallbackHandler, GraphInterruptEvent
from langgraph.pregel import Pregel
from langgraph.types import Interrupt

from hitl_middleware.errors import ConfigurationError, HitlError, RequestNotFiled
from hitl_middleware.gate.steps import STEPS_KEY, Steps
from hitl_middleware.portal import Portal
from hitl_middleware.records import Lease, PendingInterrupt, Snapshot
from hitl_middleware.runs.callers import Callers

log = structlog.get_logger("hitl.runs")


STRAY = (
    "{name} asks something on a thread of its own inside a node of another graph. LangGraph does not tell which thread that is, so nobody "
    "would be asked. Attach the outer graph and call this one there without a thread_id, or run it outside of other graphs"
)


@dataclass(slots=True)
class _Root:
    thread_id: str
    lease: Lease
    parked: bool = False


class Attached(GraphCallbackHandler):
    """The callback of one attached graph. Synchronous on purpose: LangGraph runs it in a thread under ``ainvoke``."""

    raise_error = (
        True  # errors of callbacks are swallowed otherwise, and a request that was not filed must be told
    )

    def __init__(self, name: str, callers: Callers, portal: Portal, ready: Callable[[], None]) -> None:
        self.name = name
        self._callers = callers
        self._portal = portal
        self._ready = ready
        self._roots: dict[UUID, _Root] = {}
        self._open = Counter[str]()
        """Threads of the roots."""
        self._strays: set[UUID] = set()
        """What runs inside a graph that has no root here."""
        self._lock = threading.Lock()

    def on_chain_start(
        self,
        serialized: dict[str, Any] | None,  # noqa: ARG002 – LangChain's signature
        inputs: Any,  # noqa: ARG002 – LangChain's signature
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """The root starts: take the thread's lease, or wait for whoever has it."""
        facts = metadata or {}
        inside = "langgraph_node" in facts or "langgraph_checkpoint_ns" in facts
        with self._lock:
            if inside and str(facts.get("thread_id")) not in self._open:
                self._strays.add(run_id)
            if inside or "thread_id" not in facts:
                return  # a step inside the graph, or a graph without a thread
            if kwargs.get("parent_run_id") in self._roots:
                return
        self._ready()
        thread_id = str(facts["thread_id"])
        # The executor of an event loop names its threads so: this one waits there for an ``ainvoke``.
        on_loop = threading.current_thread().name.startswith("asyncio_")
        lease = self._portal.call(self._callers.begin, self.name, thread_id, on_loop=on_loop)
        with self._lock:
            self._roots[run_id] = _Root(thread_id, lease)
            self._open[thread_id] += 1

    def on_interrupt(self, event: GraphInterruptEvent) -> None:
        """The run is parked, durably: file what it asks."""
        root = self._roots.get(event.run_id) if event.run_id is not None else None
        if root is None:
            if event.run_id in self._strays and event.checkpoint_ns == ():
                raise ConfigurationError(STRAY.format(name=self.name))
            return
        root.parked = True
        snapshot = Snapshot(
            started=True,
            finished=False,
            interrupts=tuple(
                PendingInterrupt(
                    id=item.id,
                    value=item.value,
                    response_schema=item.response_schema if isinstance(item.response_schema, dict) else None,
                )
                for item in _standing(event.interrupts)
            ),
            breakpoint=event.checkpoint_id
            if event.status in {"interrupt_before", "interrupt_after"} and not event.interrupts
            else None,
        )
        try:
            self._portal.call(self._callers.file, root.lease.run_id, snapshot)
        except HitlError as error:
            raise RequestNotFiled(thread_id=root.thread_id, reason=str(error)) from error
        except Exception as error:
            raise RequestNotFiled(thread_id=root.thread_id, reason=type(error).__name__) from error

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **kwargs: Any) -> None:  # noqa: ARG002 – LangChain's signature
        """The root stops of its own."""
        self._end(run_id, None)

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """The root stops with an error (a question that could not be filed is not one of the graph's)."""
        try:
            self._end(run_id, error)
        except HitlError:  # the database is away: the caller hears of its own error, and the sweep looks when the lease has run out
            log.warning("run end not stored", error=type(error).__name__)

    def _end(self, run_id: UUID, error: BaseException | None) -> None:
        with self._lock:
            self._strays.discard(run_id)
            root = self._roots.pop(run_id, None)
            if root is not None:
                self._open -= Counter([root.thread_id])
        if root is not None:
            self._portal.call(self._callers.end, root.lease, parked=root.parked, error=error)


def _standing(interrupts: Sequence[Interrupt]) -> Sequence[Interrupt]:
    """What the root itself stands at; ``advance`` files whatever else there is.

    In the functional API a task asks, and whoever waits for that task asks the same once more, up to the root, which waits for one at a
    time. What its other tasks ask is asked again when it comes to them.
    """
    times = Counter(item.id for item in interrupts)
    most = max(times.values(), default=0)
    return [item for item in {each.id: each for each in interrupts}.values() if times[item.id] == most]


def attach(graph: Pregel[Any, Any, Any, Any], handler: Attached, steps: Steps) -> Pregel[Any, Any, Any, Any]:
    """A copy of ``graph`` that files its questions, and whose steps look here for answers.

    Idempotent: an attached graph is answered with itself.
    """
    if handlers_of(graph):
        return graph
    return graph.with_config(callbacks=[handler], configurable={STEPS_KEY: steps})


def detach(graph: Pregel[Any, Any, Any, Any]) -> Pregel[Any, Any, Any, Any]:
    """The graph without our callback: where we drive it ourselves, filing is ``advance``'s."""
    if not handlers_of(graph):
        return graph
    callbacks = [item for item in _callbacks(graph) if not isinstance(item, Attached)]
    return graph.copy({"config": {**(graph.config or {}), "callbacks": callbacks}})


def handlers_of(graph: Pregel[Any, Any, Any, Any]) -> list[Attached]:
    """Our callbacks on this graph."""
    return [item for item in _callbacks(graph) if isinstance(item, Attached)]


def _callbacks(graph: Pregel[Any, Any, Any, Any]) -> list[Any]:
    callbacks = (graph.config or {}).get("callbacks") or []
    return list(callbacks) if isinstance(callbacks, list) else list(callbacks.handlers)
