"""The app: every route behind one guard, every answer by one set of rules. Making it does no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute

from hitl_middleware.channels.github.settings import GitHubSettings
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.hitl import Hitl
from hitl_server import openapi, problems
from hitl_server.auth import Door
from hitl_server.guard import PUBLIC, Guard, Shell, public_routes
from hitl_server.limits import Failures, Limited
from hitl_server.metrics import Meter, Metered
from hitl_server.pages import page_routers
from hitl_server.roles import RoleRules, Visitors
from hitl_server.routes.actions import actions_router
from hitl_server.routes.analytics import analytics_router
from hitl_server.routes.audit import audit_router
from hitl_server.routes.events import events_router
from hitl_server.routes.github import github_router
from hitl_server.routes.operations import operations_router
from hitl_server.routes.requests import requests_router
from hitl_server.routes.runs import runs_router
from hitl_server.routes.slack import slack_router
from hitl_server.sign_in.routes import sign_in_router
from hitl_server.sign_in.sent_away import refused
from hitl_server.slack_desk import HitlSlackDesk
from hitl_server.watching import Watch

DESCRIPTION: Final = """\
Agents act; people decide. Runs stop before an act that needs a person; what waits is a *request*, what a person says to it a
*decision*, what is done then an *act*.

Ids are UUIDv7, times are ISO 8601 in UTC, lists are `{"items": [...], "next": cursor or null}`, and every refusal is a problem document
(RFC 9457) that says what is wrong, where, and how to mend it.
"""


def create_app(hitl: Hitl, *, routers: Iterable[APIRouter] = (), meter: Meter | None = None) -> FastAPI:
    """The server's app over ``hitl``, which whoever serves it starts and stops. ``routers``: what graphs bring.

    ``meter``: what ``/metrics`` shows; one that is not given begins to count when it is first asked.

    Raises ``ConfigurationError`` for a channel that is configured in part, or a token without a value.
    """
    door = Door.of(hitl.settings, hitl.config)
    visitors = Visitors(hitl)
    meter = meter or Meter(hitl)
    app = _App(
        title="hitl",
        summary="Human decisions for LangGraph agents",
        description=DESCRIPTION,
        version=_version(),
        # Their pages load scripts from elsewhere, beside an API that acts for whoever sits at the machine.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.locked = door.locked
    app.state.leaving = False
    slack = slack_router(
        SlackSettings.from_env(hitl.config.slack), HitlSlackDesk(hitl, meter), clock=hitl.clock
    )
    ours = (
        runs_router(hitl),
        requests_router(hitl, meter),
        actions_router(hitl, meter),
        audit_router(hitl),
        analytics_router(hitl),
        events_router(Watch(hitl, leaving=lambda: bool(app.state.leaving))),
        _signed(slack),
        _signed(github_router(hitl, GitHubSettings.from_env(hitl.config.github))),
        operations_router(hitl, meter),
        sign_in_router(hitl, visitors),
        *page_routers(hitl, meter),
    )
    # Their routes as they are: to include a router makes each of them anew, which is half of what an app costs.
    for router in ours:
        app.router.routes.extend(router.routes)
    for router in routers:
        app.include_router(router)
    problems.install(app, refused)
    public = public_routes(app.routes)
    app.add_middleware(
        Guard, hitl=hitl, door=door, visitors=visitors, roles=RoleRules(app.routes), public=public
    )
    app.add_middleware(Limited, failures=Failures(hitl.clock.monotonic), public=public)
    app.add_middleware(Metered, meter=meter, public=public)
    app.add_middleware(Shell)
    return app


class _App(FastAPI):
    locked = False

    def openapi(self) -> dict[str, Any]:
        """The document, complete; FastAPI keeps it."""
        known = self.openapi_schema
        document = super().openapi()
        return document if document is known else openapi.complete(document, locked=self.locked)


def _signed(router: APIRouter) -> APIRouter:
    """A router all of whose routes check a signature themselves."""
    for route in router.routes:
        if isinstance(route, APIRoute):
            route.openapi_extra = {**(route.openapi_extra or {}), **PUBLIC}
    return router


def _version() -> str:
    try:
        return version("hitl-middleware")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0"
