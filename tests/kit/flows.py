"""Graphs with workflow steps: a plan that is drafted, reviewed, and carried out or not."""

from __future__ import annotations

import operator
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from hitl_middleware import Review, human_step, route

from tests.kit.effects import Effects
from tests.kit.world import World


class Plan(TypedDict, total=False):
    """The state: ``plan`` says how often it was drafted; ``done`` collects what nodes did."""

    topic: str
    plan: str
    review: Review
    done: Annotated[list[Any], operator.add]


def draft(state: Plan) -> Plan:
    """Draft, or draft again with the reviewer's words."""
    review = state.get("review")
    words = f" ({review['message']})" if review and review["decision"] == "feedback" else ""
    return {"plan": f"{state.get('plan', '')}draft of {state.get('topic')}{words}; "}


def planning(effects: Effects, **rules: Any) -> StateGraph[Any, Any, Any, Any]:
    """START → draft → check → carry_out or END, and back to draft on feedback. ``rules``: of the step."""

    def carry_out(state: Plan) -> Plan:
        effects.perform(state["review"]["round"])
        return {"done": [state["review"]]}

    rules = {"prompt": "Check the plan", "show": ["plan"], "into": "review"} | rules
    prompt = rules.pop("prompt")
    builder = StateGraph(Plan)
    builder.add_node("draft", draft)
    builder.add_node("check", human_step(prompt, **rules))
    builder.add_node("carry_out", carry_out)
    builder.add_edge(START, "draft")
    builder.add_edge("draft", "check")
    builder.add_conditional_edges("check", route("review", approve="carry_out", reject=END, feedback="draft"))
    builder.add_edge("carry_out", END)
    return builder


def asking(node: Any) -> StateGraph[Any, Any, Any, Any]:
    """One node that asks."""
    builder = StateGraph(Plan)
    builder.add_node("node", node)
    builder.add_edge(START, "node")
    builder.add_edge("node", END)
    return builder


def served(world: World, builder: StateGraph[Any, Any, Any, Any], given: Any = None) -> Any:
    """A run of this graph on thread ``t-1``, driven by us until it waits; the graph as it is served."""
    world.serve("g", builder.compile())
    world.begin_run("g", {"topic": "bees"} if given is None else given, thread_id="t-1")
    return world.graphs._graphs["g"]
