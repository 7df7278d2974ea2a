"""A world behind the real server: HTTP over loopback, and a graph whose only tool is gated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from fastapi import APIRouter
from langgraph.graph import END, START, StateGraph
from langgraph.types import interrupt
from pydantic import SecretStr
from typing_extensions import TypedDict

from hitl_middleware.hitl import Graph
from hitl_server.serve import running_server

from tests.kit.effects import Effects
from tests.kit.models import call, says, script
from tests.kit.plain import NO_TLS
from tests.kit.world import World

ANN, BOB = "slack:U024BE7LH", "slack:U0BOB12345"
TOKEN = "s3cret-of-the-api"

HELLO = {"messages": [{"role": "user", "content": "please"}]}
"""An input for the desk."""


class Served:
    """``http`` speaks to the server; ``world`` moves when it is told to."""

    def __init__(self, world: World, effects: Effects, http: httpx.Client) -> None:
        self.world = world
        self.effects = effects
        self.http = http

    @property
    def url(self) -> str:
        """Where it listens."""
        return str(self.http.base_url).rstrip("/")

    def started(self, graph: str = "desk", given: Any = None, **body: Any) -> dict[str, Any]:
        """A run that was started over HTTP, as it was answered."""
        answer = self.http.post("/api/v1/runs", json={"graph": graph, "input": given or HELLO, **body})
        assert answer.status_code == 202, answer.text
        run: dict[str, Any] = answer.json()
        self.world.step()
        return run

    def asked(self, graph: str = "desk", given: Any = None, **body: Any) -> dict[str, Any]:
        """The request that such a run makes."""
        run = self.started(graph, given, **body)
        (request,) = self.http.get(f"/api/v1/runs/{run['id']}").json()["requests"]
        assert request["status"] == "pending"
        found: dict[str, Any] = request
        return found

    def decide(self, key: str, *, headers: dict[str, str] | None = None, **body: Any) -> httpx.Response:
        """One decision."""
        return self.http.post(f"/api/v1/requests/{key}/decisions", json=body, headers=headers)

    def request(self, key: str) -> dict[str, Any]:
        """A request as it stands, once the world has moved."""
        self.world.step()
        found: dict[str, Any] = self.http.get(f"/api/v1/requests/{key}").json()
        return found


@contextmanager
def served(
    world: World,
    effects: Effects,
    *,
    routers: tuple[APIRouter, ...] = (),
    token: str | None = None,
    **rules: Any,
) -> Iterator[Served]:
    """The server, with graphs ``desk`` (a gated payment) and ``poll`` (a plain interrupt). ``rules``: as for ``requires_approval``."""
    graphs = {"desk": desk(world, effects, **rules), "poll": poll()}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with (
        running_server(world, graphs=graphs, routers=routers) as server,
        httpx.Client(base_url=server.url, headers=headers, timeout=30, verify=NO_TLS) as http,
    ):
        yield Served(world, effects, http)


def desk(world: World, effects: Effects, **rules: Any) -> Graph:
    """An agent that pays 5 and is asked first."""
    rules.setdefault("decisions", ["approve", "edit", "reject", "respond", "feedback"])
    rules.setdefault("approvers", ["api", ANN, BOB])
    return world.agent([effects.pay_tool(**rules)], script(says(call("pay", amount=5))))


class _Poll(TypedDict, total=False):
    colour: Any


def poll() -> Graph:
    """A graph that asks a plain question."""

    def ask(state: _Poll) -> _Poll:
        return {"colour": interrupt("Which colour?")}

    builder = StateGraph(_Poll)
    builder.add_node("ask", ask)
    builder.add_edge(START, "ask")
    builder.add_edge("ask", END)
    return builder.compile()


def with_token(world: World, token: str = TOKEN) -> World:
    """The world with HITL_API_TOKEN set."""
    world.settings = world.settings.model_copy(update={"api_token": SecretStr(token)})
    return world
