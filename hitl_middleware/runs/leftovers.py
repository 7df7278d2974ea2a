"""What a run that ended in the middle has left on its thread, put in order before the next one begins there.

New input makes LangGraph drop the steps that were not finished: what their siblings had done already is dropped as well, and tool calls
that nobody answered stay in the history, which real providers refuse (measured on langgraph 1.2.22). Synchronous, and called in a thread of
its own: every saver can be used so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import structlog
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.runnables import RunnableConfig
from langgraph.channels import LastValue
from langgraph.constants import END
from langgraph.pregel import Pregel
from langgraph.types import StateSnapshot

log = structlog.get_logger("hitl.runs")

Graph = Pregel[Any, Any, Any, Any]

NO_OUTCOME = "There is no outcome of {name}: the run that called it ended before one was known."
"""What an unanswered call is answered with. Not that it was not performed: nobody is told a guess (DESIGN §2)."""


def settle(graph: Graph, config: RunnableConfig) -> None:
    """Keep what was done, drop what was not, and answer every tool call that stands open at the end of a history."""
    _settle(graph, graph, config, graph.get_state(config, subgraphs=True))


def _settle(root: Graph, graph: Graph, config: RunnableConfig, state: StateSnapshot) -> None:
    """``graph``: the root, or one inside it, at whose checkpoints ``config`` points."""
    if not state.tasks:
        return
    for task in state.tasks:
        # What a graph inside has in hand goes with its step, but for one that remembers (``checkpointer=True``): the next turn finds it.
        if isinstance(task.state, StateSnapshot) and ":" not in (ns := _namespace(task.state.config)):
            inner = dict(root.get_subgraphs(namespace=ns, recurse=True)).get(ns)
            if isinstance(inner, Pregel):
                place = {**config.get("configurable", {}), "checkpoint_ns": ns}
                _settle(root, inner, {**config, "configurable": place}, task.state)
    root.update_state(config, None, as_node=END)
    if not (open_ := dict(_unanswered(root.get_state(config).values))):
        return
    told: dict[str, Any] = {
        key: [*history, *answers] if isinstance(graph.channels.get(key), LastValue) else answers
        for key, (history, answers) in open_.items()
    }
    step = state.tasks[0].name
    try:
        # As the step that stood there. What follows on it is dropped again.
        root.update_state(config, told, as_node=step)
    except Exception as error:  # noqa: BLE001 – the graph's own code chooses what follows, and its trouble is not that of the new run
        log.warning("tool calls left unanswered", step=step, error=type(error).__name__)
    root.update_state(config, None, as_node=END)


def _namespace(config: RunnableConfig) -> str:
    return str(config.get("configurable", {}).get("checkpoint_ns") or "")


def _unanswered(values: Any) -> Iterator[tuple[str, tuple[Sequence[BaseMessage], Sequence[ToolMessage]]]]:
    """Of each history in the state that ends with calls nobody answered: its name, the history, the answers."""
    for key, history in values.items() if isinstance(values, Mapping) else ():
        if isinstance(history, list) and (answers := answers_to(history)):
            yield key, (history, answers)


def answers_to(history: Sequence[Any]) -> list[ToolMessage]:
    """An answer to each call at the end of a history that has none."""
    heard = set()
    for message in reversed(history):
        if isinstance(message, ToolMessage):
            heard.add(message.tool_call_id)
        elif isinstance(message, AIMessage):
            return [
                ToolMessage(
                    NO_OUTCOME.format(name=call["name"]),
                    tool_call_id=call["id"],
                    name=call["name"],
                    status="error",
                )
                for call in message.tool_calls
                if call["id"] not in heard
            ]
        else:
            break
    return []
