"""What the gate's story is made of: the steps it yields, and the two moves that carry a generator on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.prebuilt.tool_node import ToolCallRequest

from hitl_middleware.gate.guard import Waved
from hitl_middleware.leases import Claim


@dataclass(frozen=True, slots=True)
class Ask:
    """Have the store's loop do something and come back with its answer."""

    do: Callable[..., Awaitable[Any]]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Perform:
    """Have the tool run, holding ``token``."""

    request: ToolCallRequest
    token: Claim | Waved | None


@dataclass(frozen=True, slots=True)
class Prepare:
    """Have something done that blocks, beside any event loop, and come back with its value."""

    do: Callable[[], Any]


Step = Ask | Perform | Prepare
Story = Generator[Step, Any, Any]


def ask(do: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Ask:
    """An ``Ask``, written like a call."""
    return Ask(do, args, kwargs)


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a story."""

    value: Any


def sent(story: Story, value: Any) -> Step | Finished:
    """Give the story what it waited for; its next step, or its end."""
    try:
        return story.send(value)
    except StopIteration as end:
        return Finished(end.value)


def thrown(story: Story, error: BaseException) -> Step | Finished:
    """Tell the story what went wrong; its next step, or its end."""
    try:
        return story.throw(error)
    except StopIteration as end:
        return Finished(end.value)
