"""Threads on which an answer did not go down: what a step raised when it was answered, and the cure where LangGraph has one.

LangGraph stores an answer with its step before the step has looked at it, and gives it again on every re-run. Where the step cannot live
with it (LangChain's batched middleware with an answer that is none), the thread raises for ever (measured on langgraph 1.2.22). The cure is
to take the step anew: ``update_state`` as the node before it makes a new checkpoint with the same state and none of the answers.
Synchronous, and called in a thread of its own: every saver can be used so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.types import RESUME
from langgraph.constants import START
from langgraph.pregel import Pregel
from langgraph.types import Interrupt, PregelTask, StateSnapshot

from hitl_middleware.records import Raised

Graph = Pregel[Any, Any, Any, Any]

NO_TASK = "00000000-0000-0000-0000-000000000000"
"""Under this id LangGraph keeps an answer that was given without an interrupt's id (``langgraph._internal._constants.NULL_TASK_ID``)."""


@dataclass(frozen=True, slots=True)
class _Stuck:
    """A step that raised when it was answered; ``above``: the states in which it is nested, outermost first, its own last."""

    task: PregelTask
    above: tuple[StateSnapshot, ...]


def raised(graph: Graph, config: RunnableConfig) -> Mapping[str, Raised]:
    """What the steps of a thread raised when they were answered, by interrupt id. Interrupts that merely wait are not in it."""
    saver = _saver(graph)
    found: dict[str, Raised] = {}
    for stuck in _stuck(graph.get_state(config, subgraphs=True)):
        answers = _answers(saver, stuck)
        for item in stuck.task.interrupts:
            # The error outlives a re-run that went on to the next question: only the first one is known to be what was answered.
            kept = bool(answers) and item.id == _first_id(stuck)
            found[item.id] = Raised(
                error=str(stuck.task.error), kept=kept, answer=answers[0] if kept else None
            )
    return found


def take_anew(graph: Graph, config: RunnableConfig, interrupt_id: str) -> bool:
    """Take the step of an interrupt anew, without its answer; what the thread holds stays.

    ``False``: there is no such way here, and nothing was changed. The step shares its turn with others that would be repeated, or no node
    of the graph leads to this one alone.
    """
    for stuck in _stuck(graph.get_state(config, subgraphs=True)):
        if interrupt_id not in {item.id for item in stuck.task.interrupts}:
            continue
        state = stuck.above[-1]
        alone = len(state.tasks) == 1 and stuck.task.path[:1] == ("__pregel_pull",)
        before = _node_before(graph, state, stuck.task.name) if alone else None
        if before is None:
            return False
        # Under the run's lease, and with its name, like every other checkpoint of the run.
        place = {**config.get("configurable", {}), **state.config.get("configurable", {})}
        graph.update_state({**config, "configurable": place}, None, as_node=before)
        # An answer that came without an id lies with every graph around it too, and would be handed down again.
        for outer in stuck.above[:-1]:
            _saver(graph).put_writes(outer.config, [(RESUME, None)], NO_TASK)
        return True
    return False


def _stuck(state: StateSnapshot, above: tuple[StateSnapshot, ...] = ()) -> Iterator[_Stuck]:
    above = (*above, state)
    for task in state.tasks:
        if not task.error or not task.interrupts:
            continue
        if isinstance(task.state, StateSnapshot) and any(t.interrupts for t in task.state.tasks):
            yield from _stuck(task.state, above)
        else:
            yield _Stuck(task, above)


def _first_id(stuck: _Stuck) -> str:
    """The id of the first thing that a step asks."""
    around = (stuck.above[-1].config.get("configurable") or {}).get("checkpoint_ns") or ""
    within = f"{stuck.task.name}:{stuck.task.id}"
    return Interrupt.from_ns(value=None, ns=f"{around}|{within}" if around else within).id


def _answers(saver: BaseCheckpointSaver[Any], stuck: _Stuck) -> list[Any]:
    """What LangGraph has kept for this step to be given again."""
    saved = saver.get_tuple(stuck.above[-1].config)
    for task_id, channel, value in (saved.pending_writes or ()) if saved is not None else ():
        if task_id == stuck.task.id and channel == RESUME:
            return list(value) if isinstance(value, list) else [value]
    return []


def _node_before(graph: Graph, state: StateSnapshot, name: str) -> str | None:
    """The node that leads to this one and, without a choice, to no other: as which the step can be taken anew."""
    namespace = (state.config.get("configurable") or {}).get("checkpoint_ns") or ""
    if namespace:
        path = "|".join(part.split(":", 1)[0] for part in namespace.split("|"))
        within = dict(graph.get_subgraphs(namespace=path, recurse=True)).get(path)
        if not isinstance(within, Pregel):
            return None
        graph = within
    edges = graph.get_graph().edges
    for edge in edges:
        others = {e.target for e in edges if e.source == edge.source and not e.conditional} - {name}
        if edge.target == name and edge.source not in {START, name} and not others:
            return edge.source
    return None


def _saver(graph: Graph) -> BaseCheckpointSaver[Any]:
    assert isinstance(graph.checkpointer, BaseCheckpointSaver)  # noqa: S101 – graphs without one are not registered
    return graph.checkpointer
