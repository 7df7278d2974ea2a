"""Graphs on a real LangGraph Agent Server, with our app mounted in its process: people decide, and what they allow happens once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from hitl_middleware.actions import Decision
from hitl_middleware.clock import ManualClock, SystemClock
from hitl_middleware.errors import LeaseLost
from hitl_middleware.hitl import Hitl
from hitl_middleware.records import Lease
from hitl_middleware.settings import AgentServerConfig, ConfigFile, Settings
from hitl_middleware.testing.fake_slack import FakeSlack
from hitl_middleware.testing.loopback import Loopback
from hitl_middleware.testing.still import StillHitl

from tests.kit.agent_server import ANN, DevServer, passing_on
from tests.kit.clocks import until

pytestmark = pytest.mark.xdist_group("agent server")  # one server for them all

SECONDS = 60.0


@pytest.fixture
def api(agent_server: DevServer) -> Iterator[httpx.Client]:
    """Our API, at the Agent Server's address."""
    with httpx.Client(base_url=agent_server.url, timeout=30, trust_env=False) as client:
        yield client


def paying(amount: int) -> dict[str, Any]:
    """What the cashier is told."""
    return {"messages": [{"role": "user", "content": str(amount)}]}


def started(api: httpx.Client, graph: str, given: Any, **more: Any) -> dict[str, Any]:
    """A run, once it waits: as the API shows it."""
    answer = api.post("/api/v1/runs", json={"graph": graph, "input": given, **more})
    assert answer.status_code == 202, answer.text
    return waited(api, answer.json()["id"], lambda run: run["requests"] or run["error"])


def waited(api: httpx.Client, run_id: str, what: Any) -> dict[str, Any]:
    """The run, as soon as ``what`` is true of it."""
    run: dict[str, Any] = {}

    def seen() -> bool:
        run.update(api.get(f"/api/v1/runs/{run_id}").json())
        return bool(what(run))

    until(seen, f"run {run_id} has come so far", seconds=SECONDS)
    return run


def test_a_click_in_slack_lets_a_tool_run_once(
    agent_server: DevServer, agents_slack: FakeSlack, api: httpx.Client
) -> None:
    """O-09, S-05, S-08: the run is on the Agent Server, its gate claims in our database, and the card follows to Executed.

    The thread is called after a conversation, which the server could not keep under that name.
    """
    run = started(api, "till", paying(4_711), thread_id="front:cnv_4711")
    assert run["thread_id"] == "front:cnv_4711"
    card = agents_slack.wait_for_message("4711", timeout=SECONDS)
    assert 4_711 not in agent_server.paid
    assert agents_slack.click(ANN, card, text="Approve").trouble == ""
    ended = waited(api, run["id"], lambda now: now["status"] != "suspended" and now["status"] != "running")
    assert (ended["status"], ended["error"]) == ("succeeded", None)
    assert [action["status"] for action in ended["actions"]] == ["succeeded"]
    agents_slack.wait_for_message("Executed", timeout=SECONDS)
    assert agent_server.paid.count(4_711) == 1


def test_the_api_decides_and_the_rest_is_the_agent_servers(api: httpx.Client) -> None:
    """The mounted app answers at its own paths behind its own guard; the Agent Server's routes and their errors stay as they were."""
    assert api.get("/healthz").json() == {"status": "ok"}
    assert (api.get("/ok").json()["ok"], "version" in api.get("/info").json()) == (True, True)
    run = started(api, "till", paying(815))
    (request,) = [
        each
        for each in api.get("/api/v1/requests?status=pending").json()["items"]
        if each["run_id"] == run["id"]
    ]
    assert (request["tool"], request["args"]) == ("pay", {"amount": 815})
    page = api.get(f"/requests/{request['id']}")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "What waits" in api.get("/inbox").text
    refused = api.post(
        f"/api/v1/requests/{request['id']}/decisions", json={"type": "reject", "message": "Too much."}
    )
    assert (refused.status_code, refused.json()["status"]) == (200, "rejected")
    ended = waited(api, run["id"], lambda now: now["status"] == "succeeded")
    assert [action["status"] for action in ended["actions"]] == ["denied"]
    assert "hitl_requests" in api.get("/hitl/metrics").text
    assert "hitl_" not in api.get("/metrics").text
    # What is ours is guarded, what is theirs is not ours to guard.
    foreign = {"origin": "https://evil.example"}
    where = f"/api/v1/requests/{request['id']}/decisions"
    assert api.post(where, json={"type": "approve"}, headers=foreign).status_code == 403
    assert api.post("/hitl/api/v1/runs", json={"graph": "till"}, headers=foreign).status_code == 403
    assert api.post("/slack/events", content=b"{}").status_code == 401
    theirs = api.post("/assistants/search", json={}, headers=foreign)
    assert theirs.status_code == 200
    assert "content-security-policy" not in theirs.headers
    assert "detail" in api.get("/threads/nonsense").json()


