"""Decisions over HTTP: all five, the words of other clients, and what is read before. What does not count: test_api_refusals."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.kit.served import ANN, BOB, Served
from tests.kit.world import World

SHAPE = {
    "id", "code", "status", "version", "kind", "run_id", "thread_id", "interrupt_id", "title", "tool", "args", "digest",
    "allowed_decisions", "response_schema", "approvers", "required_approvals", "deadline_at", "overdue", "decision", "decided_by", "action",
    "approvals", "redacted", "edited_from", "labels",
    "description", "step", "round", "notes",
}  # fmt: skip
"""DESIGN §5, and what a workflow step needs to be decided on."""


class TestReading:
    def test_a_request(self, open_server: Served):
        """Exactly these members; the call as it will run, by id and by code in either case."""
        request = open_server.asked()
        assert set(request) == SHAPE
        assert set(request["action"]) == {"id", "status", "result", "error"}
        assert (request["tool"], request["args"], request["kind"]) == ("pay", {"amount": 5}, "tool_call")
        assert (request["approvers"], request["required_approvals"]) == (["api", ANN, BOB], 1)
        assert request["response_schema"]["properties"]["amount"]["type"] == "integer"
        for key in (request["id"], request["code"], request["code"].upper()):
            assert open_server.http.get(f"/api/v1/requests/{key}").json() == request

    def test_lists(self, open_server: Served):
        """Filtered by status, newest first, in pages."""
        first, second, third = (open_server.asked() for _ in range(3))
        open_server.decide(second["id"], type="reject")
        page = open_server.http.get("/api/v1/requests", params={"status": "pending", "limit": 1}).json()
        assert [item["id"] for item in page["items"]] == [third["id"]]
        rest = open_server.http.get(
            "/api/v1/requests", params={"status": "pending", "cursor": page["next"]}
        ).json()
        assert ([item["id"] for item in rest["items"]], rest["next"]) == ([first["id"]], None)
        (rejected,) = open_server.http.get("/api/v1/requests?status=rejected").json()["items"]
        assert rejected["id"] == second["id"]
        assert open_server.http.get("/api/v1/requests?status=pendign").json()["field"] == "status"


class TestDeciding:
    def test_approve(self, open_server: Served):
        """S-05: 200 with the request; the act happens once and its result is shown."""
        answer = open_server.decide(open_server.asked()["id"], type="approve")
        assert answer.status_code == 200
        decided = answer.json()
        assert set(decided) == SHAPE
        assert (decided["status"], decided["decided_by"], decided["decision"]["type"]) == (
            "approved",
            "api",
            "approve",
        )
        assert open_server.effects.done == []
        after = open_server.request(decided["id"])
        assert (after["action"]["status"], after["action"]["result"]) == ("succeeded", "paid 5")
        assert open_server.effects.done == [5]

    def test_approve_by_code(self, open_server: Served):
        """The code does as well as the id."""
        assert open_server.decide(open_server.asked()["code"], type="approve").json()["status"] == "approved"

    def test_edit(self, open_server: Served):
        """S-04: what was edited is what runs, under a new digest."""
        request = open_server.asked()
        edited = {"name": "pay", "args": {"amount": 3}}
        decided = open_server.decide(request["id"], type="edit", edited_action=edited).json()
        assert (decided["status"], decided["args"]) == ("approved", {"amount": 3})
        assert decided["decision"]["edited_action"] == edited
        assert decided["digest"] != request["digest"]
        open_server.world.step()
        assert open_server.effects.done == [3]

    @pytest.mark.parametrize(
        ("type", "status", "words"),
        [
            ("reject", "rejected", "no"),
            ("feedback", "revised", "less"),
            ("respond", "answered", "it is paid"),
        ],
    )
    def test_the_others(self, open_server: Served, type: str, status: str, words: str):  # noqa: A002 – the API's word
        """S-12: the words reach the agent, and nothing is done."""
        decided = open_server.decide(open_server.asked()["id"], type=type, message=words).json()
        assert (decided["status"], decided["decision"]["message"]) == (status, words)
        after = open_server.request(decided["id"])
        assert (after["action"]["status"], open_server.effects.done) == ("denied", [])
        run = open_server.http.get(f"/api/v1/runs/{decided['run_id']}").json()
        assert run["status"] == "succeeded"

    def test_answering_a_plain_question(self, open_server: Served):
        """A plain ``interrupt()`` is resumed with the value; ``answer`` wins over ``message`` (DESIGN §5)."""
        request = open_server.asked("poll", {"colour": None})
        assert (request["kind"], request["title"], request["tool"]) == ("question", "Which colour?", None)
        assert request["allowed_decisions"] == ["respond"]
        answer = open_server.decide(request["id"], type="respond", answer={"hue": 7}, message="seven")
        assert answer.status_code == 200
        open_server.world.step()
        graph = open_server.world.graphs._graphs["poll"]
        state = open_server.world.runs_portal.call(
            graph.aget_state, {"configurable": {"thread_id": request["thread_id"]}}
        )
        assert state.values == {"colour": {"hue": 7}}

    def test_odd_words(self, serve: Callable[..., Served], make_world: Callable[..., World], sqlite_url: str):
        """NUL, line ends and characters of every script are words like others: stored, shown, told to the agent."""
        server = serve(world=make_world(sqlite_url))
        words = "a\0b\r\n\u202e☂\U0001f600" + "x" * 19_000
        decided = server.decide(server.asked()["id"], type="reject", message=words)
        assert (decided.status_code, decided.json()["decision"]["message"]) == (200, words)
        server.world.step()
        assert server.http.get(f"/api/v1/runs/{decided.json()['run_id']}").json()["status"] == "succeeded"
        assert server.http.get(f"/requests/{decided.json()['id']}").status_code == 200

    def test_two_must_approve(self, serve: Callable[..., Served]):
        """P-02: the first approval is counted and the request stays pending; the second decides."""
        server = serve(required_approvals=2)
        request = server.asked()
        first = server.decide(request["id"], type="approve", reviewer=ANN)
        assert (first.status_code, first.json()["status"]) == (200, "pending")
        assert first.json()["approvals"] == {"needed": 2, "given_by": [ANN], "still_from": []}
        (listed,) = server.http.get("/api/v1/requests?status=pending").json()["items"]
        (of_run,) = server.http.get(f"/api/v1/runs/{request['run_id']}").json()["requests"]
        assert listed["approvals"] == of_run["approvals"] == first.json()["approvals"]
        assert f"1 of 2 approvals (by {ANN}) – still needed: 1 more" in (
            server.http.get(f"/requests/{request['id']}").text
        )
        assert server.decide(request["id"], type="approve", reviewer=BOB).json()["status"] == "approved"


class TestOtherClients:
    @pytest.mark.parametrize(
        ("body", "status", "done"),
        [
            ({"decisions": [{"type": "approve"}]}, "approved", [5]),
            (
                {"decisions": [{"type": "edit", "edited_action": {"name": "pay", "args": {"amount": "3"}}}]},
                "approved",
                [3],
            ),
            ([{"type": "accept", "args": {"action": "pay", "args": {"amount": "5"}}}], "approved", [5]),
            ({"type": "edit", "args": {"action": "pay", "args": {"amount": "4"}}}, "approved", [4]),
            ([{"type": "response", "args": "less"}], "revised", []),
            ([{"type": "ignore", "args": None}], "rejected", []),
            ('{"type": "approve"}', "approved", [5]),
        ],
        ids=[
            "langchain",
            "agent-chat-ui",
            "inbox accept",
            "inbox edit",
            "inbox response",
            "ignore",
            "studio",
        ],
    )
    def test_their_words(self, open_server: Served, body: object, status: str, done: list[int]):
        """E-03: LangChain, agent-chat-ui, Agent Inbox and Studio decide through the API in their own words."""
        request = open_server.asked()
        answer = open_server.http.post(f"/api/v1/requests/{request['id']}/decisions", json=body)
        assert (answer.status_code, answer.json()["status"]) == (200, status)
        open_server.world.step()
        assert open_server.effects.done == done

    def test_on_somebodys_behalf(self, open_server: Served):
        """A reviewer may be named beside any object."""
        body: dict[str, Any] = {"decisions": [{"type": "approve"}], "reviewer": ANN}
        assert open_server.decide(open_server.asked()["id"], **body).json()["decided_by"] == ANN

    @pytest.mark.parametrize(
        ("body", "field", "words"),
        [
            ("yes", "type", "Understood are"),
            ([], "type", "Understood are"),
            ({"approved": True}, "type", "Agent Inbox"),
            ({"decisions": [{"type": "approve"}] * 2}, "decisions", "exactly one"),
            ([{"type": "accept", "args": {"action": "pay", "args": {"amount": 6}}}], "args", "another call"),
            ([{"type": "edit", "args": {"action": "pay", "args": {"amount": "x"}}}], "edited_action.args.amount", "whole"),
            ([{"type": "edit", "args": {"action": "wipe", "args": {"amount": 1}}}], "edited_action.name", "pay"),
        ],
        ids=range(7),
    )  # fmt: skip
    def test_words_that_nobody_knows(self, unchanged: Served, body: object, field: str, words: str):
        """Issue 3, bad input: 422 names the field and what would be understood; the request stays pending."""
        (request,) = unchanged.http.get("/api/v1/requests?status=pending").json()["items"]
        answer = unchanged.http.post(f"/api/v1/requests/{request['id']}/decisions", json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, field)
        assert words in answer.json()["detail"]
        assert unchanged.http.get("/api/v1/requests?status=pending").json()["items"] == [request]

    def test_the_document_shows_our_own(self, unchanged: Served):
        """The API's own form stays the documented one."""
        document = unchanged.http.get("/openapi.json").json()
        route = document["paths"]["/api/v1/requests/{id}/decisions"]["post"]
        schema = route["requestBody"]["content"]["application/json"]["schema"]
        assert set(schema["properties"]) == {"type", "message", "edited_action", "answer", "reviewer"}
        assert (schema["required"], schema["additionalProperties"]) == (["type"], False)
