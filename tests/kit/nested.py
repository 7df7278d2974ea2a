"""A graph with a graph inside it: it asks in there, and can go round again."""

from __future__ import annotations

import operator
from typing import Annotated, Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    """What was said so far."""

    seen: Annotated[list[Any], operator.add]


def nested(saver: Any = None, *, waits: bool = False, breaks: bool = False) -> Any:
    """First → inner (look → ask ⇄ look) → last. ``waits``: async nodes. ``breaks``: the last one raises."""

    def node(name: str, *, asks: bool = False) -> Any:
        def says(state: State) -> State:
            if breaks and name == "last":
                msg = "the last one broke"
                raise ValueError(msg)
            return {"seen": [interrupt(f"{name}?") if asks else name]}

        async def says_later(state: State) -> State:
            return says(state)

        return says_later if waits else says

    inner: StateGraph[Any] = StateGraph(State)
    inner.add_node("look", node("look"))
    inner.add_node("ask", node("ask", asks=True))
    inner.add_edge(START, "look")
    inner.add_edge("look", "ask")
    inner.add_conditional_edges(
        "ask", lambda state: END if state["seen"][-1] == "enough" else "look", ["look", END]
    )
    graph: StateGraph[Any] = StateGraph(State)
    graph.add_node("first", node("first"))
    graph.add_node("inner", inner.compile())
    graph.add_node("last", node("last"))
    graph.add_edge(START, "first")
    graph.add_edge("first", "inner")
    graph.add_edge("inner", "last")
    graph.add_edge("last", END)
    return graph.compile(checkpointer=saver)
