"""The graph ``human-approval``: drafted, reviewed, published or not – through the API, the pages and Slack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from hitl_graphs.human_approval import graph
from hitl_middleware.desk.fit import check_fit
from hitl_middleware.dialects.answers import question_of, read_answer
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.review import STATUS_AFTER
from hitl_middleware.testing.store_contract.case import a_request
from hitl_server.serve import running_server

from tests.kit.desk import ANN, RunningDesk, running_desk
from tests.kit.world import World, on

GIVEN = {"graph": "human-approval", "input": {"topic": "bees"}}
TEXT = "All you need to know about bees."


@pytest.fixture
def api(world: World, tmp_path: Path) -> Iterator[httpx.Client]:
    """``hitl serve``'s app with the graph of a manifest."""
    manifest = tmp_path / "langgraph.json"
    manifest.write_text(json.dumps({"graphs": {"human-approval": "hitl_graphs.human_approval:graph"}}))
    world.settings = world.settings.model_copy(update={"manifest": manifest})
    with running_server(world) as server, httpx.Client(base_url=server.url, timeout=30) as client:
        yield client


def _pending(api: httpx.Client) -> dict[str, Any]:
    (request,) = api.get("/api/v1/requests?status=pending").json()["items"]
    found: dict[str, Any] = request
    return found


def _decide(world: World, api: httpx.Client, key: str, **body: Any) -> httpx.Response:
    answer = api.post(f"/api/v1/requests/{key}/decisions", json=body)
    world.step()
    return answer


def _values(world: World, run: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = world.graphs._graphs["human-approval"].get_state(on(run["thread_id"])).values
    return found


def test_feedback_then_approval_through_the_api(world: World, api: httpx.Client) -> None:
    """G-01, G-06: the request says step, prompt, data and round; feedback brings round 2 with the words; approving publishes."""
    run = api.post("/api/v1/runs", json=GIVEN).json()
    world.step()
    first = _pending(api)
    assert (first["kind"], first["step"], first["round"]) == ("step", "review-text", 1)
    assert (first["title"], first["tool"], first["args"]) == ("Publish this text?", None, {"text": TEXT})
    assert first["allowed_decisions"] == ["approve", "reject", "feedback"]
    assert len(first["digest"]) == 64
    assert (first["action"], first["notes"]) == (None, [])

    wrong = _decide(world, api, first["id"], type="approve", answer=5)
    assert (wrong.status_code, wrong.json()["field"]) == (422, "answer")
    wrong = _decide(world, api, first["id"], type="respond", message="hm")
    assert (wrong.status_code, wrong.json()["field"]) == (422, "type")
    said = _decide(world, api, first["id"], type="feedback", message="mention <b>honey</b>")
    assert (said.status_code, said.json()["status"]) == (200, "revised")

    second = _pending(api)
    assert second["round"] == 2
    assert second["notes"] == ["Round 1: api asked for a revision: mention <b>honey</b>"]
    assert second["args"] == {"text": f"{TEXT} Revised: mention <b>honey</b>"}
    assert second["digest"] != first["digest"]
    page = api.get(f"/requests/{second['id']}").text
    for words in ("Publish this text?", "review-text", "<h3>text</h3>", "mention &lt;b&gt;honey&lt;/b&gt;"):
        assert words in page
    assert "<b>honey" not in page

    assert _decide(world, api, first["id"], type="approve").status_code == 409
    assert _decide(world, api, second["code"], type="approve").json()["status"] == "approved"
    assert api.get(f"/api/v1/runs/{run['id']}").json()["status"] == "succeeded"
    assert _values(world, run)["published"] == second["args"]["text"]
    assert "Approved by api – the run carries on" in api.get(f"/requests/{second['id']}").text


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"decisions": [{"type": "approve"}]}, "approved"),
        ({"decisions": [{"type": "reject", "message": "no"}]}, "rejected"),
        ([{"type": "accept", "args": {"action": "review-text", "args": {"text": TEXT}}}], "approved"),
        ([{"type": "response", "args": "mention honey"}], "revised"),
        ([{"type": "ignore", "args": None}], "rejected"),
    ],
    ids=["chat-ui approve", "chat-ui reject", "inbox accept", "inbox response", "inbox ignore"],
)
def test_answers_of_langgraphs_clients_fit_a_step(said: Any, status: str) -> None:
    """E-03: what agent-chat-ui and Agent Inbox send back for what a step shows them is a decision of that step."""
    plan = ReviewPlan(verdict="ask", allowed_decisions=("approve", "reject", "feedback"))
    request = replace(
        a_request("run", kind="step", step="review-text", args={"text": TEXT}, tool=None), plan=plan
    )
    decision = read_answer(said, question_of(request))
    check_fit(request, decision)
    assert STATUS_AFTER[decision.type] == status


def test_reject_through_the_api(world: World, api: httpx.Client) -> None:
    """G-06: rejecting stops with the reason; nothing is published; an input without a topic fails with a sentence."""
    run = api.post("/api/v1/runs", json=GIVEN).json()
    world.step()
    _decide(world, api, _pending(api)["id"], type="reject", message="not now")
    assert api.get(f"/api/v1/runs/{run['id']}").json()["status"] == "succeeded"
    values = _values(world, run)
    assert "published" not in values
    assert (values["review"]["decision"], values["review"]["message"]) == ("reject", "not now")

    broken = api.post("/api/v1/runs", json=GIVEN | {"input": {"about": "bees"}}).json()
    world.step()
    assert "there is no topic in it" in api.get(f"/api/v1/runs/{broken['id']}").json()["error"]


@pytest.fixture
def desk(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningDesk]:
    """The real server with fake Slack, and the graph beside the support desk."""
    with running_desk(url, monkeypatch, graphs=lambda _: {"human-approval": graph}) as running:
        yield running


def test_approve_and_reject_in_slack(desk: RunningDesk) -> None:
    """G-06, S-08, S-10: the card shows prompt, step and text in boxes and names who decided; the second click decides nothing."""
    for topic in ("bees", "wasps"):
        given = GIVEN | {"input": {"topic": topic}}
        assert desk.api.post("/api/v1/runs", json=given).status_code == 202
        desk.settle()
    bees, wasps = desk.card("about bees"), desk.card("about wasps")
    shown = bees.plain()
    for words in ("Publish this text?", "review-text", "Waiting for a decision", "text\n", TEXT):
        assert words in shown

    desk.press("Approve", bees)
    desk.reject("no wasps", wasps)
    assert "✅ Approved by @ann – the run carries on" in desk.card("about bees").plain()
    assert "Rejected by @ann" in desk.card("about wasps").plain()
    assert "no wasps" in desk.card("about wasps").plain()
    assert [run["status"] for run in desk.runs()] == ["succeeded", "succeeded"]
    assert {request["decided_by"] for request in desk.requests()} == {f"slack:{ANN}"}

    desk.slack.click(ANN, bees, text="Approve", stale=bees)
    desk.settle()
    assert any("already approved" in text for _, text in desk.notes())
