"""Requests made from our OpenAPI document by schemathesis, and answers judged by it (issue 6; O-08)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.kit.served import TOKEN, Served

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
READS, CHANGES = 6, 24
"""Examples for each operation and manner; a change has more ways to be wrong."""

NOT_TRIED = ("/api/v1/events", "/static/")
"""What has no end; and files, which are all served by one line."""


def operations(document: dict[str, Any]) -> Iterator[Any]:
    """Those that are tried."""
    for found in schemathesis.openapi.from_dict(document).get_all_operations():
        assert isinstance(found, Ok), found
        if not found.ok().path.startswith(NOT_TRIED):
            yield found.ok()


def test_every_operation(locked_server: Served):
    """No answer is a 5xx, and none is one of which the document does not tell: its status, its type, its members – whatever is sent.

    Half of what is made names a run, a request or an act that there is. All of it depends on the document alone, not on luck.
    """
    asked = [locked_server.asked(graph) for graph in ("desk", "poll", "desk", "desk")]
    known = {
        "runs": [request["run_id"] for request in asked],
        "requests": [request["id"] for request in asked],
        "actions": [request["action"]["id"] for request in asked if request["action"]],
    }
    answered: Counter[int] = Counter()
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        for operation in operations(locked_server.http.get("/openapi.json").json()):
            ids = next((known[part] for part in operation.path.split("/") if part in known), [])
            for manner in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                answered.update(_tried(operation, manner, ids, locked_server.url, session))
            locked_server.world.step()
    assert answered.keys() >= {200, 202, 303, 404, 422}, answered


def _tried(
    operation: Any, manner: GenerationMode, ids: Sequence[str], url: str, session: requests.Session
) -> list[int]:
    """Statuses of the answers to what was made for one operation."""
    answered: list[int] = []

    @settings(
        max_examples=READS if operation.method.upper() == "GET" else CHANGES,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=manner))
    def tried(case: Any) -> None:
        at, odd = divmod(len(answered), 2)
        if ids and not odd:
            case.path_parameters["id"] = ids[at % len(ids)]
        if operation.path == "/api/v1/runs" and not odd and isinstance(case.body, dict):
            case.body["graph"] = "poll"
        answer = case.call(base_url=url, session=session, allow_redirects=False)
        answered.append(answer.status_code)
        case.validate_response(answer, checks=CHECKS)

    try:
        tried()
    except Unsatisfiable:
        # An operation that takes nothing cannot be asked for in a wrong way.
        assert manner == GenerationMode.NEGATIVE, operation.label
    return answered
