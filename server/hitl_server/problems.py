"""Every "no" of the server as a problem document (RFC 9457): what is wrong, where, and how to mend it. Never a traceback.

Somebody with a browser is shown a page instead, which says the same (``sign_in.sent_away``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from hitl_middleware.errors import (
    AlreadyDecided,
    ApprovalNotNeeded,
    DatabaseUnreachable,
    DigestMismatch,
    DoesNotFit,
    HitlError,
    MigrationNeeded,
    NotAllowed,
    NotFound,
    ThreadBusy,
    UnknownGraph,
)
from hitl_server.jsontext import plain
from hitl_server.raw_gate import PROBLEM, Unacceptable

log = structlog.get_logger("hitl.http")

RETRY_SECONDS: Final = "1"
MOST_DETAIL: Final = 2_000
MOST_ERRORS: Final = 100

AWAY: Final = "The database does not answer. Try again: an answer that was counted is not counted twice."
BROKEN: Final = "Something is wrong on the server's side; its log says what."

_STATUS: Final[Mapping[type[HitlError], int]] = {
    NotFound: 404,
    UnknownGraph: 404,
    NotAllowed: 403,
    ApprovalNotNeeded: 403,
    AlreadyDecided: 409,
    ThreadBusy: 409,
    DigestMismatch: 412,
    DoesNotFit: 422,
}


class Problem(HTTPException):
    """A refusal on its way out. ``members`` stand in the document beside the standard ones."""

    def __init__(
        self, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(status, detail=detail, headers=headers)
        self.members = members

    def response(self) -> Response:
        """The document."""
        return problem_response(self.status_code, self.detail, headers=self.headers, members=self.members)


def problem_response(
    status: int,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> Response:
    """A problem document as a response."""
    detail = detail if len(detail) <= MOST_DETAIL else f"{detail[: MOST_DETAIL - 1]}…"
    standard = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return JSONResponse(
        plain({**standard, **(members or {})}),
        status_code=status,
        headers=dict(headers or {}),
        media_type=PROBLEM,
    )


def of_error(error: HitlError) -> Problem:
    """The refusal that one of the library's errors stands for."""
    if isinstance(error, DatabaseUnreachable | MigrationNeeded):
        # The error names the database; that is for the operator.
        log.error("http.database_away", why=type(error).__name__)
        return Problem(503, AWAY, headers={"Retry-After": RETRY_SECONDS})
    members: dict[str, Any] = {}
    if isinstance(error, DoesNotFit):
        members |= _named(error.places)
    if isinstance(error, DigestMismatch):
        members["digest"] = error.facts.get("digest")
    for kind, status in _STATUS.items():
        if isinstance(error, kind):
            return Problem(status, str(error), **members)
    log.error("http.failed", error=type(error).__name__, exc_info=error)
    return Problem(500, BROKEN)


def of_misfit(errors: Sequence[Any]) -> Problem:
    """The refusal for a request that does not have its route's form: each field that is wrong, and why."""
    error = DoesNotFit.at([_told(each) for each in errors[:MOST_ERRORS]])
    return Problem(422, str(error), **_named(error.places))


def _told(error: Mapping[str, Any]) -> tuple[str, str]:
    place = [str(part) for part in error["loc"]]
    why = str(error["msg"]).removeprefix("Value error, ")
    if field := ".".join(place[1:]):
        return field, why
    # What is judged over several fields at once says in its own words which one it means.
    named, separator, rest = why.partition(": ")
    return (named, rest) if separator else (place[0], why)


def _named(places: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """``field`` is the first one, for whoever shows only one."""
    errors = [{"field": field or "body", "why": why} for field, why in places[:MOST_ERRORS]]
    return {"field": errors[0]["field"], "errors": errors}


Say = Callable[[Scope, Problem], Response]
"""How a refusal is said to whoever sent a request."""


def install(app: FastAPI, say: Say) -> None:
    """Have every error of a route answered as ``say`` words it."""

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 – what it is installed for
        return say(request.scope, _of_http(request.scope, error))

    async def misfit(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 – what it is installed for
        errors = error.errors()
        if all(
            each["loc"][:1] == ("path",) for each in errors
        ):  # of an address without the form of any that there could be
            return say(request.scope, _of_http(request.scope, HTTPException(404)))
        return say(request.scope, of_misfit(errors))

    async def ours(request: Request, error: Exception) -> Response:
        assert isinstance(error, HitlError)  # noqa: S101 – what it is installed for
        return say(request.scope, of_error(error))

    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, misfit)
    app.add_exception_handler(HitlError, ours)
    app.add_exception_handler(Unacceptable, _unacceptable)


def _of_http(scope: Scope, error: HTTPException) -> Problem:
    if isinstance(error, Problem):
        return error
    detail = str(error.detail)
    if error.status_code == 404:
        detail = f"There is nothing at {scope['path']}."
    elif error.status_code == 405:
        detail = f"{scope['path']} does not take {scope['method']}."
    return Problem(error.status_code, detail, headers=error.headers)


async def _unacceptable(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Unacceptable)  # noqa: S101 – what it is installed for
    return error.response()
