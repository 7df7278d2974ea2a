"""Agents as LangChain's users write them: its middleware by our import, tools that nobody marked, a checkpointer of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from langchain.agents import create_agent
from langchain_core.tools import BaseTool, tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, Interrupt

from hitl_middleware.hitl import Graph
from hitl_middleware.langchain import HumanInTheLoopMiddleware

from tests.kit.effects import Effects
from tests.kit.models import Scripted
from tests.kit.world import World, on

Mode = Literal["batched", "per_call"]
APPROVE = {"type": "approve"}
REJECT = {"type": "reject", "message": "too much"}


def pay_tool(effects: Effects) -> BaseTool:
    """``pay(amount)``, gated by nothing but the middleware."""

    @tool
    def pay(amount: int) -> str:
        """Pay somebody."""
        effects.perform(amount)
        return f"paid {amount}"

    made: BaseTool = pay
    return made


def drop_in(
    world: World,
    effects: Effects,
    model: Scripted,
    mode: Mode,
    *,
    interrupt_on: Mapping[str, Any] | None = None,
    tools: tuple[BaseTool, ...] = (),
    behind: tuple[Any, ...] = (),
    saver: Any = None,
    **options: Any,
) -> Graph:
    """An agent with ``pay`` (and ``tools``) behind the drop-in."""
    rules = dict(interrupt_on if interrupt_on is not None else {"pay": True})
    middleware: Any = HumanInTheLoopMiddleware(rules, interrupt_mode=mode, hitl=world, **options)
    return create_agent(
        model,
        [pay_tool(effects), *tools],
        middleware=[middleware, *behind],
        checkpointer=saver or InMemorySaver(),
    )


def edit(**args: Any) -> dict[str, Any]:
    """A decision that changes the arguments of ``pay``."""
    return {"type": "edit", "edited_action": {"name": "pay", "args": args}}


def questions(graph: Graph, thread: str = "t-1") -> tuple[Interrupt, ...]:
    """What a thread asks."""
    return graph.get_state(on(thread)).interrupts


def answer(graph: Graph, *decisions: Any, thread: str = "t-1") -> Command[Any]:
    """The resume, as LangChain's users send it, with one decision for each call that is asked about, in order.

    By interrupt id: batched mode has one interrupt with all decisions, per-call mode one for each.
    """
    asked = questions(graph, thread)
    if asked[0].value.get("type") != "tool_approval":
        return Command(resume={asked[0].id: {"decisions": list(decisions)}})
    return Command(resume={item.id: one for item, one in zip(asked, decisions, strict=True)})


def flipping(*verdicts: bool) -> Callable[[Any], bool]:
    """A ``when`` that says something else each time it is asked; more often than told, it fails."""
    left = list(verdicts)

    def when(_: Any) -> bool:
        return left.pop(0)

    return when
