"""The graphs of ``langgraph.json``, and the routes they bring."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.gate.build import check_tools
from hitl_middleware.gate.wiring import check_steps
from hitl_middleware.hitl import Hitl
from hitl_middleware.manifest import LoadedGraph, load_graph, read_manifest

ROUTER = "hitl_router"
"""A graph's module may have ``hitl_router(hitl) -> APIRouter``: webhooks of its own, for example. It is mounted as it stands.

Its routes ask for a token like all others; one that checks a signature itself says ``openapi_extra={"security": []}``.
"""


def load_graphs(hitl: Hitl, *, here: bool = True) -> list[LoadedGraph]:
    """Import every graph of the manifest and register it with ``hitl``; those that live on an Agent Server are only checked.

    ``here=False``: only those, for the Agent Server's own process, which runs all others as it likes.
    Raises ``ConfigurationError``, which stops the server.
    """
    manifest = hitl.settings.manifest.absolute()
    elsewhere = hitl.agent_server.graphs() if hitl.agent_server is not None else None
    if elsewhere is not None and not manifest.exists():
        return []  # whoever has a server of graphs is past the examples
    found = []
    for name, spec in read_manifest(hitl.settings.manifest).items():
        if name in (elsewhere or ()):
            loaded = load_graph(name, spec, manifest.parent)
            check_tools(loaded.graph)
            check_steps(loaded.graph)
        elif here:
            loaded = load_graph(name, spec, manifest.parent)
            hitl.serve(name, loaded.graph)
        else:
            continue
        found.append(loaded)
    return found


def routers_of(hitl: Hitl, graphs: Iterable[LoadedGraph]) -> list[APIRouter]:
    """What the graphs' modules bring, once per module. Raises ``ConfigurationError`` where it is something else."""
    routers = []
    for module in {id(graph.module): graph.module for graph in graphs}.values():
        make = getattr(module, ROUTER, None)
        if make is None:
            continue
        router = make(hitl)
        if not isinstance(router, APIRouter):
            msg = f"{module.__name__}.{ROUTER}(hitl) gave a {type(router).__name__}, not an APIRouter"
            raise ConfigurationError(msg)
        routers.append(router)
    return routers
