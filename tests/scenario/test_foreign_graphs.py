"""Graphs that know nothing of this library, through ``hitl serve``'s app and API: one test per form (E-03)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import interrupt

from hitl_middleware.hitl import Graph
from hitl_server.serve import running_server

from tests.kit import foreign
from tests.kit.effects import Effects
from tests.kit.models import asks
from tests.kit.served import Served
from tests.kit.world import World, on, told

Serve = Callable[[Graph], Served]


@pytest.fixture
def serve(world: World, effects: Effects) -> Iterator[Serve]:
    """The server with one graph, ``a``; on every database of the tests."""
    with ExitStack() as stack:

        def start(graph: Graph) -> Served:
            server = stack.enter_context(running_server(world, graphs={"a": graph}, routers=()))
            http = stack.enter_context(httpx.Client(base_url=server.url, timeout=30))
            return Served(world, effects, http)

        yield start


def _begun(server: Served, given: Any) -> dict[str, Any]:
    return server.started("a", given, thread_id="t-1")


def _pending(server: Served) -> list[dict[str, Any]]:
    items = server.http.get("/api/v1/requests?status=pending").json()["items"]
    return list(reversed(items))


def _decide(server: Served, request: dict[str, Any], body: Any) -> dict[str, Any]:
    answer = server.http.post(f"/api/v1/requests/{request['id']}/decisions", json=body)
    assert answer.status_code == 200, answer.text
    server.world.step()
    decided: dict[str, Any] = server.http.get(f"/api/v1/requests/{request['id']}").json()
    return decided


def _state(server: Served) -> Any:
    graph = server.world.graphs._graphs["a"]
    return server.world.runs_portal.call(graph.aget_state, on("t-1")).values


def _ended(server: Served, run: dict[str, Any]) -> str:
    status: str = server.http.get(f"/api/v1/runs/{run['id']}").json()["status"]
    return status


def test_langchain_batched(serve: Serve) -> None:
    """E-03, S-07: three calls of one turn are three requests; nothing is resumed before all are decided, then each gets its own answer."""
    server = serve(foreign.langchain_agent(Effects(), 1, 2, 3))
    server = Served(server.world, server.effects, server.http)
    run = _begun(server, asks())
    one, two, three = _pending(server)
    assert [(r["kind"], r["tool"], r["args"], r["action"]) for r in (one, two, three)] == [
        ("tool_call", "pay", {"amount": amount}, None) for amount in (1, 2, 3)
    ]
    assert one["allowed_decisions"] == ["approve", "edit", "reject", "respond", "feedback"]

    assert _decide(server, two, {"type": "feedback", "message": "less"})["status"] == "revised"
    edited = {"type": "edit", "edited_action": {"name": "pay", "args": {"amount": 30}}}
    assert _decide(server, three, edited)["args"] == {"amount": 30}
    assert _ended(server, run) == "suspended"
    assert [m.type for m in _state(server)["messages"]] == ["human", "ai"], "nothing was resumed"
    assert (
        server.http.post(f"/api/v1/requests/{two['id']}/decisions", json={"type": "approve"}).status_code
        == 409
    )

    assert _decide(server, one, {"decisions": [{"type": "approve"}]})["status"] == "approved"
    assert _ended(server, run) == "succeeded"
    texts = {m.tool_call_id: m.text for m in _state(server)["messages"] if m.type == "tool"}
    assert texts["k1"] == "paid 1"
    assert texts["k2"].endswith("with reason: less")
    assert texts["k3"].endswith("paid 30")


def test_langchain_per_call(serve: Serve) -> None:
    """E-03: one interrupt per call, each answered by itself; an edit has to fit the tool's own schema."""
    server = serve(foreign.langchain_agent(Effects(), 1, 2, interrupt_mode="per_call"))
    run = _begun(server, asks())
    one, two = _pending(server)
    assert one["response_schema"]["properties"]["amount"]["type"] == "integer"
    bad = {"type": "edit", "edited_action": {"name": "pay", "args": {"amount": "much"}}}
    refused = server.http.post(f"/api/v1/requests/{one['id']}/decisions", json=bad)
    assert (refused.status_code, refused.json()["field"]) == (422, "edited_action.args.amount")

    _decide(server, two, {"type": "respond", "message": "it is paid"})
    assert _pending(server)[0]["id"] == one["id"]
    _decide(server, one, {"type": "approve"})
    assert _ended(server, run) == "succeeded"
    assert {m.text for m in _state(server)["messages"] if m.type == "tool"} == {"paid 1", "it is paid"}


@pytest.mark.parametrize(
    ("body", "got"),
    [
        ({"type": "approve"}, {"type": "accept", "args": {"action": "pay", "args": {"amount": 7}}}),
        (
            [{"type": "edit", "args": {"action": "pay", "args": {"amount": "5"}}}],
            {"type": "edit", "args": {"action": "pay", "args": {"amount": 5}}},
        ),
        ({"type": "feedback", "message": "less"}, {"type": "response", "args": "less"}),
        ([{"type": "ignore", "args": None}], {"type": "ignore", "args": None}),
    ],
    ids=["accept", "edit", "response", "ignore"],
)
def test_agent_inbox(serve: Serve, body: Any, got: Any) -> None:
    """E-03: ``interrupt(HumanInterrupt)[0]``, as Agent Inbox's README writes it, is answered with a ``HumanResponse``."""
    server = serve(foreign.node(lambda: interrupt(foreign.human_interrupt(7))[0]))
    run = _begun(server, {"got": None})
    (request,) = _pending(server)
    assert (request["tool"], request["args"], request["kind"]) == ("pay", {"amount": 7}, "tool_call")
    _decide(server, request, body)
    assert (_ended(server, run), _state(server)["got"]) == ("succeeded", got)


