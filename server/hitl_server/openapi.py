"""The OpenAPI document: FastAPI's, with credentials and problem documents written into every operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from hitl_server.raw_gate import PROBLEM
from hitl_server.shapes import ProblemOut

SCHEME: Final = "token"
SESSION: Final = "session"

_PROBLEM: Final[Mapping[str, Any]] = {"schema": {"$ref": "#/components/schemas/Problem"}}
_SCHEME: Final[Mapping[str, Any]] = {
    "type": "http",
    "scheme": "bearer",
    "description": "HITL_API_TOKEN, or a token of hitl.toml. While none is set, callers on this machine need none.",
}
_SESSION: Final[Mapping[str, Any]] = {
    "type": "apiKey",
    "in": "cookie",
    "name": "hitl_session",
    "description": "A browser's, from /sign-in (`__Host-hitl_session` behind TLS); its changes carry X-CSRF-Token. `x-roles` of an "
    "operation: who of those who are signed in may use it.",
}
_EVERYWHERE: Final[Mapping[str, str]] = {
    "401": "No token and no session, or one that is not known",
    "403": "Not for this role; a change without its csrf token; or, while nothing is set up, not from this machine or origin",
}
_TOO_MANY: Final = "Not let in, and neither were too many before it from the same address: Retry-After"
_BY_FASTAPI: Final = ("HTTPValidationError", "ValidationError")


def refusals(told: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route: the statuses it refuses with, and why."""
    return {
        status: {"description": why, "content": {PROBLEM: dict(_PROBLEM)}} for status, why in told.items()
    }


def complete(document: dict[str, Any], *, locked: bool) -> dict[str, Any]:
    """The document with what holds for every operation. ``locked``: tokens are set, so credentials are not optional."""
    components = document.setdefault("components", {})
    schemes = components.setdefault("securitySchemes", {})
    schemes[SCHEME], schemes[SESSION] = dict(_SCHEME), dict(_SESSION)
    schemas = components.setdefault("schemas", {})
    schemas["Problem"] = ProblemOut.model_json_schema()
    for name in _BY_FASTAPI:
        schemas.pop(name, None)
    for operation in _operations(document):
        responses = operation.setdefault("responses", {})
        for response in responses.values():
            _without_fastapis_form(response)
        # A public route says so itself: ``guard.PUBLIC``.
        known: list[dict[str, Any]] = [{SCHEME: []}, {SESSION: []}]
        if operation.setdefault("security", known if locked else [*known, {}]) != []:
            for status, why in _EVERYWHERE.items():
                responses.setdefault(status, {"description": why, "content": {PROBLEM: dict(_PROBLEM)}})
        if "401" in responses:
            responses.setdefault("429", {"description": _TOO_MANY, "content": {PROBLEM: dict(_PROBLEM)}})
        operation["responses"] = dict(sorted(responses.items()))
    return document


def _operations(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


def _without_fastapis_form(response: dict[str, Any]) -> None:
    """FastAPI lists its own shape of a 422 wherever a route does not; ours are all problem documents."""
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("$ref", "").endswith("/HTTPValidationError"):
        response["content"] = {PROBLEM: dict(_PROBLEM)}
        response["description"] = "A field does not have the form it must have"
