"""deepagents as it is: its ``interrupt_on`` is LangChain's batched middleware, in an agent and in those that it hands work to (E-03)."""

from __future__ import annotations

import httpx
from deepagents import create_deep_agent
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver

from hitl_middleware.hitl import Graph
from hitl_server.serve import running_server

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.served import Served
from tests.kit.world import World, on, told

TWO = says(call("delete_file", "k1", path="a"), call("delete_file", "k2", path="b"))
HANDED_OVER = says(call("task", "k0", description="delete both", subagent_type="clerk"))


def _agent(effects: Effects, *, hands_over: bool = False) -> Graph:
    """An agent that stops before it deletes, as deepagents' documentation writes it; ``hands_over``: its clerk does."""

    @tool
    def delete_file(path: str) -> str:
        """Delete a file."""
        effects.done.append(path)
        return f"deleted {path}"

    return create_deep_agent(
        model=script(HANDED_OVER if hands_over else TWO),
        tools=[delete_file],
        subagents=[
            {"name": "clerk", "description": "Deletes", "system_prompt": "Delete.", "model": script(TWO)}
        ],
        interrupt_on={"delete_file": True},
        checkpointer=InMemorySaver(),
    )


def test_served(world: World, effects: Effects) -> None:
    """E-03, S-07: one request for each call; when both are decided, only the approved one is carried out, and the run ends."""
    with (
        running_server(world, graphs={"files": _agent(effects)}, routers=()) as server,
        httpx.Client(base_url=server.url, timeout=30) as http,
    ):
        desk = Served(world, effects, http)
        run = desk.started("files", asks("tidy up"))
        first, second = sorted(
            http.get(f"/api/v1/runs/{run['id']}").json()["requests"],
            key=lambda request: request["args"]["path"],
        )
        assert [(r["tool"], r["args"], r["status"]) for r in (first, second)] == [
            ("delete_file", {"path": "a"}, "pending"),
            ("delete_file", {"path": "b"}, "pending"),
        ]
        assert desk.decide(first["id"], type="reject", message="we need it").status_code == 200
        assert desk.request(first["id"])["status"] == "rejected"
        assert effects.done == []

        assert desk.decide(second["id"], type="approve").status_code == 200
        assert desk.request(second["id"])["status"] == "approved"
        assert desk.decide(second["id"], type="approve").status_code == 409
        world.step()
        ended = http.get(f"/api/v1/runs/{run['id']}").json()

    assert (effects.done, ended["status"]) == (["b"], "succeeded")


def test_attached(quick: World, effects: Effects) -> None:
    """E-03: the same in a process of one's own, by the one line ``attach``: the agent is told of both."""
    agent = quick.attach(_agent(effects), "files")
    agent.invoke(asks("tidy up"), on())
    first, second = sorted(quick.pending(), key=lambda request: (request.args or {})["path"])
    quick.decide(first)
    quick.decide(second, "reject", message="we need it")
    quick.step()

    assert effects.done == ["a"]
    heard = {message.tool_call_id: (message.status, message.text) for message in told(agent)}
    assert heard["k1"] == ("success", "deleted a")
    assert (heard["k2"][0], "we need it" in heard["k2"][1]) == ("error", True)
    assert [run.status for run in quick.runs()] == ["succeeded"]


def test_handed_to_an_agent_of_its_own(quick: World, effects: Effects) -> None:
    """E-03: what an agent asks to which work was handed, in the middle of a tool, is asked and answered at the root."""
    agent = quick.attach(_agent(effects, hands_over=True), "files")
    agent.invoke(asks("tidy up"), on())
    for request in quick.pending():
        quick.decide(request, "approve" if request.args == {"path": "b"} else "reject")
    quick.step()

    assert effects.done == ["b"]
    assert [m.tool_call_id for m in told(agent)] == ["k0"]
    assert [run.status for run in quick.runs()] == ["succeeded"]