def test_agent_inbox_list_as_text(serve: Serve) -> None:
    """E-03: a JSON text of two is two requests, answered with a list of two."""
    server = serve(foreign.node(lambda: interrupt(foreign.inbox_text(1, 2))))
    run = _begun(server, {"got": None})
    one, two = _pending(server)
    _decide(server, two, {"type": "reject"})
    assert _ended(server, run) == "suspended"
    _decide(server, one, {"type": "approve"})
    assert [item["type"] for item in _state(server)["got"]] == ["accept", "ignore"]


def test_a_plain_question(serve: Serve) -> None:
    """E-03: words to ``interrupt("…")`` come back as they are; once answered it is answered."""
    server = serve(foreign.node(lambda: interrupt("Which colour?")))
    run = _begun(server, {"got": None})
    (request,) = _pending(server)
    assert _decide(server, request, "blue")["status"] == "answered"
    assert (_ended(server, run), _state(server)["got"]) == ("succeeded", "blue")
    assert server.decide(request["id"], type="respond", message="red").status_code == 409
    assert _state(server)["got"] == "blue"


def test_a_plain_question_with_a_schema(serve: Serve) -> None:
    """E-03: a value that fits ``response_schema`` reaches the graph as the type it asked for; what does not fit is refused."""
    server = serve(foreign.node(lambda: interrupt("Which size?", response_schema=foreign.Size).size))
    run = _begun(server, {"got": None})
    (request,) = _pending(server)
    refused = server.decide(request["id"], type="respond", answer={"size": "big"})
    assert (refused.status_code, refused.json()["field"]) == (422, "answer.size")
    _decide(server, request, {"size": 3})
    assert (_ended(server, run), _state(server)["got"]) == ("succeeded", 3)


@pytest.mark.parametrize("body", ["null", {"type": "respond", "answer": None}], ids=["typed", "respond"])
def test_nothing_as_the_answer(serve: Serve, body: Any) -> None:
    """E-03: null answers a question whose schema takes it: it is stored, shown and handed to the graph like any value."""
    maybe = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    server = serve(foreign.node(lambda: ["said", interrupt("How many, if any?", response_schema=maybe)]))
    run = _begun(server, {"got": None})
    (request,) = _pending(server)
    assert _decide(server, request, body)["status"] == "answered"
    assert (_ended(server, run), _state(server)["got"]) == ("succeeded", ["said", None])
    assert "Their answer" in server.http.get(f"/requests/{request['id']}").text


def test_a_form_that_nobody_knows(serve: Serve) -> None:
    """Issue 3: shown as JSON and answerable: nothing is dropped."""
    server = serve(foreign.node(lambda: interrupt({"ui": "slider", "range": [1, 5]})))
    run = _begun(server, {"got": None})
    (request,) = _pending(server)
    assert (request["kind"], request["args"]) == ("question", {"value": {"ui": "slider", "range": [1, 5]}})
    assert "slider" in server.http.get(f"/requests/{request['id']}").text
    _decide(server, request, {"type": "respond", "answer": {"value": 4}})
    assert (_ended(server, run), _state(server)["got"]) == ("succeeded", {"value": 4})


def test_an_agent_inside_a_graph(serve: Serve) -> None:
    """E-03: what a subgraph asks is asked at the root, and its answer reaches it."""
    server = serve(foreign.around(foreign.langchain_agent(Effects(), 1)))
    run = _begun(server, asks())
    (request,) = _pending(server)
    assert (request["tool"], request["args"]) == ("pay", {"amount": 1})
    _decide(server, request, {"type": "approve"})
    assert _ended(server, run) == "succeeded"
    assert [m.text for m in _state(server)["messages"] if m.type == "tool"] == ["paid 1"]


def test_the_functional_api(serve: Serve) -> None:
    """E-03: ``@entrypoint`` and ``@task``."""
    server = serve(foreign.functional())
    run = _begun(server, {"what": "the door"})
    (request,) = _pending(server)
    assert request["title"] == "Which colour for the door?"
    _decide(server, request, "green")
    assert _ended(server, run) == "succeeded"
    assert _state(server) == {"got": "green"}


def test_attached_and_served(serve: Serve, world: World) -> None:
    """E-03: a graph that its own process attaches is served too: each run's questions are filed once, by whoever runs it."""
    done = Effects()
    mine = world.attach(foreign.langchain_agent(done, 1, 2, saver=InMemorySaver()), "mine")
    server = serve(mine)
    mine.invoke(asks(), on("t-9"))
    _begun(server, asks())
    assert sorted(r["thread_id"] for r in _pending(server)) == ["t-1", "t-1", "t-9", "t-9"]
    for request in _pending(server):
        _decide(server, request, {"type": "approve"})
    assert sorted(done.done) == [1, 1, 2, 2]
    assert [message.text for message in told(mine, "t-9")] == ["paid 1", "paid 2"]
    assert {run.status for run in world.runs()} == {"succeeded"}
