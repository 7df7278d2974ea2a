"""``/sign-in/github`` and ``/sign-in/slack``: there, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from hitl_middleware.hitl import Hitl
from hitl_server.guard import PUBLIC
from hitl_server.openapi import refusals
from hitl_server.problems import Problem
from hitl_server.session import behind_tls
from hitl_server.sign_in import providers
from hitl_server.sign_in.attempt import MOST, SECONDS, Attempt, attempt_cookie
from hitl_server.sign_in.configured import Provider
from hitl_server.sign_in.entrance import Entrance
from hitl_server.sign_in.sent_away import not_in

log = structlog.get_logger("hitl.sign_in")

Next = Annotated[str | None, Query(max_length=2_000, description="Where to go then, on this server.")]
Word = Annotated[str | None, Query(max_length=MOST)]

_ON: Final[dict[int | str, dict[str, Any]]] = {
    303: {"description": "On to the service, or to the page that was asked for"}
}


def service_router(hitl: Hitl, entrance: Entrance, configured: Iterable[Provider]) -> APIRouter:
    """Two routes for each service that is configured."""
    router = APIRouter(tags=["sign in"], default_response_class=HTMLResponse)
    for provider in configured:
        _add(router, hitl, entrance, provider)
    return router


def _add(router: APIRouter, hitl: Hitl, entrance: Entrance, provider: Provider) -> None:
    path = f"/sign-in/{provider.name}"

    def back_here() -> str:
        return f"{(hitl.public_url or '').rstrip('/')}{path}/callback"

    async def begin(next: Next = None) -> Response:  # noqa: A002 – the word of every sign-in page
        """Changes nothing here; the browser gets a cookie by which the answer is known for its own."""
        attempt = Attempt.begun(provider.name, next)
        answer = RedirectResponse(providers.way_to(provider, attempt, back_here()), status_code=303)
        attempt_cookie(secure=behind_tls(hitl)).give(answer, attempt.cookie, SECONDS)
        return answer

    async def come_back(
        request: Request, code: Word = None, state: Word = None, error: Word = None
    ) -> Response:
        """The service's answer: good once, in the browser that asked."""
        cookie = attempt_cookie(secure=behind_tls(hitl))
        attempt = Attempt.read(provider.name, cookie.read(request.headers))
        answer = await _answered(request, attempt, code=code, state=state, error=error)
        cookie.take(answer)
        return answer

    async def _answered(
        request: Request, attempt: Attempt | None, *, code: str | None, state: str | None, error: str | None
    ) -> Response:
        if attempt is None or not attempt.answers(state):
            words = f"This was not begun in this browser, or it was answered before. Begin again at {hitl.public_url}/sign-in."
            return not_in(request, 401, words)
        if error is not None or code is None:
            return not_in(
                request,
                403,
                f"{provider.title} did not let us know who you are: {(error or 'no code')[:100]}.",
            )
        try:
            proven = await providers.who(provider, attempt, back_here(), code, hitl.clock)
        except Problem as refusal:
            return not_in(request, refusal.status_code, str(refusal.detail))
        return await entrance.enter(request, proven.identity, proven.name, attempt.back, via=provider.name)

    router.get(
        path, summary=f"Sign in with {provider.title}", openapi_extra=PUBLIC, status_code=303,
        response_class=RedirectResponse, responses=_ON, name=f"sign_in_{provider.name}",
    )(begin)  # fmt: skip
    router.get(
        f"{path}/callback", summary=f"{provider.title}'s answer", openapi_extra=PUBLIC, status_code=303,
        response_class=RedirectResponse, name=f"sign_in_{provider.name}_callback",
        responses={**_ON, **refusals({401: "Not begun here, or not proven", 403: "Not let in", 503: "The service does not answer"})},
    )(come_back)  # fmt: skip
