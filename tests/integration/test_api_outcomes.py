"""Acts whose outcome nobody knows, settled over HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from hitl_middleware import OutcomeUnknown

from tests.kit.effects import Effects
from tests.kit.served import ANN, BOB, Served


@pytest.fixture
def lost(open_server: Served) -> tuple[Served, dict[str, Any]]:
    """A server and a request that was approved and performed, but whose answer was lost."""
    request = broken(open_server)
    return open_server, request


def broken(server: Served) -> dict[str, Any]:
    """A request that was approved and whose act lost its answer."""

    def lose() -> None:
        raise OutcomeUnknown

    server.effects.then = lose
    request = server.asked()
    assert server.decide(request["id"], type="approve").status_code == 200
    found = server.request(request["id"])
    assert (found["status"], found["action"]["status"]) == ("approved", "unknown")
    server.effects.then = None
    return found


def settle(server: Served, request: dict[str, Any], **body: Any) -> httpx.Response:
    """Say what became of a request's act."""
    return server.http.post(f"/api/v1/actions/{request['action']['id']}/outcome", json=body)


@pytest.mark.parametrize(
    ("body", "status", "result", "error", "done"),
    [
        ({"type": "done", "result": "paid 5, see the bank"}, "succeeded", "paid 5, see the bank", None, 1),
        ({"type": "done", "result": {"id": "re_1"}}, "succeeded", '{"id": "re_1"}', None, 1),
        ({"type": "done", "message": "I looked"}, "succeeded", "I looked", None, 1),
        ({"type": "failed", "message": "the bank refused"}, "failed", None, "the bank refused", 1),
        ({"type": "retry"}, "succeeded", "paid 5", None, 2),
    ],
)
def test_settling(
    lost: tuple[Served, dict[str, Any]],
    body: dict[str, Any],
    status: str,
    result: str | None,
    error: str | None,
    done: int,
):
    """A person says what happened; the run goes on with that, and only ``retry`` acts again (DESIGN §3)."""
    server, request = lost
    answer = settle(server, request, **body)
    assert answer.status_code == 200
    after = server.request(request["id"])
    assert (after["action"]["status"], after["action"]["result"], after["action"]["error"]) == (
        status,
        result,
        error,
    )
    assert server.effects.done == [5] * done
    assert server.http.get(f"/api/v1/runs/{request['run_id']}").json()["status"] == "succeeded"


def test_its_own_request(lost: tuple[Served, dict[str, Any]]):
    """The run waits at a request of kind ``outcome``; ``/decisions`` on it is 422, settling answers it (DESIGN §3)."""
    server, request = lost
    (outcome,) = server.http.get("/api/v1/requests?status=pending").json()["items"]
    assert (outcome["kind"], outcome["allowed_decisions"]) == ("outcome", [])
    refused = server.decide(outcome["id"], type="approve")
    assert (refused.status_code, refused.json()["field"]) == (422, "type")
    assert settle(server, request, type="done", reviewer=ANN).json()["settled_by"] == ANN
    answered = server.request(outcome["id"])
    assert (answered["status"], answered["decided_by"]) == ("answered", ANN)


def test_nothing_to_settle(open_server: Served):
    """422: only an unknown outcome can be settled; 404 for an act that is none."""
    request = open_server.asked()
    refused = settle(open_server, request, type="done")
    assert (refused.status_code, "waiting" in refused.json()["detail"]) == (422, True)
    assert open_server.http.post("/api/v1/actions/none/outcome", json={"type": "done"}).status_code == 404


def test_twice(lost: tuple[Served, dict[str, Any]]):
    """The second one changes nothing."""
    server, request = lost
    assert settle(server, request, type="done", result="first").status_code == 200
    assert settle(server, request, type="failed", message="second").status_code == 422
    assert server.request(request["id"])["action"]["result"] == "first"


def test_who_may_not(serve: Callable[..., Served], effects: Effects):
    """Only the plan's approvers and operators: 403."""
    server = serve(approvers=[ANN])

    def lose() -> None:
        raise OutcomeUnknown

    effects.then = lose
    request = server.asked()
    server.decide(request["id"], type="approve", reviewer=ANN)
    found = server.request(request["id"])
    assert settle(server, found, type="done").status_code == 403
    assert settle(server, found, type="done", reviewer=BOB).status_code == 403
    assert settle(server, found, type="done", reviewer="local:root").status_code == 403
    assert settle(server, found, type="done", reviewer=ANN).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "type"),
        ({"type": "undo"}, "type"),
        ({"type": "done", "message": 5}, "message"),
        ({"type": "done", "rsult": 1}, "rsult"),
    ],
)
def test_what_does_not_fit(unchanged: Served, body: dict[str, Any], field: str):
    """422 with the field."""
    (request,) = unchanged.http.get("/api/v1/requests").json()["items"]
    answer = settle(unchanged, request, **body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
