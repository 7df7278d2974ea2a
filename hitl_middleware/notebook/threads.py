"""A thread's checkpoints, read through its graph, on whatever loop and with whatever saver it has. Changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.pregel import Pregel

from hitl_middleware import dialects
from hitl_middleware.display import one_line
from hitl_middleware.drawing import Diagram
from hitl_middleware.errors import HitlError
from hitl_middleware.gate.build import tool_nodes
from hitl_middleware.notebook.facts import Asking, RuleFacts
from hitl_middleware.ports import GraphReader
from hitl_middleware.runs.history.back import look_back
from hitl_middleware.runs.history.compiled import CompiledReader
from hitl_middleware.runs.history.kept import History

Graph = Pregel[Any, Any, Any, Any]
Read = tuple[History, Diagram | None]
"""All that is kept of a thread without what policies hide, and what its graph looks like."""
T = TypeVar("T")

MOST_CHECKPOINTS = 200
"""The newest of a thread: a slider has no more places, and each holds a whole state."""

MOST_THREADS = 200
"""Of a saver whose threads no run is known of."""


def saver_of(graph: Graph) -> BaseCheckpointSaver[Any] | None:
    """The graph's saver, if it has one of its own."""
    return graph.checkpointer if isinstance(graph.checkpointer, BaseCheckpointSaver) else None


def home_of(graph: Graph) -> asyncio.AbstractEventLoop | None:
    """The loop that a saver with async connections belongs to, while it runs."""
    loop = getattr(graph.checkpointer, "loop", None)
    return loop if isinstance(loop, asyncio.AbstractEventLoop) and loop.is_running() else None


def stands_on(graph: Graph) -> bool:
    """Whether whoever asks stands on the loop that its saver works on, and so could not wait for it."""
    try:
        return home_of(graph) is asyncio.get_running_loop()
    except RuntimeError:  # no loop runs here
        return False


def in_memory(graph: Graph) -> bool:
    """Whether the saver forgets everything with its process."""
    return isinstance(graph.checkpointer, InMemorySaver)


async def read(graph: Graph, name: str, thread_id: str, redact: Collection[str]) -> Read:
    """A thread of a graph of this process. Raises ``Unreadable``."""
    reader = CompiledReader({name: graph})

    async def look() -> Read:
        return await read_by(reader, name, thread_id, redact)

    return await at_home(graph, look)


async def read_by(reader: GraphReader, name: str, thread_id: str, redact: Collection[str]) -> Read:
    """The same by whoever can read it. Raises ``Unreadable``, ``OutOfReach``."""
    history = await look_back(reader, name, thread_id, limit=MOST_CHECKPOINTS, redact=redact)
    try:
        return history, await reader.shape(name)
    except HitlError:  # what it looks like is the lesser part
        return history, None


async def threads(graph: Graph) -> Sequence[str]:
    """Threads of which the saver keeps anything, the newest first."""
    saver = saver_of(graph)
    if saver is None:
        return ()
    return await asked(graph, partial(_athreads, saver), partial(_threads, saver))


async def at_home(graph: Graph, do: Callable[[], Awaitable[T]]) -> T:
    """Something of the saver's, on the loop that it belongs to."""
    home = home_of(graph)
    if home is None or home is asyncio.get_running_loop():
        return await do()

    async def there() -> T:
        return await do()

    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), home))


async def asked(graph: Graph, do: Callable[[], Awaitable[T]], else_: Callable[[], T]) -> T:
    """The same; with a saver that has only sync methods ``else_``, in a thread."""
    try:
        return await at_home(graph, do)
    except NotImplementedError:
        return await asyncio.to_thread(else_)


async def _athreads(saver: BaseCheckpointSaver[Any]) -> Sequence[str]:
    found: dict[str, None] = {}
    async for item in saver.alist(None, limit=20 * MOST_THREADS):
        found.setdefault(item.config["configurable"]["thread_id"])
    return list(found)[:MOST_THREADS]


def _threads(saver: BaseCheckpointSaver[Any]) -> Sequence[str]:
    found: dict[str, None] = {}
    for item in saver.list(None, limit=20 * MOST_THREADS):
        found.setdefault(item.config["configurable"]["thread_id"])
    return list(found)[:MOST_THREADS]


# --------------------------------------------------------------------------------------------------------------- purely


def questions(history: History) -> tuple[Asking, ...]:
    """What a thread asks just now, in our words."""
    found: list[Asking] = []
    for item in history.newest.interrupts if history.newest is not None else ():
        for question in dialects.read(item.value, item.response_schema):
            call = question.call
            found.append(
                Asking(
                    interrupt_id=item.id,
                    title=one_line(question.title, 200),
                    description=question.description,
                    tool=call.name if call is not None else question.tool,
                    shown=dict(call.args) if call is not None else question.shown,
                )
            )
    return tuple(found)


def rules(graph: Graph) -> tuple[tuple[RuleFacts, ...], Mapping[str, tuple[str, ...]]]:
    """The policies of a graph's gates, by tool, and what each of them hides."""
    found: list[RuleFacts] = []
    redact: dict[str, tuple[str, ...]] = {}
    for gates, tools in tool_nodes(graph):
        for name, tool in tools.items():
            policy = next((p for gate in gates if (p := gate.policy_for(name, tool)) is not None), None)
            if policy is not None:
                found.append(RuleFacts(tool=name, rule=policy.rule, version=policy.fingerprint))
                redact[name] = tuple(dict.fromkeys([*redact.get(name, ()), *policy.redact]))
    return tuple(found), redact
