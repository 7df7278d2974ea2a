"""The app as part of a LangGraph Agent Server: beside its own routes, in its process, started and stopped with it.

An Agent Server takes the app that ``langgraph.json`` names in ``http.app`` for its own, with all that stands in front of its routes. So
what it is given here has nothing in front: each of our routes leads to our app, behind our own guard, and all others are the Agent
Server's. It keeps ``/`` (its health check), ``/metrics`` and ``/openapi.json``. The inbox is at ``/inbox``, as it is everywhere, and all of
ours is at ``/hitl/…``, too: ``/hitl/metrics``, ``/hitl/openapi.json``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from hitl_middleware.hitl import Hitl
from hitl_middleware.settings import load_settings
from hitl_server.app import create_app
from hitl_server.github_heeded import github_heeded
from hitl_server.graphs import load_graphs, routers_of
from hitl_server.metrics import Meter
from hitl_server.slack_heeded import slack_heeded

PREFIX: Final = "/hitl"

ITS_OWN: Final = frozenset({"/", "/docs", "/info", "/metrics", "/ok", "/openapi.json"})
"""What an Agent Server answers itself, whatever it is given; and ``/``, which load balancers ask whether it is well."""


def hitl_here(environ: Mapping[str, str] = os.environ) -> Hitl:
    """The process's ``Hitl``, driving the graphs of the Agent Server in whose process it is, unless HITL_AGENT_SERVER_URL names another.

    (``langgraph dev`` says its address in LANGGRAPH_API_URL.) Raises ``ConfigurationError``.
    """
    settings = load_settings()
    if settings.agent_server_url is None and (url := environ.get("LANGGRAPH_API_URL")):
        return Hitl(settings.model_copy(update={"agent_server_url": url}))
    return Hitl.from_env()


def mounted(hitl: Hitl) -> Starlette:
    """An app for ``http.app``. Raises ``ConfigurationError``, which stops the Agent Server before it serves anything."""
    meter = Meter(hitl)
    ours = create_app(hitl, routers=routers_of(hitl, load_graphs(hitl, here=False)), meter=meter)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        working = _working(hitl, meter)
        await asyncio.to_thread(working.__enter__)
        try:
            yield
        finally:
            await asyncio.to_thread(working.__exit__, None, None, None)

    return Starlette(routes=[*_beside(ours), Mount(PREFIX, _Ours(ours))], lifespan=lifespan)


@contextlib.contextmanager
def _working(hitl: Hitl, meter: Meter) -> Iterator[None]:
    """What ``hitl serve`` does around its listening."""
    with contextlib.ExitStack() as stack:
        stack.callback(hitl.stop)
        hitl.public_url = hitl.public_url or hitl.settings.agent_server_url
        hitl.portal.call(hitl.store.prepare)
        hitl.portal.call(meter.begin)
        hitl.start()
        stack.enter_context(slack_heeded(hitl))
        stack.enter_context(github_heeded(hitl))
        yield


def _beside(ours: FastAPI) -> Iterator[BaseRoute]:
    """A way to each of our routes. Only to its methods: under ``/runs`` the Agent Server has some, too."""
    app = _Ours(ours)
    for context in iter_route_contexts(ours.routes):
        if isinstance(context.original_route, APIRoute) and context.path not in {None, *ITS_OWN}:
            methods = sorted(context.methods or ())
            yield Route(str(context.path), app, methods=methods, include_in_schema=False)


class _Ours:
    """Our app, which sees its own paths wherever it was mounted: its guard knows public routes by them."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        inner = {
            key: value
            for key, value in scope.items()
            if key not in {"path_params", "endpoint", "router", "route"}
        }
        await self._app({**inner, "path": path, "root_path": "", "raw_path": path.encode()}, receive, send)
