"""What stands before every route: who calls is settled here, once for all, and nothing leaves without its safety headers.

Routes are closed unless what they add to the OpenAPI document says ``security: []``. So what the document calls public is public, a
forgotten mark closes a route instead of opening it, and paths that do not exist are closed like those that do.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import structlog
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hitl_middleware.errors import HitlError
from hitl_middleware.hitl import Hitl
from hitl_middleware.people import LOCAL
from hitl_server.auth import OTHER_ORIGIN, READS, Caller, Door, own_origin
from hitl_server.body import ONLY_JSON, says_json
from hitl_server.changes import checked
from hitl_server.limits import told_to_wait
from hitl_server.problems import BROKEN, Problem, of_error
from hitl_server.roles import RoleRules, Visitors
from hitl_server.session import Sessions, csrf_token, session_cookie
from hitl_server.sign_in.sent_away import refused

log = structlog.get_logger("hitl.http")

PUBLIC: Final[dict[str, Any]] = {"security": []}
"""``openapi_extra`` of a route that asks for no credentials: it checks a signature itself, or tells nothing."""

PROBES: Final = frozenset({"/healthz", "/readyz"})
"""Public with tokens. Without, they answer loopback callers as everything does; signed webhooks may come through a tunnel."""

SIGN_IN: Final = "/sign-in"
"""So is signing in."""

LINGER_SECONDS: Final = 5.0
LINGER_BYTES: Final = 64_000_000

_SAFETY: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",  # none at all would make every form of ours one of an unknown origin
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
    """Lets requests in as ``door`` and ``visitors`` say; the caller is ``request.state.caller``, their token ``request.state.csrf``."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        hitl: Hitl,
        door: Door,
        visitors: Visitors,
        roles: RoleRules,
        public: Collection[tuple[str, str]],
    ) -> None:
        self._app = app
        self._hitl = hitl
        self._door = door
        self._visitors = visitors
        self._roles = roles
        self._sessions = Sessions(hitl)
        self._public = public
        # Whoever sits here without a session has no secret of their own. This one ends with the process, and so do its pages' forms.
        self._here = secrets.token_urlsafe()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._is_open(scope):
            try:
                caller, csrf = await self._admit(scope)
                if caller.by_session:
                    self._roles.check(caller, scope["method"], scope["path"])
                if scope["method"] not in READS and not caller.by_token and self._by_page(scope, caller):
                    receive = await checked(scope, receive, csrf)
            except Problem as refusal:
                if not told_to_wait(scope):
                    log.info("http.not_admitted", status=refusal.status_code, method=scope["method"])
                await refused(scope, refusal)(scope, receive, send)
                return
            except HitlError as error:  # the database does not answer: who is signed in cannot be told
                await refused(scope, of_error(error))(scope, receive, send)
                return
            state = scope.setdefault("state", {})
            state["caller"], state["csrf"] = caller, csrf
        await self._app(scope, receive, send)

    async def _admit(self, scope: Scope) -> tuple[Caller, str]:
        """Who this is, and the token that their changes carry."""
        headers, client = Headers(scope=scope), scope.get("client")
        address = client[0] if client else None
        at_machine = self._door.at_machine(headers, address)
        if "authorization" not in headers and (secret := session_cookie(self._hitl).read(headers)):
            session = await self._sessions.find(secret)
            role = await self._hitl.portal.run(self._visitors.role, session) if session else None
            if session and role and (at_machine or not session.identity.startswith(LOCAL)):
                if scope["method"] not in READS and not own_origin(headers, self._hitl.public_url):
                    raise Problem(403, OTHER_ORIGIN)
                caller = Caller(
                    session.identity,
                    by_token=False,
                    at_machine=at_machine,
                    role=role,
                    name=session.name,
                    by_session=True,
                )
                return caller, csrf_token(secret)
        caller = self._door.admit(scope["method"], headers, address)
        return caller, "" if caller.by_token else csrf_token(self._here)

    def _by_page(self, scope: Scope, caller: Caller) -> bool:
        """Whether a page of another origin could have had a browser send this change. Raises ``Problem`` 415.

        JSON it could not; so JSON is enough where no cookie speaks for the sender. The API takes nothing else.
        """
        if says_json(Headers(scope=scope).get("content-type")):
            return caller.by_session
        if not caller.by_session and scope["path"].startswith("/api/"):
            raise Problem(415, ONLY_JSON)
        return True

    def _is_open(self, scope: Scope) -> bool:
        if (scope["method"], scope["path"]) not in self._public:
            return False
        return self._door.locked or not (scope["path"] in PROBES or scope["path"].startswith(SIGN_IN))


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

        # What has no end says so itself: of it there is only the beginning.
        inner = {**scope, "method": "GET", "hitl.head": True} if head else scope
        try:
            await self._app(inner, receive, sent)
        except Exception as error:
            # Whatever it is, the sender is told no more than that it is our trouble.
            log.exception("http.failed", method=scope["method"], error=type(error).__name__)
            if not begun:
                await refused(inner, Problem(500, BROKEN))(inner, receive, sent)


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
