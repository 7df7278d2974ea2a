"""The graphs that the contract runs: each stops in a way of its own, and keeps what it saw in its state."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from langchain_core.messages import AIMessage, AnyMessage, HumanMessage
from langgraph.config import get_config
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.types import interrupt
from typing_extensions import TypedDict

COLOUR = {"question": "Which colour?"}


class State(TypedDict, total=False):
    """``seen``: what the nodes were answered, and what they found, in the order in which they said so."""

    given: str
    seen: Annotated[list[Any], operator.add]


class History(TypedDict, total=False):
    """An agent's state."""

    messages: Annotated[list[AnyMessage], add_messages]


class Shade(TypedDict):
    """An answer with a form."""

    red: int


@dataclass
class Context:
    """What a graph may be given besides its input; nobody here gives any."""

    patience: int = 3


def asks() -> StateGraph[Any]:
    """One question, and the lease under which it was asked and answered, whatever context the graph declares."""

    def node(state: State) -> State:
        answer = interrupt(COLOUR)
        return {
            "seen": [state.get("given"), answer, (get_config().get("configurable") or {}).get("hitl_lease")]
        }

    graph: StateGraph[Any, Any] = StateGraph(State, context_schema=Context)
    graph.add_node("ask", node)
    graph.add_edge(START, "ask")
    return graph


def typed() -> StateGraph[Any]:
    """A question whose answer has a type."""

    def node(state: State) -> State:  # noqa: ARG001 – a node's signature
        return {"seen": [interrupt("Which shade?", response_schema=Shade)]}

    return _line(ask=node)


def parallel() -> StateGraph[Any]:
    """Three questions side by side, one of them in a subgraph."""
    graph: StateGraph[Any] = StateGraph(State)
    for name in ("left", "right"):
        graph.add_node(name, _question(name))
        graph.add_edge(START, name)
    graph.add_node("inner", _line(deep=_question("inner")).compile())
    graph.add_edge(START, "inner")
    return graph


def loops() -> StateGraph[Any]:
    """The same question until the answer is "enough"."""
    graph: StateGraph[Any] = StateGraph(State)
    graph.add_node("ask", _question("more?"))
    graph.add_edge(START, "ask")
    graph.add_conditional_edges(
        "ask", lambda state: END if state["seen"][-1] == "enough" else "ask", ["ask", END]
    )
    return graph


def held() -> StateGraph[Any]:
    """Three steps, with a static breakpoint after the first and one before the last."""
    return _line(**{name: _says(name) for name in ("first", "second", "third")})


def fails() -> StateGraph[Any]:
    """A step that raises when it is answered."""

    def node(state: State) -> State:  # noqa: ARG001 – a node's signature
        msg = f"it broke: {interrupt('Shall it break?')}"
        raise ValueError(msg)

    return _line(ask=node)


def calls() -> StateGraph[Any]:
    """A model that calls a tool, and a tool that asks: what people said last is in the history."""

    def model(state: History) -> History:
        (said,) = [m for m in state["messages"] if isinstance(m, HumanMessage)][-1:]
        if said.content == "quietly":
            return {"messages": [AIMessage("Nothing to do.")]}
        return {
            "messages": [
                AIMessage("", tool_calls=[{"name": "look", "args": {}, "id": f"call-{said.content}"}])
            ]
        }

    def tools(state: History) -> History:  # noqa: ARG001 – a node's signature
        interrupt("May I look?")
        return {}

    graph: StateGraph[Any] = StateGraph(History)
    graph.add_node("model", model)
    graph.add_node("tools", tools)
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", lambda state: "tools" if state["messages"][-1].tool_calls else END)
    return graph


def wedges() -> StateGraph[Any]:
    """A step that cannot live with an answer that is none, which LangGraph gives it again for ever (LangChain's batched middleware)."""

    def node(state: State) -> State:  # noqa: ARG001 – a node's signature
        request = {
            "action_requests": [{"name": "send", "args": {"to": "ann"}, "description": ""}],
            "review_configs": [{"action_name": "send", "allowed_decisions": ["approve", "reject"]}],
        }
        return {"seen": [[decision["type"] for decision in interrupt(request)["decisions"]]]}

    return _line(begin=_says("begun"), ask=node)


GRAPHS: Mapping[str, tuple[Callable[[], StateGraph[Any]], Mapping[str, Any]]] = {
    "asks": (asks, {}),
    "typed": (typed, {}),
    "parallel": (parallel, {}),
    "loops": (loops, {}),
    "held": (held, {"interrupt_after": ["first"], "interrupt_before": ["third"]}),
    "fails": (fails, {}),
    "calls": (calls, {}),
    "wedges": (wedges, {}),
}
"""Name → what builds it, and what it is compiled with."""

MANIFEST: Mapping[str, str] = {name: f"{__package__}.served:{name}" for name in GRAPHS}
"""For ``langgraph.json``."""


def _line(**nodes: Any) -> StateGraph[Any]:
    graph: StateGraph[Any] = StateGraph(State)
    before = START
    for name, node in nodes.items():
        graph.add_node(name, node)
        graph.add_edge(before, name)
        before = name
    return graph


def _question(name: str) -> Any:
    def node(state: State) -> State:  # noqa: ARG001 – a node's signature
        return {"seen": [interrupt(name)]}

    return node


def _says(name: str) -> Any:
    def node(state: State) -> State:  # noqa: ARG001 – a node's signature
        return {"seen": [name]}

    return node