def test_a_workflow_step_is_answered_on_the_agent_server(api: httpx.Client) -> None:
    """G-06: ``human_step`` reads its answer from the store there, too; feedback leads to another round, under a thread of our naming."""
    run = started(api, "human-approval", {"topic": "bees"}, thread_id="acme/shop#12")
    (first,) = run["requests"]
    answer = api.post(
        f"/api/v1/requests/{first['id']}/decisions", json={"type": "feedback", "message": "Shorter."}
    )
    assert answer.status_code == 200, answer.text
    again = waited(api, run["id"], lambda now: len(now["requests"]) == 2)
    (second,) = [each for each in again["requests"] if each["status"] == "pending"]
    answer = api.post(f"/api/v1/requests/{second['id']}/decisions", json={"type": "approve"})
    assert answer.status_code == 200, answer.text
    assert (
        waited(api, run["id"], lambda now: now["status"] != "suspended" and now["status"] != "running")[
            "error"
        ]
        is None
    )


def test_a_run_of_the_server_whose_fence_has_moved_on_executes_nothing(agent_server: DevServer) -> None:
    """Rule 2: who drove it fell asleep, another took over, the server carries out the first one's resume: the act is not the first's."""
    settings = Settings(database_url=agent_server.database_url, agent_server_url=agent_server.url)
    clock = ManualClock(at=SystemClock().now())
    config = ConfigFile(agent_server=AgentServerConfig(graphs=("late-till",)))
    hitl = StillHitl(settings, clock=clock, config=config, channels=())
    try:
        hitl.start()
        run = hitl.begin_run("late-till", paying(13))
        (request,) = [each for each in hitl.pending() if each.run_id == run.id]
        approve = Decision(type="approve")
        hitl.portal.call(hitl.submit, request.id, approve, identity="api", via="api")

        async def taken(owner: str) -> Lease:
            async with hitl.store.begin() as uow:
                lease = await uow.acquire_lease(run.id, owner, 30)
                assert lease is not None
                await uow.release_lease(lease)
                return lease

        asleep, awake = hitl.portal.call(taken, "asleep"), hitl.portal.call(taken, "awake")
        assert awake.fence == asleep.fence + 1
        with pytest.raises(LeaseLost):
            hitl.portal.call(hitl.all_graphs.resume, run, asleep, {request.interrupt_id: {"type": "approve"}})
        assert 13 not in agent_server.paid
        hitl.step()
        assert agent_server.paid.count(13) == 1
        assert hitl.portal.call(hitl.views.run, run.id).run.status == "succeeded"
    finally:
        hitl.stop()


def test_a_server_that_is_away_loses_no_run(agent_server: DevServer, url: str) -> None:
    """Rule 10: a run waits for its server, before its first step and after a decision, and goes on when that is back; it does not fail."""
    with Loopback(passing_on(agent_server.url, away := [True])) as proxy:
        settings = Settings(database_url=url, agent_server_url=proxy.url, lease_seconds=1)
        config = ConfigFile(agent_server=AgentServerConfig(graphs=("asks",)), operators=("ann",))
        hitl = Hitl(settings, config=config, channels=())
        try:
            hitl.start()
            run = hitl.portal.call(hitl.start_run, "asks", {"given": "a wall"})

            def looked(times: int) -> bool:
                return hitl.portal.call(hitl.views.run, run.id).run.fence >= times

            until(lambda: looked(2), "it was looked at again and again")
            assert hitl.portal.call(hitl.views.run, run.id).run.status == "running"
            away.clear()
            until(lambda: bool(hitl.portal.call(hitl.views.run, run.id).requests), "its question was filed")
            (request,) = hitl.portal.call(hitl.views.run, run.id).requests
            away.append(True)
            fence = hitl.portal.call(hitl.views.run, run.id).run.fence
            blue = Decision(type="respond", answer="blue")
            hitl.portal.call(hitl.submit, request.id, blue, identity="api", via="api")
            until(lambda: looked(fence + 2), "it was tried again and again")
            assert hitl.portal.call(hitl.views.run, run.id).run.error is None
            away.clear()
            ended = hitl.portal.call(hitl.views.ended, run.id, seconds=SECONDS)
            assert (ended.run.status, ended.run.error) == ("succeeded", None)
        finally:
            hitl.stop()
