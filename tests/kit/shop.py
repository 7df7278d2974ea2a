"""A shop whose agent looks things up freely and asks before it gives money back; for tests that look at runs afterwards."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import BaseTool, tool
from langgraph.pregel import Pregel

from hitl_middleware import Policy, requires_approval

from tests.kit.effects import Effects
from tests.kit.models import Scripted, call, says, script
from tests.kit.world import World

CARD = "4111-1111-1111"


def shop_tools(effects: Effects, **rules: Any) -> list[BaseTool]:
    """``find_order`` runs, ``process_refund`` waits; the number of the card is hidden. ``rules``: of the refund's policy, besides."""

    @tool
    def find_order(order_id: str) -> str:
        """Look an order up."""
        effects.perform(("find", order_id))
        return f"Order {order_id}: one kettle, 120.00 EUR"

    policy = Policy(
        **{"when": "args.amount_cents > 5000", "approvers": ["slack:U024BE7LH"], "redact": ["card"]} | rules
    )

    @requires_approval(policy)
    @tool
    def process_refund(order_id: str, amount_cents: int, card: str) -> str:
        """Give money back."""
        effects.perform(("refund", order_id, amount_cents, card))
        return f"Refunded {amount_cents} cents of {order_id}"

    return [find_order, process_refund]


def shop_model(amount: int = 12_000) -> Scripted:
    """Looks the order up, asks for the refund, and says so."""
    return script(
        says(call("find_order", id="look", order_id="A-1001")),
        says(call("process_refund", id="pay", order_id="A-1001", amount_cents=amount, card=CARD)),
        says(text="I have sent it back."),
    )


ASKED = {"messages": [{"role": "user", "content": "My kettle (A-1001) is broken. <b>Money back!</b>"}]}


def suspended(
    world: World, effects: Effects, *, agent: bool = False, **rules: Any
) -> Pregel[Any, Any, Any, Any]:
    """A run on thread ``kettle`` that waits for a decision; the graph as it is served. ``agent``: LangChain's instead of a plain one."""
    tools, model = shop_tools(effects, **rules), shop_model()
    graph = world.agent(tools, model) if agent else world.plain(tools, model)
    world.serve("shop", graph)
    world.begin_run("shop", ASKED, thread_id="kettle")
    return world.graphs.graph("shop")
