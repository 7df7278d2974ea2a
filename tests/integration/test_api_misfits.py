"""What does not fit, over HTTP: everything that is wrong is named at once, and nothing is decided by it."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from langchain_core.tools import tool

from hitl_middleware import requires_approval
from hitl_server.serve import running_server

from tests.kit.effects import Effects
from tests.kit.models import call, says, script
from tests.kit.served import Served
from tests.kit.world import World


@pytest.mark.parametrize(
    ("path", "body", "fields"),
    [
        (
            "decisions",
            {"type": "edit", "edited_action": {"args": 5}},
            ["edited_action.name", "edited_action.args"],
        ),
        (
            "decisions",
            {"type": "reject", "message": 5, "reviwer": "ann"},
            ["message", "reviwer"],
        ),
        ("runs", {"inptu": {}, "requester": "nobody"}, ["graph", "input", "requester", "inptu"]),
    ],
    ids=["edit", "reject", "run"],
)
def test_every_field_is_named(unchanged: Served, path: str, body: object, fields: list[str]):
    """E-04: a 422 lists each field and why; ``field`` is the first of them, and the sentence has them all."""
    (request,) = unchanged.http.get("/api/v1/requests?status=pending").json()["items"]
    place = "runs" if path == "runs" else f"requests/{request['id']}/decisions"
    answer = unchanged.http.post(f"/api/v1/{place}", json=body)
    problem = answer.json()
    assert (answer.status_code, [error["field"] for error in problem["errors"]]) == (422, fields)
    assert problem["field"] == fields[0]
    for error in problem["errors"]:
        assert f"{error['field']}: {error['why'].rstrip('.')}" in problem["detail"]
    assert unchanged.http.get("/api/v1/requests?status=pending").json()["items"] == [request]


def test_every_argument_is_named(make_world: Callable[..., World], effects: Effects):
    """E-04: so with the arguments of an edit, by the tool's own schema."""

    @requires_approval(decisions=["edit"])
    @tool
    def send(to: str, copies: int) -> str:
        """Send something."""
        return "sent"

    world = make_world()
    graph = world.agent([send], script(says(call("send", to="ann", copies=1))))
    with (
        running_server(world, graphs={"desk": graph}, routers=()) as server,
        httpx.Client(base_url=server.url, timeout=30) as http,
    ):
        desk = Served(world, effects, http)
        request = desk.asked()
        answer = desk.decide(
            request["id"], type="edit", edited_action={"name": "send", "args": {"copies": "two"}}
        )
        assert (answer.status_code, answer.json()["errors"]) == (
            422,
            [
                {"field": "edited_action.args.copies", "why": "This must be a whole number."},
                {"field": "edited_action.args.to", "why": "This is required."},
            ],
        )
        assert desk.request(request["id"])["status"] == "pending"
