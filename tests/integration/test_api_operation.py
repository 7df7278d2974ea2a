"""Operating it: probes, metrics, the document, and what happens when something is away or breaks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter

from hitl_middleware.stores.sql import SqlStore
from hitl_server.app import create_app
from hitl_server.listener import Listener, bind
from hitl_server.routes.operations import LEAVING

from tests.kit.outage import Unreliable
from tests.kit.served import ANN, HELLO, Served
from tests.kit.world import World


class TestProbes:
    def test_alive_and_ready(self, open_server: Served):
        """200, as soon as the address is known."""
        assert open_server.http.get("/healthz").json() == {"status": "ok"}
        assert open_server.http.get("/readyz").json() == {"status": "ready"}

    def test_somebody_else_has_the_database(
        self, serve: Callable[..., Served], make_world: Callable[..., World], tmp_path: Path
    ):
        """While no decision could be stored it is not ready and decisions are 503, reading goes on; then all is well again."""
        path = tmp_path / "hitl.db"
        world = make_world(f"sqlite:///{path}")
        store = SqlStore(f"sqlite:///{path}", clock=world.clock, busy_seconds=0.2)
        server = serve(world=make_world(f"sqlite:///{path}", store=store))
        request = server.asked()
        other = sqlite3.connect(path, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            assert server.http.get("/healthz").status_code == 200
            assert server.http.get("/readyz").status_code == 503
            answer = server.decide(request["id"], type="approve")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
            assert str(tmp_path) not in answer.text
            assert server.http.get(f"/api/v1/requests/{request['id']}").json() == request
        finally:
            other.close()
        assert server.http.get("/readyz").status_code == 200
        assert server.decide(request["id"], type="approve").status_code == 200


@pytest.fixture
def away(serve: Callable[..., Served], make_world: Callable[..., World]) -> Iterator[Served]:
    """A server whose database went away after it had started and asked something."""
    world = make_world()
    store = Unreliable(world.store)
    server = serve(world=make_world(store=store))
    server.asked()
    store.away = True
    yield server
    store.away = False


class TestTheDatabaseIsAway:
    @pytest.mark.parametrize(
        "path",
        ["/", "/requests/x", "/runs/x", "/metrics", "/readyz", "/api/v1/runs", "/api/v1/runs/x", "/api/v1/requests", "/api/v1/requests/x",
         "/api/v1/actions/x", "/api/v1/audit"],
    )  # fmt: skip
    def test_reading(self, away: Served, path: str):
        """503 with Retry-After and a sentence; not where the database is."""
        answer = away.http.get(path)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["content-type"] == "application/problem+json"
        assert "test://" not in answer.text

    def test_looking(self, away: Served):
        """To somebody with a browser, a page that says the same."""
        answer = away.http.get("/", headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "The database does not answer. Try again" in answer.text

    @pytest.mark.parametrize(
        ("path", "body", "misfit"),
        [
            ("runs", {"graph": "desk", "input": HELLO}, 422),
            # What an answer means depends on what was asked, and that is in the database.
            ("requests/x/decisions", {"type": "approve"}, 503),
            ("actions/x/outcome", {"type": "done"}, 422),
        ],
    )
    def test_writing(self, away: Served, path: str, body: dict[str, object], misfit: int):
        """The same; and what does not fit is told as always."""
        assert away.http.post(f"/api/v1/{path}", json=body).status_code == 503
        assert away.http.post(f"/api/v1/{path}", json={}).status_code == misfit
        assert away.http.get("/healthz").status_code == 200


async def test_a_server_that_is_told_to_stop_is_not_ready(quick: World) -> None:
    """O-09, issue 5: who asks on a connection that is kept hears 503 and goes elsewhere; the process is alive all the same."""
    app = create_app(quick)
    with bind("127.0.0.1", 0) as bound:
        listener = Listener(app, bound, lambda: None)
        transport = httpx.ASGITransport(app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as http:
            assert (await http.get("/readyz")).status_code == 200
            listener.stop()
            refused = await http.get("/readyz")
            assert (refused.status_code, refused.json()["detail"]) == (503, LEAVING)
            assert (await http.get("/healthz")).status_code == 200


class TestOurOwnTrouble:
    def test_no_traceback_gets_out(self, serve: Callable[..., Served]):
        """500 as a problem document that says nothing of what broke."""
        router = APIRouter()

        @router.get("/broken")
        async def broken() -> None:
            msg = "the password is hunter2"
            raise RuntimeError(msg)

        server = serve(routers=(router,))
        answer = server.http.get("/broken")
        assert (answer.status_code, answer.json()["title"]) == (500, "Internal Server Error")
        assert answer.headers["content-type"] == "application/problem+json"
        page = server.http.get("/broken", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["content-type"]) == (500, "text/html; charset=utf-8")
        for shown in (answer.text, page.text):
            assert "its log says what" in shown
            assert "hunter2" not in shown
            assert "Traceback" not in shown


class TestMetrics:
    def test_what_waits(self, open_server: Served):
        """O-02: pending requests, the oldest one's age, unknown acts, failed deliveries; in Prometheus' text format."""

        def counted() -> dict[str, float]:
            answer = open_server.http.get("/metrics")
            assert answer.headers["content-type"].startswith("text/plain")
            lines = [line.split(" ") for line in answer.text.splitlines() if not line.startswith("#")]
            return {name: float(value) for name, value in lines}

        assert set(counted().values()) == {0.0}
        open_server.asked()
        open_server.world.time.advance(90)
        open_server.asked()
        told = counted()
        assert (told["hitl_requests_pending"], told["hitl_oldest_pending_seconds"]) == (2.0, 90.0)
        assert (told["hitl_actions_unknown"], told["hitl_deliveries_failed"]) == (0.0, 0.0)


class TestTheDocument:
    def test_it_is_complete(self, open_server: Served):
        """Every operation says what it is, what it answers with a schema, and that refusals are problem documents (issue 2, item 6)."""
        document = open_server.http.get("/openapi.json").json()
        assert document["openapi"].startswith("3.")
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                assert operation["summary"], (method, path)
                assert operation["description"], (method, path)
                for status, response in operation["responses"].items():
                    if path in {"/slack/events", "/github/webhooks"}:
                        continue
                    if status == "303":
                        continue  # it leads on, and has no body
                    # What a form sends may be answered with its page, and with what is wrong on it.
                    content = dict(response["content"])
                    drawn = content.pop("text/html", None) if "settle" in path or "decide" in path else None
                    problems = content.pop("application/problem+json", None)
                    assert bool(problems or drawn) >= (int(status) >= 400), (method, path, status)
                    assert (problems is None) == (int(status) < 400) or drawn, (method, path, status)
                    for each in (*content.values(), *filter(None, (problems, drawn))):
                        assert each.get("schema") or each.get("itemSchema"), (method, path, status)
        assert not {"HTTPValidationError", "ValidationError"} & set(document["components"]["schemas"])

    def test_it_lists_what_the_design_lists(self, open_server: Served):
        """DESIGN §5, with its words for the parameters."""
        found = {
            (method, path)
            for path, operations in open_server.http.get("/openapi.json").json()["paths"].items()
            for method in operations
        }
        assert found >= {
            ("post", "/api/v1/runs"),
            ("get", "/api/v1/runs"),
            ("get", "/api/v1/runs/{id}"),
            ("get", "/api/v1/requests"),
            ("get", "/api/v1/requests/{id}"),
            ("post", "/api/v1/requests/{id}/decisions"),
            ("get", "/api/v1/actions/{id}"),
            ("post", "/api/v1/actions/{id}/outcome"),
            ("get", "/api/v1/audit"),
            ("get", "/api/v1/events"),
            ("post", "/slack/events"),
            ("post", "/github/webhooks"),
            ("get", "/healthz"),
            ("get", "/readyz"),
            ("get", "/metrics"),
            ("get", "/"),
            ("get", "/requests/{id}"),
            ("get", "/runs/{id}"),
        }

    def test_answers_have_the_documented_members(self, open_server: Served):
        """What is answered is what the document says, no member more."""
        schemas = open_server.http.get("/openapi.json").json()["components"]["schemas"]
        request = open_server.asked()
        run = open_server.http.get(f"/api/v1/runs/{request['run_id']}").json()
        assert set(request) == set(schemas["RequestOut"]["properties"])
        assert set(run) == set(schemas["RunDetailOut"]["properties"])
        assert set(run["actions"][0]) == set(schemas["ActionOut"]["properties"])


class TestAudit:
    def test_who_did_what(self, open_server: Served):
        """O-01: in order, with the chain's numbers and hashes; in pages, and followed by the last number."""
        request = open_server.asked()
        open_server.decide(request["id"], type="approve", reviewer=ANN)
        open_server.world.step()
        events = open_server.http.get("/api/v1/audit").json()
        assert events["next"] is None
        assert [event["seq"] for event in events["items"]] == list(range(1, len(events["items"]) + 1))
        assert all(len(event["hash"]) == 64 for event in events["items"])
        kinds = [event["kind"] for event in events["items"]]
        assert kinds.index("run.started") < kinds.index("request.opened") < kinds.index("request.approved")
        (approved,) = [event for event in events["items"] if event["kind"] == "request.approved"]
        assert (approved["actor"], approved["via"], approved["data"]["digest"]) == (
            ANN,
            "api",
            request["digest"],
        )

        seen, cursor = [], None
        while True:
            page = open_server.http.get(
                "/api/v1/audit", params={"limit": 4} | ({"cursor": cursor} if cursor else {})
            ).json()
            seen += page["items"]
            if (cursor := page["next"]) is None:
                break
        assert seen == events["items"]
        rest = open_server.http.get("/api/v1/audit", params={"cursor": str(seen[-1]["seq"])}).json()
        assert rest == {"items": [], "next": None}
        of_it = open_server.http.get("/api/v1/audit", params={"request_id": request["id"]}).json()["items"]
        assert of_it == [event for event in seen if event["request_id"] == request["id"]]


def test_headers_keep_browsers_out(open_server: Served):
    """No answer is kept, sniffed, framed, or may load anything that is not said."""
    for path in ("/", "/api/v1/runs", "/nope", "/healthz", "/openapi.json"):
        headers = open_server.http.get(path).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        source = "'self'" if path == "/" else "'none'"
        assert f"default-src {source}" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "server" not in headers
