"""Decisions over HTTP that do not count: who was first, who may, what was looked at, and in whose name somebody speaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from hitl_middleware.settings import ConfigFile, TokenConfig

from tests.kit.served import ANN, BOB, TOKEN, Served


class TestRefusals:
    def test_somebody_was_first(self, open_server: Served):
        """S-10: 409 says by whom and when, and changes nothing."""
        request = open_server.asked()
        decided = open_server.decide(request["id"], type="approve", reviewer=ANN).json()
        late = open_server.decide(request["id"], type="reject", reviewer=BOB)
        assert late.status_code == 409
        told = late.json()
        assert (told["decided_by"], told["decided_at"]) == (ANN, "2026-01-01T12:00:00Z")
        assert ANN in told["detail"]
        assert open_server.http.get(f"/api/v1/requests/{request['id']}").json() == decided

    def test_a_hundred_at_once(self, open_server: Served):
        """S-10: one decision, one execution, ninety-nine polite answers."""
        request = open_server.asked()

        async def all_at_once() -> list[int]:
            path = f"{open_server.url}/api/v1/requests/{request['id']}/decisions"
            async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=None)) as http:
                answers = await asyncio.gather(
                    *(http.post(path, json={"type": "approve"}) for _ in range(100))
                )
            return [answer.status_code for answer in answers]

        statuses = asyncio.run(all_at_once())
        assert sorted(statuses) == [200] + [409] * 99
        open_server.world.step()
        assert open_server.effects.done == [5]

    def test_a_request_that_was_overtaken(self, open_server: Served):
        """409 also where the run moved on: nobody decided, and the time is when it was taken back."""
        request = open_server.asked(thread_id="t-1")
        open_server.started(thread_id="t-1", on_new_input="supersede")
        told = open_server.decide(request["id"], type="approve").json()
        assert (told["status"], told["decided_by"]) == (409, None)
        assert told["request_status"] == "superseded"

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"type": "aprove"}, "type"),
            ({}, "type"),
            ({"type": "edit"}, "edited_action"),
            ({"type": "edit", "edited_action": {"name": "pay"}}, "edited_action.args"),
            (
                {"type": "edit", "edited_action": {"name": "wipe", "args": {"amount": 1}}},
                "edited_action.name",
            ),
            (
                {"type": "edit", "edited_action": {"name": "pay", "args": {"amount": "much"}}},
                "edited_action.args.amount",
            ),
            ({"type": "edit", "edited_action": {"name": "pay", "args": {}}}, "edited_action.args.amount"),
            ({"type": "approve", "edited_action": {"name": "pay", "args": {"amount": 1}}}, "edited_action"),
            ({"type": "feedback"}, "message"),
            ({"type": "feedback", "message": "  "}, "message"),
            ({"type": "respond"}, "answer"),
            ({"type": "reject", "message": 5}, "message"),
            ({"type": "reject", "message": "x" * 20_001}, "message"),
            ({"type": "approve", "reviwer": ANN}, "reviwer"),
            ({"type": "approve", "reviewer": 5}, "reviewer"),
        ],
    )
    def test_what_does_not_fit(self, unchanged: Served, body: dict[str, object], field: str):
        """422 with the field, and the request stays pending (issue 2, bad input)."""
        (request,) = unchanged.http.get("/api/v1/requests?status=pending").json()["items"]
        answer = unchanged.http.post(f"/api/v1/requests/{request['id']}/decisions", json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
        assert unchanged.http.get("/api/v1/requests?status=pending").json()["items"] == [request]

    def test_what_the_policy_does_not_list(self, serve: Callable[..., Served]):
        """422 names ``type`` and says what is allowed."""
        server = serve(decisions=["approve", "reject"])
        answer = server.decide(server.asked()["id"], type="feedback", message="less")
        assert (answer.status_code, answer.json()["field"]) == (422, "type")
        assert "approve, reject" in answer.json()["detail"]

    def test_who_may_not(self, serve: Callable[..., Served]):
        """Rule 7: 403 says who may; the request stays pending."""
        server = serve(approvers=[ANN])
        request = server.asked()
        answer = server.decide(request["id"], type="approve")
        assert (answer.status_code, ANN in answer.json()["detail"]) == (403, True)
        assert server.request(request["id"])["status"] == "pending"

    def test_what_nobody_asked(self, open_server: Served):
        """404."""
        assert open_server.decide("00000000", type="approve").status_code == 404


class TestIfMatch:
    @pytest.mark.parametrize("form", ['"{}"', "{}", '"old", "{}"', "*"])
    def test_it_is_what_was_looked_at(self, open_server: Served, form: str):
        """The digest decides, in quotes or not, alone or among others; ``*`` is any."""
        request = open_server.asked()
        headers = {"If-Match": form.format(request["digest"])}
        assert open_server.decide(request["id"], headers=headers, type="approve").status_code == 200

    @pytest.mark.parametrize("form", ['"old"', "old", 'W/"{}"', '""', "", '"old", "older"'])
    def test_it_is_not(self, open_server: Served, form: str):
        """412 says what the digest is now; nothing is decided."""
        request = open_server.asked()
        answer = open_server.decide(
            request["id"], headers={"If-Match": form.format(request["digest"])}, type="approve"
        )
        assert (answer.status_code, answer.json()["digest"]) == (412, request["digest"])
        assert open_server.request(request["id"])["status"] == "pending"


class TestReviewers:
    def test_on_loopback(self, open_server: Served):
        """Allowed without a token; the decision is the reviewer's, and the audit says that only the address vouched for them."""
        decided = open_server.decide(open_server.asked()["id"], type="approve", reviewer=ANN).json()
        assert decided["decided_by"] == ANN
        events = [e for e in open_server.world.trail() if e.kind == "request.approved"]
        assert [(e.actor, e.via, e.data["vouched_by"]) for e in events] == [(ANN, "api", "loopback")]

    def test_by_a_token_on_loopback(self, locked_server: Served):
        """Allowed, and the audit names both (DESIGN §5)."""
        decided = locked_server.decide(locked_server.asked()["id"], type="approve", reviewer=ANN).json()
        assert decided["decided_by"] == ANN
        (event,) = [e for e in locked_server.world.trail() if e.kind == "request.approved"]
        assert (event.actor, event.data["vouched_by"]) == (ANN, "api")

    @pytest.mark.parametrize("far", [{"X-Forwarded-For": "203.0.113.9"}, {"Host": "hitl.example.com"}])
    @pytest.mark.parametrize(("acts_for", "status"), [((), 403), ((BOB,), 403), ((ANN,), 200), (("*",), 200)])
    def test_by_a_token_from_afar(
        self, serve: Callable[..., Served], far: dict[str, str], acts_for: tuple[str, ...], status: int
    ):
        """Only whom ``acts_for`` lists; the sentence says where that is."""
        server = serve(locked=True, config=ConfigFile(api_acts_for=acts_for))
        request = server.asked()
        answer = server.decide(request["id"], headers=far, type="approve", reviewer=ANN)
        assert answer.status_code == status
        if status == 403:
            assert "api_acts_for" in answer.json()["detail"]
            assert server.request(request["id"])["status"] == "pending"

    def test_by_a_named_token(self, serve: Callable[..., Served], monkeypatch: pytest.MonkeyPatch):
        """``[tokens.ci]`` decides as ``token:ci`` where it is listed, starts runs under that name, and names whom its table lists."""
        monkeypatch.setenv("CI_TOKEN", "of-the-ci")
        config = ConfigFile(tokens={"ci": TokenConfig(token_env="CI_TOKEN", acts_for=(ANN,))})
        server = serve(config=config, token="of-the-ci", approvers=["token:ci", ANN])
        run = server.started()
        assert server.world.portal.call(server.world.views.run, run["id"]).run.started_by == "token:ci"
        (request,) = server.http.get("/api/v1/requests").json()["items"]
        far = {"Host": "hitl.example.com"}
        refused = server.decide(request["id"], headers=far, type="approve", reviewer=BOB)
        assert (refused.status_code, "[tokens.ci]" in refused.json()["detail"]) == (403, True)
        assert server.decide(request["id"], headers=far, type="approve").json()["decided_by"] == "token:ci"

    def test_not_the_one_who_asked(self, open_server: Served):
        """P-02: the requester does not approve, whoever names them."""
        request = open_server.asked(requester=ANN)
        assert open_server.decide(request["id"], type="approve", reviewer=ANN).status_code == 403
        assert open_server.decide(request["id"], type="approve", reviewer=BOB).status_code == 200

    def test_not_named_by_the_token_that_started_it(self, locked_server: Served):
        """Where another person than the requester must decide, the token that started the run cannot name one (DESIGN §5)."""
        request = locked_server.asked(requester=ANN)
        answer = locked_server.decide(request["id"], type="approve", reviewer=BOB)
        assert (answer.status_code, "token" in answer.json()["detail"]) == (403, True)
        assert locked_server.decide(request["id"], type="approve").status_code == 200

    @pytest.mark.parametrize(
        ("reviewer", "status"),
        [
            ("local:root", 403),
            ("LOCAL:root", 403),
            ("ann", 422),
            ("api", 422),
            ("", 422),
            ("slack:", 422),
            ("slack:U1 ", 422),
            ("slack:U\n1", 422),
            ("group:admins", 422),
            ("token:ci", 422),
            ("Slack:U1", 422),
            ("slack:" + "U" * 300, 422),
        ],
    )
    def test_who_is_nobody(self, unchanged: Served, reviewer: str, status: int):
        """A login at the machine would be an operator: 403. What is no person's identity: 422 with the field."""
        (request,) = unchanged.http.get("/api/v1/requests?status=pending").json()["items"]
        answer = unchanged.decide(request["id"], type="approve", reviewer=reviewer)
        assert answer.status_code == status
        assert answer.json().get("field") == ("reviewer" if status == 422 else None)
        assert unchanged.http.get("/api/v1/requests?status=pending").json()["items"] == [request]


def test_the_token_is_not_in_any_answer(locked_server: Served):
    """No secret leaves: not in the document, the audit, or a refusal."""
    request = locked_server.asked()
    for path in ("/openapi.json", "/api/v1/audit", "/metrics", "/", f"/requests/{request['id']}", "/nope"):
        assert TOKEN not in locked_server.http.get(path).text
