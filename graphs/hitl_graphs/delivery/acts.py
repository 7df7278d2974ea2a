"""A node that acts: gated tool calls one after the other, as a script says – each an action of its own, performed at most once.

A script is a generator of the state. It acts by ``yield from act(…)`` and reads by ``yield Look(…)``; what it returns is written into the
state. After a crash the node is run again from its beginning: acts that are settled answer from the ledger, one in doubt is settled by the
tool's own ``reconcile``, so the script comes by the same way to the same place.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import run_in_executor
from langchain_core.tools import BaseTool
from langgraph.prebuilt import ToolNode

from hitl_middleware import Hitl, NotExecuted

T = TypeVar("T")

MOST_ATTEMPTS = 3
"""How often an act is begun of which GitHub says that it was not done: a process died before it, or a request was lost on the way."""

Facts = Mapping[str, Any]
"""What an act made: a number, an address, a commit."""

Find = Callable[[Facts, str], Facts | None]
"""What the act with these arguments and this idempotency key left on GitHub; ``None``: nothing."""


class NotDone(NotExecuted):
    """{why}"""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool, with an id that a re-run of the node gives again."""

    tool: str
    args: Facts
    id: str


@dataclass(frozen=True, slots=True)
class Look:
    """Something that blocks and changes nothing outside."""

    do: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """The script is over; ``value`` is written into the state."""

    value: Any


Script = Generator[Call | Look, Any, T]


def act(tool: BaseTool, find: Find, **args: Any) -> Script[Facts]:
    """Have a tool act (once in a script); what it made. Raises ``NotDone`` with a sentence."""
    for attempt in range(1, MOST_ATTEMPTS + 1):
        said: ToolMessage = yield Call(
            tool.name, args, tool.name if attempt == 1 else f"{tool.name}-{attempt}"
        )
        settled = said.response_metadata.get("hitl") or {}
        if said.status == "error" and settled.get("settled_by") != "reconcile":
            raise NotDone(why=str(said.content))
        if said.status != "error":
            if isinstance(said.artifact, Mapping):
                return said.artifact
            # It is done, and its answer was lost: by the word of GitHub or of a person.
            key = str(settled.get("idempotency_key"))
            made: Facts | None = yield Look(partial(find, args, key))
            if made is None:
                raise NotDone(why=f"{tool.name} is said to be done, and GitHub shows nothing of it.")
            return made
    raise NotDone(
        why=f"{tool.name} was begun {MOST_ATTEMPTS} times, and each time nothing arrived on GitHub."
    )


class Acts(ToolNode):
    """The node. ``tools``: all that the script may call, each marked with its policy; ``script``: a function of the state.

    Where something cannot be done and the script does not mind, the state's ``problem`` says why.
    """

    def __init__(
        self, hitl: Hitl, tools: Sequence[BaseTool], script: Callable[[Any], Script[dict[str, Any]]]
    ) -> None:
        super().__init__(tools, **hitl.tool_gate(tools))
        self._script = script

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002 – Runnable's name
        story, value, error = self._script(input), None, None
        while True:
            step = _next(story, value, error)
            if isinstance(step, Ended):
                return step.value
            value, error = None, None
            try:
                value = (
                    step.do()
                    if isinstance(step, Look)
                    else _message(super().invoke(_alone(step, input), config, **kwargs))
                )
            except NotExecuted as raised:
                error = raised

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002 – Runnable's name
        story, value, error = self._script(input), None, None
        while True:
            step = _next(story, value, error)
            if isinstance(step, Ended):
                return step.value
            value, error = None, None
            try:
                if isinstance(step, Look):
                    value = await run_in_executor(None, step.do)
                else:
                    value = _message(await super().ainvoke(_alone(step, input), config, **kwargs))
            except NotExecuted as raised:
                error = raised


def _alone(call: Call, state: Any) -> dict[str, Any]:
    """ToolNode's own form for a call that comes alone, with the state around it."""
    asked = {"name": call.tool, "args": dict(call.args), "id": call.id, "type": "tool_call"}
    return {"__type": "tool_call_with_context", "tool_call": asked, "state": state}


def _message(answer: Any) -> ToolMessage:
    (message,) = answer["messages"]
    assert isinstance(message, ToolMessage)  # noqa: S101 – none of our tools answers otherwise
    return message


def _next(story: Script[Any], value: Any, error: NotExecuted | None) -> Call | Look | Ended:
    """The script's next step, told what became of the last one, or its end."""
    try:
        return story.send(value) if error is None else story.throw(error)
    except StopIteration as end:
        return Ended(end.value)
    except NotExecuted as raised:
        return Ended({"problem": str(raised)})
