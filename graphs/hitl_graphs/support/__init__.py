"""A support desk: an agent that answers customers, refunds, moves purchases and hands over – and stops before each act that needs a person.

``graph`` is the compiled graph (for ``Hitl.from_env()``), ``build_graph(hitl)`` makes one for another ``Hitl``, ``make_graph()`` is the
same as a function, and ``hitl_router(hitl)`` takes Front's webhooks. They are made when they are asked for: importing this package does
nothing and needs no setting, so its clients and fakes can be used alone.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

    from hitl_graphs.support.agent import build_graph, make_graph
    from hitl_graphs.support.routes import hitl_router

    graph: CompiledStateGraph[Any, Any, Any, Any]

_HOMES = {"build_graph": "agent", "make_graph": "agent", "hitl_router": "routes"}

__all__ = ["build_graph", "graph", "hitl_router", "make_graph"]


def __getattr__(name: str) -> Any:
    if name == "graph":
        return __getattr__("make_graph")()
    try:
        home = _HOMES[name]
    except KeyError:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg) from None
    return getattr(import_module(f"{__name__}.{home}"), name)
