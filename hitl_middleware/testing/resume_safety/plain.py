"""LangChain and LangGraph as their documentation uses them: ``--runner hitl_middleware.testing.resume_safety.plain:PlainRunner``.

``HumanInTheLoopMiddleware`` in its default mode, the stock SQLite saver, an answer delivered as ``Command(resume={"decisions": [...]})``,
``invoke(None)`` to go on after a crash, and ``durability="sync"``, the safest there is. Nothing here is broken on purpose; it is what a
webhook handler of twenty lines looks like.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, cast

from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.types import Command

from hitl_middleware.testing.resume_safety.agents import THREAD, behind, retelling, said
from hitl_middleware.testing.resume_safety.scene import Asked, Scene, Told

CONFIG: RunnableConfig = {"configurable": {"thread_id": THREAD}}


class PlainRunner:
    """``create_agent`` with ``HumanInTheLoopMiddleware`` and ``SqliteSaver``."""

    def __init__(self, scene: Scene) -> None:
        @tool
        def act(what: str) -> str:
            """Do something to the world."""
            return scene.perform(what)

        rule: Any = {
            "allowed_decisions": ["approve", "reject"],
            "when": lambda request: scene.asks(request.tool_call["args"]["what"]),
        }
        self._connection = sqlite3.connect(scene.folder / "plain.db", check_same_thread=False, timeout=30)
        self._agent = create_agent(
            said(scene),
            [act],
            middleware=[HumanInTheLoopMiddleware(interrupt_on={"act": rule}), *behind(scene)],
            checkpointer=SqliteSaver(self._connection),
        )
        self._collected: dict[str, dict[int, str]] = {}

    def start(self) -> None:
        """``invoke`` with a message."""
        self._agent.invoke({"messages": [{"role": "user", "content": "please"}]}, CONFIG, durability="sync")

    def asked(self) -> Sequence[Asked]:
        """From the interrupts of the state. A key is interrupt:position:number of questions in it."""
        found = []
        for interrupt in self._agent.get_state(CONFIG).interrupts:
            requests = interrupt.value["action_requests"]
            found += [
                Asked(f"{interrupt.id}:{index}:{len(requests)}", str(one["args"]["what"]))
                for index, one in enumerate(requests)
            ]
        return found

    def answer(self, key: str, word: str) -> None:
        """Resume as soon as every question of the interrupt has its answer: the batched mode takes them only together."""
        interrupt, index, number = key.split(":")
        collected = self._collected.setdefault(interrupt, {})
        collected[int(index)] = word
        if len(collected) == int(number):
            decisions = [{"type": collected[position]} for position in sorted(collected)]
            self._agent.invoke(Command(resume={"decisions": decisions}), CONFIG, durability="sync")

    def go_on(self) -> None:
        """``invoke`` without input continues from the last checkpoint."""
        self._agent.invoke(None, CONFIG, durability="sync")

    def time_passes(self) -> None:
        """There is nothing that looks at a clock."""

    def told(self) -> Sequence[Told]:
        """From the thread's history."""
        messages = cast("list[Any]", self._agent.get_state(CONFIG).values.get("messages", []))
        return retelling([one for one in messages if isinstance(one, ToolMessage)])

    def close(self) -> None:
        """Close the database."""
        self._connection.close()
