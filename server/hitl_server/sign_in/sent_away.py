"""How a "no" is said: a problem document to programs, and to somebody with a browser a page that leads on."""

from __future__ import annotations

from collections.abc import Mapping
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


_TITLES: Final[Mapping[int, str]] = {404: "Not found", 500: "Something went wrong", 503: "Not now"}


def refused(scope: Scope, refusal: Problem) -> Response:
    """A page for whoever sees it; the document for everybody else, and for htmx, which draws no whole page into a part."""
    headers = Headers(scope=scope)
    if not _is_browser(scope, headers):
        return refusal.response()
    here = _here(scope, headers)
    if refusal.status_code not in {401, 403}:
        return _led_on(scope, headers, refusal, here)
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


def _led_on(scope: Scope, headers: Headers, refusal: Problem, here: str | None) -> Response:
    """What is not there, does not fit, or does not work now: to the inbox from where nothing can be seen, else back to the form."""
    if headers.get("hx-request") == "true":
        return refusal.response()
    looks = scope["method"] in {"GET", "HEAD"}
    back, label = (HOME, "To the inbox") if looks else (local_path(here), "Back")
    title = _TITLES.get(refusal.status_code, "Not done")
    page = sentence(refusal.status_code, title, str(refusal.detail), back=back, label=label)
    page.headers.update(refusal.headers or {})
    return page


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
