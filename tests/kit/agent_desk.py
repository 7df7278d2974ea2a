"""What the tests' Agent Server serves beside the contract's graphs: an agent that pays what it is told to, when people agree, and graphs
that do not end by themselves.

Built when the module is loaded, as most people's agents are. ``PAID_IN`` names the file in which a payment is one line.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.tools import tool
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt

from hitl_middleware import Hitl, requires_approval
from hitl_middleware.testing.runs_contract.graphs import COLOUR, State
from hitl_middleware.testing.scripted_model import ScriptedModel, call, says


class Cashier(ScriptedModel):
    """Wants to pay the amount that the user names, and says when it has heard what became of it."""

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        amount = str(messages[0].content)
        heard = messages[-1].type == "tool"
        said = (
            AIMessage("That is all.") if heard else says(call("pay", id=f"pay-{amount}", amount=int(amount)))
        )
        return ChatResult(generations=[ChatGeneration(message=said)])


@requires_approval
@tool
def pay(amount: int) -> str:
    """Pay somebody."""
    with Path(os.environ["PAID_IN"]).open("a", encoding="utf-8") as book:
        book.write(f"{amount}\n")
    return f"paid {amount}"


async def wait(state: State) -> State:
    """Wait for what never comes."""
    await asyncio.Event().wait()
    return {}


async def ask_first(state: State) -> State:
    """The same, once it was answered."""
    interrupt(COLOUR)
    return await wait(state)


for_ever = StateGraph(State).add_node("wait", wait).add_edge(START, "wait").compile()
asks_for_ever = StateGraph(State).add_node("wait", ask_first).add_edge(START, "wait").compile()
hitl, tools = Hitl.from_env(), [pay]
till = create_agent(Cashier(), tools, middleware=[hitl.approvals(tools)])
late_till = create_agent(Cashier(), tools, middleware=[hitl.approvals(tools)])
