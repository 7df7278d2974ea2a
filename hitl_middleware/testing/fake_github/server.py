"""The HTTP side: the REST API below `/api/v3`, as a server of one's own has it, and pages for people to read at the root."""

from __future__ import annotations

import hashlib
import json
import traceback
from collections.abc import Callable, Iterable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hitl_middleware.testing.fake_github import api as _endpoints  # noqa: F401  # they register
from hitl_middleware.testing.fake_github import conditional, fields, limits
from hitl_middleware.testing.fake_github.credentials import identify
from hitl_middleware.testing.fake_github.faults import (
    Fault,
    HangUp,
    Instead,
    LostReply,
    ServerErrorAfterAccepting,
    Slow,
)
from hitl_middleware.testing.fake_github.pages import issue_page
from hitl_middleware.testing.fake_github.records import Token
from hitl_middleware.testing.fake_github.refusals import Refusal
from hitl_middleware.testing.fake_github.rest import Answer, Asking, perform
from hitl_middleware.testing.fake_github.signing_in import exchange
from hitl_middleware.testing.fake_github.state import Hub
from hitl_middleware.testing.fake_github.traffic import Call, Delivery
from hitl_middleware.testing.loopback import wire

API: Final = "/api/v3"
_VERBS: Final = ["GET", "POST", "PATCH", "PUT", "DELETE"]


def create_app(hub: Hub, send_later: Callable[[Iterable[Delivery]], None]) -> Starlette:
    """The ASGI app. It has to be served by a `Loopback`, which lets faults cut connections."""

    async def rest(request: Request) -> Response:
        content = await request.body()
        answered, made = _respond(hub, request, content)
        send_later(made)
        return answered

    async def page(request: Request) -> Response:
        if hub.down:
            return _Answer(b"", 0, HangUp(), {})
        return issue_page(
            hub, "{owner}/{repo}".format(**request.path_params), int(request.path_params["number"])
        )

    async def access_token(request: Request) -> Response:
        content = await request.body()
        with hub.changing():
            if hub.down:
                return _Answer(b"", 0, HangUp(), {})
            return JSONResponse(exchange(hub, content))

    return Starlette(
        routes=[
            Route("/login/oauth/access_token", access_token, methods=["POST"]),
            Route(API + "/{rest:path}", rest, methods=_VERBS),
            Route("/{owner}/{repo}/issues/{number:int}", page),
            Route("/{owner}/{repo}/pull/{number:int}", page),
        ]
    )


def _respond(hub: Hub, request: Request, content: bytes) -> tuple[Response, list[Delivery]]:
    """Do the work and log it as one step, and answer as the script of faults will have it."""
    address = request.scope["raw_path"].decode().partition("?")[0].removeprefix(API)
    asking = Asking(
        hub=hub,
        method=request.method,
        address=address,
        query=dict(request.query_params),
        body=None,
        token=None,
        accept=request.headers.get("accept", ""),
    )
    with hub.doing() as made:
        fault: Fault | None = HangUp() if hub.down else hub.script.take(request.method, address)
        if isinstance(fault, Instead):
            instead = fault.answer()
            _log(asking, instead.status, "", fault)
            kind = (
                "application/json; charset=utf-8"
                if instead.content[:1] == b"{"
                else "text/html; charset=utf-8"
            )
            headers = {**dict(instead.headers), "Content-Type": kind}
            return _Answer(instead.content, instead.status, fault, headers), []
        message, headers = "", {}
        try:
            answer = _answer(asking, request, content, headers)
        except Refusal as refusal:
            answer, message = Answer(refusal.answer, refusal.status, refusal.headers), str(refusal)
        except Exception as error:  # noqa: BLE001  # a mistake of ours, for whoever meets it
            message = f"This fake broke: {error!r}"
            answer = Answer({"message": message, "traceback": traceback.format_exc()}, 500)
        _log(asking, answer.status, message, fault)
        headers |= answer.headers
    body = b"" if answer.body is None else json.dumps(answer.body, ensure_ascii=False).encode()
    headers.setdefault("Content-Type", "application/json; charset=utf-8")
    return _Answer(body, answer.status, fault, headers), [*made]


def _answer(asking: Asking, request: Request, content: bytes, headers: dict[str, str]) -> Answer:
    hub = asking.hub
    if not request.headers.get("user-agent"):
        raise Refusal(
            403,
            "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.",
        )
    asking.token, asking.app = identify(hub, request.headers.get("authorization", ""))
    headers |= _about(asking.token)
    spent = limits.budget(hub, asking.token)
    try:
        if asking.address != "/rate_limit":
            limits.spend(hub, asking.token)
        asking.body = fields.parse(content)
        answer = perform(asking)
        if asking.method == "GET":
            key = asking.token.value if asking.token else ""
            answer = conditional.answer(answer, request.headers, key)
            if answer.status == 304:
                spent.used -= 1  # what has not changed costs nothing
        return answer
    finally:
        headers |= limits.headers(spent)


def _about(token: Token | None) -> dict[str, str]:
    """What an answer says of the token. A fine-grained one has no scopes, so the header is not there."""
    about = {"X-GitHub-Media-Type": "github.v3; format=json"}
    if token is not None and token.kind == "classic":
        about["X-OAuth-Scopes"] = ", ".join(token.scopes)
        about["X-Accepted-OAuth-Scopes"] = "repo"
    return about


def _log(asking: Asking, status: int, message: str, fault: Fault | None) -> None:
    asking.hub.calls.append(
        Call(
            method=asking.method,
            path=asking.address,
            query=asking.query,
            body=asking.body,
            status=status,
            login=asking.token.login if asking.token else "",
            at=asking.hub.now(),
            message=message,
            fault=fault,
        )
    )


class _Answer(Response):
    """An answer that a fault may delay, replace, withhold or cut off."""

    def __init__(self, content: bytes, status: int, fault: Fault | None, headers: dict[str, str]) -> None:
        if isinstance(fault, ServerErrorAfterAccepting):
            content, status = b'{"message":"Server Error"}', fault.status
        number = hashlib.sha256(content).hexdigest()[:16].upper()
        super().__init__(content, status or 500, headers={**headers, "X-GitHub-Request-Id": f"F4CE:{number}"})
        if status == 304:
            del self.headers["content-length"]
        self._fault = fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match self._fault:
            case LostReply() | HangUp():
                await wire(scope).hang_up(receive)
            case Slow(seconds=seconds):
                await wire(scope).hold(receive, seconds)
                await super().__call__(scope, receive, send)
            case _:
                await super().__call__(scope, receive, send)
