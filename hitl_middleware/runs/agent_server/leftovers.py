"""What a run that ended in the middle has left on its thread, put in order before the next one begins there.

As in this process (``runs.leftovers``), over the API: what was done is kept, what was not is dropped, and every tool call that stands open
at the end of a history is answered. Graphs inside are left alone: what they had in hand goes with their step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import structlog
from langchain_core.messages import convert_to_messages
from langgraph.constants import END

from hitl_middleware.runs.agent_server.asking import AgentServer
from hitl_middleware.runs.leftovers import answers_to

log = structlog.get_logger("hitl.runs")


async def settle(server: AgentServer, graph: str, thread: str) -> None:
    """Put the thread in order; most are, and cost one question."""
    state = await server.state(graph, thread)
    tasks: Sequence[Mapping[str, Any]] = (state or {}).get("tasks") or ()
    if not tasks:
        return
    await server.update(graph, thread, None, END)
    histories = dict(_unanswered(await server.values(graph, thread)))
    if not histories:
        return
    step = str(tasks[0].get("name"))
    try:
        # As the step that stood there. What follows on it is dropped again.
        await server.update(graph, thread, {key: new for key, (_, new) in histories.items()}, step)
        now = await server.values(graph, thread)
        replaced = {
            key: [*old, *new] for key, (old, new) in histories.items() if len(now.get(key) or ()) < len(old)
        }
        if replaced:  # a state that keeps the last value of a list, and does not add to it
            await server.update(graph, thread, replaced, step)
    except httpx.HTTPStatusError as error:
        # The graph's own code chooses what follows, and its trouble is not that of the new run.
        log.warning("tool calls left unanswered", step=step, error=type(error).__name__)
    await server.update(graph, thread, None, END)


def _unanswered(values: Mapping[str, Any]) -> Iterator[tuple[str, tuple[list[Any], list[Any]]]]:
    """Of each history in the state that ends with calls nobody answered: its name, the history, the answers; messages as JSON."""
    for key, history in values.items():
        if not isinstance(history, list) or not all(
            isinstance(item, Mapping) and "type" in item for item in history
        ):
            continue
        try:
            messages = convert_to_messages(history)
        except (ValueError, TypeError, KeyError, NotImplementedError):  # a list of something else
            continue
        if answers := answers_to(messages):
            yield key, (history, [message.model_dump(exclude_none=True) for message in answers])
