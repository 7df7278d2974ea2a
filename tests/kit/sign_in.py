"""Browsers that sign in: a server with a page that changes something, and whoever has a session there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from fastapi import APIRouter, Request
from starlette.responses import PlainTextResponse

from hitl_middleware.settings import ConfigFile, SignInConfig
from hitl_server.auth import Role
from hitl_server.changes import form_fields
from hitl_server.roles import EVERYBODY
from hitl_server.serve import one_time_link
from hitl_server.session import Sessions, csrf_of

from tests.kit.effects import Effects
from tests.kit.served import Served, served
from tests.kit.world import World

ME = "local:ann"
CONFIG = ConfigFile(
    people={"vera": ("github:vera",), "olga": ("github:olga", "slack:U0OLGA0001"), "rob": ("github:rob",)},
    operators=("olga",),
    sign_in=SignInConfig(viewers=("vera",)),
)
WHO: dict[Role, str] = {"viewer": "github:vera", "reviewer": "github:rob", "operator": "github:olga"}
HTML = {"Accept": "text/html,application/xhtml+xml"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def page() -> APIRouter:
    """A page that changes something, as the inbox's do."""
    router = APIRouter()

    @router.get("/desk/form", openapi_extra=EVERYBODY)
    async def form(request: Request) -> PlainTextResponse:
        return PlainTextResponse(csrf_of(request))

    @router.post("/desk/form", openapi_extra=EVERYBODY)
    async def change(request: Request) -> dict[str, str | None]:
        caller = request.state.caller
        return {"who": caller.identity, "role": caller.role, **form_fields(await request.body())}

    @router.post("/desk/unmarked")
    async def unmarked() -> dict[str, str]:
        return {"let": "in"}

    return router


@contextmanager
def opened(world: World) -> Iterator[Served]:
    """The server, with that page."""
    with served(world, Effects(), routers=(page(),)) as server:
        yield server


def signed_in(server: Served, identity: str) -> str:
    """A session's secret, which the client sends from now on."""
    secret = server.world.portal.call(Sessions(server.world).begin, identity)
    server.http.cookies.set("hitl_session", secret)
    return secret


def by_link(server: Served, *, back: str = "/requests/x") -> httpx.Response:
    """Open a one-time link and press its button."""
    link = one_time_link(server.world, ME)
    shown = server.http.get(f"{link}&next={back}", headers=HTML)
    assert shown.status_code == 200, shown.text
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', shown.text))
    return server.http.post("/sign-in/link", data=fields, headers={"Origin": server.url, **HTML})


def token_of(server: Served) -> str:
    """The csrf token of this client's pages."""
    answer = server.http.get("/desk/form")
    assert answer.status_code == 200, answer.text
    return answer.text
