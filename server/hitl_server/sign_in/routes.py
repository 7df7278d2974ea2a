"""``/sign-in``, ``/sign-out``: how somebody with a browser comes in, and goes."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from hitl_middleware.hitl import Hitl
from hitl_server.auth import at_machine, own_origin
from hitl_server.changes import form_fields
from hitl_server.guard import PUBLIC
from hitl_server.openapi import refusals
from hitl_server.problems import Problem
from hitl_server.raw_gate import read_capped
from hitl_server.roles import EVERYBODY, Visitors
from hitl_server.session import csrf_of
from hitl_server.sign_in.coming_back import local_path
from hitl_server.sign_in.configured import configured_providers
from hitl_server.sign_in.entrance import Entrance
from hitl_server.sign_in.pages import page, style
from hitl_server.sign_in.sent_away import not_in
from hitl_server.sign_in.services import service_router

MOST_BYTES: Final = 10_000

USED: Final = (
    "This link was used, or it is too old. On the machine where the server runs, hitl sign-in prints another."
)

ELSEWHERE: Final = "A one-time link is for a browser on the machine that serves this page, at its loopback address. It is still good there."

_PAGE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A page", "content": {"text/html": {"schema": {"type": "string"}}}}
}
_STYLE: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A style sheet", "content": {"text/css": {"schema": {"type": "string"}}}}
}
_ON: Final[dict[int | str, dict[str, Any]]] = {303: {"description": "On to the page that was asked for"}}

Next = Annotated[str | None, Query(max_length=2_000, description="Where to go then, on this server.")]


def sign_in_router(hitl: Hitl, visitors: Visitors) -> APIRouter:
    """The sign-in page, the one-time link, signing out."""
    router = APIRouter(tags=["sign in"], default_response_class=HTMLResponse)
    entrance, providers = Entrance(hitl, visitors), configured_providers(hitl.config)
    router.include_router(service_router(hitl, entrance, providers))

    @router.get("/sign-in", summary="Sign in", openapi_extra=PUBLIC, responses=_PAGE)
    async def sign_in_page(next: Next = None) -> HTMLResponse:  # noqa: A002 – the word of every sign-in page
        """The ways in."""
        return page("sign_in.html", title="Sign in", providers=providers, back=local_path(next))

    @router.get(
        "/sign-in/style.css",
        summary="How it looks",
        openapi_extra=PUBLIC,
        response_class=Response,
        responses=_STYLE,
    )
    async def style_sheet() -> Response:
        """The only thing that these pages load."""
        return Response(style(), media_type="text/css")

    @router.get("/sign-in/link", summary="Open a one-time link", openapi_extra=PUBLIC, responses=_PAGE)
    async def link_page(
        request: Request,
        code: Annotated[str, Query(max_length=200)] = "",
        next: Next = None,  # noqa: A002
    ) -> HTMLResponse:
        """Asks before it uses it: what only looks at addresses (a preview, a scanner) must not use it up."""
        return page("link.html", title="Sign in", code=code, csrf=csrf_of(request), back=local_path(next))

    @router.post(
        "/sign-in/link",
        summary="Use a one-time link",
        openapi_extra=PUBLIC,
        status_code=303,
        response_class=RedirectResponse,
        responses={**_ON, **refusals({401: "It was used, or it is too old", 403: "Sent by another site"})},
    )
    async def use_link(request: Request) -> Response:
        """Begins a session and ends the one that this browser had."""
        if not own_origin(request.headers, hitl.public_url):
            raise Problem(403, "Only the page of the link may use it.")
        client = request.client
        if not at_machine(request.headers, client.host if client else None):
            return not_in(request, 403, ELSEWHERE)
        given = form_fields(await read_capped(request, MOST_BYTES))
        identity = await entrance.sessions.redeem(given.get("code", ""))
        if identity is None:
            return not_in(request, 401, USED)
        return await entrance.enter(request, identity, None, given.get("next"), via="link")

    @router.post(
        "/sign-out",
        summary="Sign out",
        openapi_extra=EVERYBODY,
        status_code=303,
        response_class=RedirectResponse,
        responses={303: {"description": "To the sign-in page"}},
    )
    async def sign_out(request: Request) -> Response:
        """Over at once, on every server."""
        return await entrance.leave(request)

    return router
