"""Threads on which an answer did not go down: what a step raised when it was answered, and the cure.

LangGraph stores an answer with its step before the step has looked at it, and gives it again on every re-run. Where the step cannot live
with it (LangChain's batched middleware with an answer that is none), the thread raises for ever (measured on langgraph 1.2.22). The cure is
to take back what is stored, as LangGraph writes it: the saver keeps one list of answers for each step, and the newest is what counts. So
nothing else is touched: what was done beside the step stays done, and the question is asked again as it was, under its own id.

The list lies with the innermost graph, which may be one that LangGraph does not know of beforehand (an agent that a tool calls). Its
namespace is made of its steps' names and ids, and so can be followed from the root.
Synchronous, and called in a thread of its own: every saver can be used so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.serde.types import INTERRUPT, RESUME, TASKS
from langgraph.pregel import Pregel
from langgraph.types import Interrupt

from hitl_middleware.records import Raised

Graph = Pregel[Any, Any, Any, Any]

NO_TASK = "00000000-0000-0000-0000-000000000000"
"""Under this id LangGraph keeps an answer that was given without an interrupt's id (``langgraph._internal._constants.NULL_TASK_ID``)."""

_TRIGGER = "branch:to:"
"""The channel by which an edge leads to a node is called so, and then like the node."""


@dataclass(frozen=True, slots=True)
class _Held:
    """The step that asked something. ``levels``: the checkpoints of the graphs around it, the root's first, its own last.

    ``answers``: what is kept for it to be given again. ``first``: the interrupt is the first thing that it asks.
    """

    levels: tuple[CheckpointTuple, ...]
    task_id: str
    answers: tuple[Any, ...]
    first: bool


def raised(graph: Graph, config: RunnableConfig) -> Mapping[str, Raised]:
    """What the steps of a thread raised when they were answered, by interrupt id. Interrupts that merely wait are not in it."""
    found: dict[str, Raised] = {}
    for task in graph.get_state(config).tasks:
        for item in task.interrupts if task.error else ():
            held = _held(graph, config, item.id)
            # The error outlives a re-run that went on to the next question: only the first one is known to be what was answered.
            kept = held is not None and held.first and bool(held.answers)
            answer = held.answers[0] if held is not None and kept else None
            found[item.id] = Raised(error=str(task.error), kept=kept, answer=answer)
    return found


def take_anew(graph: Graph, config: RunnableConfig, interrupt_id: str) -> bool:
    """Take back the answers of the step that asked this, so that it asks again. ``False``: its saver would not, and nothing was changed."""
    held = _held(graph, config, interrupt_id)
    if held is None:
        return False
    saver = _saver(graph)
    _write(saver, config, held.levels[-1], [], held.task_id)
    after = _held(graph, config, interrupt_id)
    if after is None or after.answers:
        return False
    for level in held.levels:
        # An answer that came without an id lies with a graph around it as well, and would be handed down again.
        if any(task == NO_TASK and channel == RESUME for task, channel, _ in level.pending_writes or ()):
            _write(saver, config, level, None, NO_TASK)
    return True


def _write(
    saver: BaseCheckpointSaver[Any],
    config: RunnableConfig,
    level: CheckpointTuple,
    answers: Any,
    task_id: str,
) -> None:
    # Under the run's lease, like whatever else is written for the run.
    place = {**config.get("configurable", {}), **level.config.get("configurable", {})}
    saver.put_writes({**config, "configurable": place}, [(RESUME, answers)], task_id)


def _held(graph: Graph, config: RunnableConfig, interrupt_id: str) -> _Held | None:
    thread_id = config.get("configurable", {}).get("thread_id")
    return _find(_saver(graph), thread_id, "", interrupt_id, tuple(graph.nodes))


def _find(
    saver: BaseCheckpointSaver[Any],
    thread_id: Any,
    ns: str,
    interrupt_id: str,
    nodes: tuple[str, ...] = (),
    around: tuple[CheckpointTuple, ...] = (),
) -> _Held | None:
    """The innermost step of the graph at ``ns`` that asked this; ``None``: there is no such graph, or it did not."""
    level = saver.get_tuple({"configurable": {"thread_id": thread_id, "checkpoint_ns": ns}})
    if level is None:
        return None
    levels = (*around, level)
    for task_id in _asking(level, interrupt_id):
        places = [f"{ns}|{name}:{task_id}" if ns else f"{name}:{task_id}" for name in nodes or _names(level)]
        for place in places:
            for inner in _graphs_in(saver, thread_id, place):
                if deeper := _find(saver, thread_id, inner, interrupt_id, around=levels):
                    return deeper
        first = any(Interrupt.from_ns(value=None, ns=place).id == interrupt_id for place in places)
        return _Held(levels, task_id, _answers(level, task_id), first)
    return None


def _asking(level: CheckpointTuple, interrupt_id: str) -> Iterator[str]:
    """The tasks in which this is asked."""
    for task_id, channel, value in level.pending_writes or ():
        if channel == INTERRUPT and any(item.id == interrupt_id for item in value):
            yield task_id


def _names(level: CheckpointTuple) -> Iterator[str]:
    """What the steps that are due may be called: those that an edge leads to, and those that a ``Send`` names."""
    for channel in level.checkpoint["channel_versions"]:
        if channel.startswith(_TRIGGER):
            yield channel.removeprefix(_TRIGGER)
    for packet in level.checkpoint["channel_values"].get(TASKS) or ():
        if isinstance(name := getattr(packet, "node", None), str):
            yield name


def _graphs_in(saver: BaseCheckpointSaver[Any], thread_id: Any, place: str) -> Iterator[str]:
    """Where the graphs that a step has called keep their checkpoints: the first under its own name, further ones are numbered.

    One that remembers (``checkpointer=True``) keeps them under the names alone, so that the next turn finds them.
    """
    yield "|".join(part.partition(":")[0] for part in place.split("|") if not part.isdigit())
    for number in count():
        ns = f"{place}|{number}" if number else place
        if saver.get_tuple({"configurable": {"thread_id": thread_id, "checkpoint_ns": ns}}) is None:
            return
        yield ns


def _answers(level: CheckpointTuple, task_id: str) -> tuple[Any, ...]:
    for task, channel, value in level.pending_writes or ():
        if task == task_id and channel == RESUME:
            return tuple(value) if isinstance(value, list) else (value,)
    return ()


def _saver(graph: Graph) -> BaseCheckpointSaver[Any]:
    assert isinstance(graph.checkpointer, BaseCheckpointSaver)  # noqa: S101 – graphs without one are not registered
    return graph.checkpointer
