"""The HTTP side: `/api/<method>` as the SDKs call it, the response_urls, and the WebSockets of Socket Mode."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send

# Imported so that their methods register.
from hitl_middleware.testing.fake_slack import directory, modals, signing_in  # noqa: F401
from hitl_middleware.testing.fake_slack.faults import (
    Fault,
    Instead,
    LostReply,
    RefusedAfterAccepting,
    Slow,
    TimeoutAfterAccepting,
)
from hitl_middleware.testing.fake_slack.hooks import respond
from hitl_middleware.testing.fake_slack.records import OK
from hitl_middleware.testing.fake_slack.refusals import Error, Refusal
from hitl_middleware.testing.fake_slack.state import Workspace
from hitl_middleware.testing.fake_slack.web_api import Arguments, perform
from hitl_middleware.testing.loopback import wire

RESPONSE_URL: Final = "response_url"  # the name of these requests in the log of calls and in scripted faults
_GONE: Final = frozenset({Error.NO_SERVICE, Error.EXPIRED_URL, Error.USED_URL})


def create_app(workspace: Workspace) -> Starlette:
    """The ASGI app of one workspace. It has to be served by a `Loopback`, which lets faults cut connections."""

    async def web_api(request: Request) -> Response:
        name = request.path_params["method"]
        given, problem = _read(request, await request.body())

        def work() -> dict[str, Any]:
            if problem:
                raise Refusal(problem)
            return perform(workspace, name, Arguments(given), _token(request, given))

        return _respond(workspace, name, _without_token(given), work)

    async def response_url(request: Request) -> Response:
        given, problem = _read(request, await request.body())

        def work() -> dict[str, Any]:
            if problem:
                raise Refusal(problem)
            respond(workspace, request.path_params["key"], Arguments(given))
            return {"ok": True}

        return _respond(workspace, RESPONSE_URL, given, work)

    async def keys(_request: Request) -> Response:
        with workspace.changing():
            return JSONResponse(workspace.openid.keys())

    return Starlette(
        routes=[
            Route("/api/{method}", web_api, methods=["GET", "POST"]),
            Route("/response/{key:path}", response_url, methods=["POST"]),
            Route("/openid/connect/keys", keys),
            WebSocketRoute("/link/", workspace.sockets.serve),
        ]
    )


def _respond(
    workspace: Workspace,
    name: str,
    given: Mapping[str, Any],
    work: Callable[[], dict[str, Any]],
) -> Response:
    """Do the work and log it as one step, and answer as the script of faults will have it."""
    with workspace.changing():
        fault = workspace.script.take(name) or workspace.limit(name, str(given.get("channel")))
        if isinstance(fault, Instead):
            instead = fault.answer()
            workspace.log(name, given, instead.outcome, fault)
            kind = "application/json" if instead.content[:1] == b"{" else "text/html"
            return Response(instead.content, instead.status, headers=dict(instead.headers), media_type=kind)
        try:
            answer, outcome = work(), OK
        except Refusal as refusal:
            answer, outcome = refusal.answer, refusal.error
        workspace.log(name, given, outcome, fault)
    status = 200
    if name == RESPONSE_URL and outcome != OK:
        status = 404 if outcome in _GONE else 400
    return _Answer(
        json.dumps(answer).encode(), status, fault, {"X-OAuth-Scopes": ",".join(sorted(workspace.app.scopes))}
    )


class _Answer(Response):
    """An answer that a fault may delay, withhold or cut off."""

    def __init__(self, content: bytes, status: int, fault: Fault | None, headers: Mapping[str, str]) -> None:
        content = fault.content if isinstance(fault, RefusedAfterAccepting) else content
        super().__init__(content, status, headers=headers, media_type="application/json; charset=utf-8")
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match self._fault:
            case LostReply():
                await wire(scope).hang_up(receive)
            case TimeoutAfterAccepting(limit=limit):
                await wire(scope).hold(receive, limit)
                await wire(scope).hang_up(receive)
            case Slow(seconds=seconds):
                await wire(scope).hold(receive, seconds)
                await super().__call__(scope, receive, send)
            case _:
                await super().__call__(scope, receive, send)


def _token(request: Request, given: Mapping[str, Any]) -> str | None:
    """From the header; from the arguments only where they are a form (docs.slack.dev, "Web API", on JSON bodies)."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    return None if _is_json(request) else given.get("token")


def _without_token(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name != "token"}


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _read(request: Request, body: bytes) -> tuple[dict[str, Any], str]:
    """The arguments from query and body, and Slack's name for what is wrong with them."""
    given: dict[str, Any] = dict(request.query_params)
    if not body:
        return given, ""
    if _is_json(request) or request.url.path.startswith("/response/"):
        try:
            decoded = json.loads(body)
        except (ValueError, RecursionError):
            return given, Error.INVALID_JSON
        return ({**given, **decoded}, "") if isinstance(decoded, dict) else (given, Error.JSON_NOT_OBJECT)
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        try:
            return {**given, **dict(parse_qsl(body.decode(), keep_blank_values=True, errors="strict"))}, ""
        except ValueError:
            return given, Error.INVALID_FORM_DATA
    return given, Error.INVALID_POST_TYPE
