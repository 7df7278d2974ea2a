"""Runs over HTTP: start them, look at them."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from tests.kit.served import ANN, HELLO, Served

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"


def test_a_run_is_started(open_server: Served):
    """202 with exactly id (a UUIDv7), thread, graph and status; Location leads to it (DESIGN §5)."""
    answer = open_server.http.post("/api/v1/runs", json={"graph": "desk", "input": HELLO})
    assert answer.status_code == 202
    run = answer.json()
    assert set(run) == {"id", "thread_id", "graph", "status"}
    assert (run["graph"], run["status"]) == ("desk", "running")
    assert re.fullmatch(UUID, run["id"])
    assert open_server.http.get(answer.headers["Location"]).json()["id"] == run["id"]


def test_a_run_is_shown_with_what_it_asks_and_does(open_server: Served):
    """The run has its requests and actions, and no error (DESIGN §5)."""
    run = open_server.started()
    shown = open_server.http.get(f"/api/v1/runs/{run['id']}").json()
    assert set(shown) == {"id", "thread_id", "graph", "status", "requests", "actions", "error", "labels"}
    assert (shown["status"], shown["error"]) == ("suspended", None)
    (request,), (action,) = shown["requests"], shown["actions"]
    assert (request["action"]["id"], action["status"], action["args"]) == (
        action["id"],
        "waiting",
        {"amount": 5},
    )
    assert open_server.http.get(f"/api/v1/actions/{action['id']}").json() == action


def test_a_run_is_found_by_its_thread(open_server: Served):
    """The thread's id shows the run that is under way on it."""
    run = open_server.started(thread_id="conversation-7")
    assert open_server.http.get("/api/v1/runs/conversation-7").json()["id"] == run["id"]


def test_the_caller_is_on_record(open_server: Served):
    """Without a requester the run has none, and the audit says the token (here: the loopback caller) started it (O-01)."""
    run = open_server.started()
    stored = open_server.world.portal.call(open_server.world.views.run, run["id"]).run
    assert (stored.requester, stored.started_by) == (None, "api")
    stored_for_ann = open_server.started(requester=ANN)
    run_for_ann = open_server.world.portal.call(open_server.world.views.run, stored_for_ann["id"]).run
    assert (run_for_ann.requester, run_for_ann.started_by) == (ANN, "api")


@pytest.mark.parametrize(
    ("policy", "status"), [("enqueue", "queued"), ("supersede", "queued"), ("refuse", None)]
)
def test_a_busy_thread(open_server: Served, policy: str, status: str | None):
    """S-16: new input waits, replaces, or is refused with 409, as the caller chose."""
    first = open_server.asked(thread_id="t-1")
    body = {"graph": "desk", "input": HELLO, "thread_id": "t-1", "on_new_input": policy}
    answer = open_server.http.post("/api/v1/runs", json=body)
    if status is None:
        assert answer.status_code == 409
        assert "t-1" in answer.json()["detail"]
    else:
        assert (answer.status_code, answer.json()["status"]) == (202, status)
    after = {"enqueue": "pending", "refuse": "pending", "supersede": "superseded"}[policy]
    assert open_server.http.get(f"/api/v1/requests/{first['id']}").json()["status"] == after


def test_an_unknown_graph(unchanged: Served):
    """404 with a sentence that lists those there are, and nothing is stored (issue 2, bad input)."""
    before = unchanged.http.get("/api/v1/runs").json()
    answer = unchanged.http.post("/api/v1/runs", json={"graph": "dresk", "input": HELLO})
    assert answer.status_code == 404
    assert "dresk" in answer.json()["detail"]
    assert "desk, poll" in answer.json()["detail"]
    assert unchanged.http.get("/api/v1/runs").json() == before


@pytest.mark.parametrize("path", ["runs/nope", "requests/nope", "requests/00000000", "actions/nope"])
def test_an_unknown_id(unchanged: Served, path: str):
    """404 as a problem document that names it."""
    answer = unchanged.http.get(f"/api/v1/{path}")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert path.rpartition("/")[2] in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"input": HELLO}, "graph"),
        ({"graph": "desk"}, "input"),
        ({"graph": "desk", "input": None}, "input"),
        ({"graph": 5, "input": HELLO}, "graph"),
        ({"graph": "desk", "input": HELLO, "thread_id": ""}, "thread_id"),
        ({"graph": "desk", "input": HELLO, "thread_id": "a\0b"}, "thread_id"),
        ({"graph": "desk", "input": HELLO, "thread_id": "x" * 201}, "thread_id"),
        ({"graph": "desk", "input": HELLO, "requester": "ann"}, "requester"),
        ({"graph": "desk", "input": HELLO, "on_new_input": "maybe"}, "on_new_input"),
        ({"graph": "desk", "input": HELLO, "theard_id": "t"}, "theard_id"),
        ([], "body"),
        ("desk", "body"),
    ],
)
def test_a_body_that_does_not_fit(unchanged: Served, body: object, field: str):
    """422 names the field, and no run is stored (E-04)."""
    before = unchanged.http.get("/api/v1/runs").json()
    answer = unchanged.http.post("/api/v1/runs", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)
    assert unchanged.http.get("/api/v1/runs").json() == before


def test_lists_have_pages(open_server: Served):
    """Newest first; the cursor leads through all of them once, and the last page has none."""
    made = [open_server.started()["id"] for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    for _ in range(3):
        page = open_server.http.get(
            "/api/v1/runs", params={"limit": 2} | ({"cursor": cursor} if cursor else {})
        ).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert (seen, cursor) == (made[::-1], None)


@pytest.mark.parametrize("path", ["runs", "requests", "audit"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "-1"),
        ("limit", "9" * 400),
        ("limit", "x"),
        ("cursor", "a b"),
        ("cursor", "nonsense"),
        ("cursor", "\0"),
    ],
)
def test_a_parameter_that_does_not_fit(unchanged: Served, path: str, name: str, value: str):
    """422 names the parameter."""
    answer = unchanged.http.get(f"/api/v1/{path}", params={name: value})
    assert (answer.status_code, answer.json()["field"]) == (422, name)


def test_times_are_iso_8601_in_utc(open_server: Served):
    """Every time has its zone (DESIGN §5)."""
    open_server.started()
    (run,) = open_server.http.get("/api/v1/runs").json()["items"]
    at = dt.datetime.fromisoformat(run["created_at"])
    assert (at.utcoffset(), at) == (dt.timedelta(), open_server.world.clock.now())
