"""The graphs of ``langgraph.json``, and the routes they bring."""

from __future__ import annotations

from collections.abc import Iterable

from fastapi import APIRouter

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.hitl import Hitl
from hitl_middleware.manifest import LoadedGraph, load_graph, read_manifest

ROUTER = "hitl_router"
"""A graph's module may have ``hitl_router(hitl) -> APIRouter``: webhooks of its own, for example. It is mounted as it stands.

Its routes ask for a token like all others; one that checks a signature itself says ``openapi_extra={"security": []}``.
"""


def load_graphs(hitl: Hitl) -> list[LoadedGraph]:
    """Import every graph of the manifest and register it with ``hitl``. Raises ``ConfigurationError``, which stops the server."""
    manifest = hitl.settings.manifest.absolute()
    found = []
    for name, spec in read_manifest(hitl.settings.manifest).items():
        loaded = load_graph(name, spec, manifest.parent)
        hitl.serve(name, loaded.graph)
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
