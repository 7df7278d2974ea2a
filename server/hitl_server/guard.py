"""What stands before every route: who calls is settled here, once for all, and nothing leaves without its safety headers.

Routes are closed unless what they add to the OpenAPI document says ``security: []``. So what the document calls public is public, a
forgotten mark closes a route instead of opening it, and paths that do not exist are closed like those that do.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import structlog
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hitl_server.auth import Door
from hitl_server.limits import told_to_wait
from hitl_server.problems import BROKEN, Problem

log = structlog.get_logger("hitl.http")

PUBLIC: Final[dict[str, Any]] = {"security": []}
"""``openapi_extra`` of a route that asks for no credentials: it checks a signature itself, or tells nothing."""

PROBES: Final = frozenset({"/healthz", "/readyz"})
"""Public with tokens. Without, they answer loopback callers as everything does; signed webhooks may come through a tunnel."""

LINGER_SECONDS: Final = 5.0
LINGER_BYTES: Final = 64_000_000

_SAFETY: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def public_routes(routes: Sequence[BaseRoute]) -> frozenset[tuple[str, str]]:
    """(method, path) of every operation that its own route opens (``PUBLIC``). A path with parameters is never public.

    Not from the OpenAPI document: to make that costs more than all else of a start, and few ever ask for it.
    """
    return frozenset(
        (method, context.path)
        for context in iter_route_contexts(routes)
        if isinstance(context.original_route, APIRoute)
        and context.include_in_schema
        and (context.openapi_extra or {}).get("security") == []
        and context.path is not None
        and "{" not in context.path
        for method in context.methods or ()
    )


class Guard:
    """Lets requests in as ``door`` says; the caller is ``request.state.caller``."""

    def __init__(self, app: ASGIApp, door: Door, public: Collection[tuple[str, str]]) -> None:
        self._app = app
        self._door = door
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_open(scope):
            client = scope.get("client")
            try:
                caller = self._door.admit(
                    scope["method"], Headers(scope=scope), client[0] if client else None
                )
            except Problem as refusal:
                if not told_to_wait(scope):
                    log.info("http.not_admitted", status=refusal.status_code, method=scope["method"])
                await refusal.response()(scope, receive, send)
                return
            scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        if (scope["method"], scope["path"]) not in self._public:
            return False
        return self._door.locked or scope["path"] not in PROBES


class Shell:
    """The outermost layer: HEAD is GET without the body, every answer has its headers, no error gets out with its traceback."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        head = scope["method"] == "HEAD"
        begun = lingers = False

        async def sent(message: Message) -> None:
            nonlocal begun, lingers
            if message["type"] == "http.response.start":
                begun, lingers = True, message["status"] == 413
                headers = MutableHeaders(scope=message)
                for name, value in _SAFETY.items():
                    headers.setdefault(name, value)
            elif message["type"] == "http.response.body":
                if head:
                    message = {**message, "body": b""}
                if lingers and not message.get("more_body"):
                    await send({**message, "more_body": True})
                    await _rest(receive)
                    message = {"type": "http.response.body", "body": b""}
            await send(message)

        inner = {**scope, "method": "GET"} if head else scope
        try:
            await self._app(inner, receive, sent)
        except Exception as error:
            # Whatever it is, the sender is told no more than that it is our trouble.
            log.exception("http.failed", method=scope["method"], error=type(error).__name__)
            if not begun:
                await Problem(500, BROKEN).response()(inner, receive, sent)


async def _rest(receive: Receive) -> None:
    """Take what a sender still has of a body that is too large, and drop it.

    They have their answer; but a connection that is closed while they send is reset, and they might never see it.
    """
    left = LINGER_BYTES
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER_SECONDS):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body"):
                    return
