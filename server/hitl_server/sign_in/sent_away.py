"""How a refusal at the guard is said: a problem document to programs, and to somebody with a browser a page that leads on."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Scope

from hitl_server.problems import Problem
from hitl_server.sign_in.coming_back import HOME, local_path, page_of, path_of_page, sign_in_path
from hitl_server.sign_in.pages import sentence

SIGNED_OUT: Final = (
    "You are not signed in any more. Nothing was changed; sign in, and you come back to the same page."
)


def refused(scope: Scope, refusal: Problem) -> Response:
    """401 and 403 for a browser; all else as it is."""
    headers = Headers(scope=scope)
    if refusal.status_code not in {401, 403} or not _is_browser(scope, headers):
        return refusal.response()
    here = _here(scope, headers)
    if refusal.status_code == 403:
        # Back to the page with the form; from a page that is not for them to the one that is.
        back = HOME if scope["method"] == "GET" else local_path(here)
        return sentence(403, "Not done", str(refusal.detail), back=back, label="Back")
    way = sign_in_path(here)
    if (
        headers.get("hx-request") == "true"
    ):  # htmx follows a redirect without showing it, and this header by going there
        return Response(status_code=401, headers={**dict(refusal.headers or {}), "HX-Redirect": way})
    if scope["method"] == "GET":
        return RedirectResponse(way, status_code=303)
    answer = sentence(401, "Signed out", SIGNED_OUT, back=way, label="Sign in")
    answer.headers.update(refusal.headers or {})
    return answer


def not_in(request: Request, status: int, words: str) -> Response:
    """Somebody tried to sign in, and did not."""
    if not _is_browser(request.scope, request.headers):
        return Problem(status, words).response()
    return sentence(status, "Not signed in", words, back="/sign-in", label="Other ways to sign in")


def _is_browser(scope: Scope, headers: Headers) -> bool:
    """Whether somebody looks at a page. Whoever sent a token is a program, and so is who asks the API."""
    if "authorization" in headers or scope["path"].startswith("/api/"):
        return False
    return "text/html" in headers.get("accept", "") or headers.get("hx-request") == "true"


def _here(scope: Scope, headers: Headers) -> str | None:
    """The page they are on, or ask for."""
    if scope["method"] == "GET" and headers.get("hx-request") != "true":
        return page_of(scope)
    host = headers.get("host", "")
    return path_of_page(headers.get("hx-current-url") or headers.get("referer"), host)
