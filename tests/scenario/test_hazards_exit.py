"""A tool or a node that calls ``sys.exit()``: it must not take the loop of all other runs with it."""

from __future__ import annotations

import sys

from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph

from hitl_middleware import requires_approval

from tests.kit.models import Scripted
from tests.kit.world import World

CALL = AIMessage("", tool_calls=[{"name": "leave", "args": {}, "id": "c1"}])


@requires_approval
@tool
def leave() -> str:
    """End the process."""
    sys.exit(3)


def leaving(state: MessagesState) -> MessagesState:
    """A node that ends the process."""
    sys.exit(4)


def test_a_gated_tool_that_exits_is_unknown_and_others_go_on():
    """S-09: what it did is not known, so a person is asked; the next run of the same process still works."""
    world = World()
    world.serve("a", world.plain([leave], Scripted(turns=(CALL,))))
    for thread in ("t-1", "t-2"):
        run = world.begin_run("a", {"messages": [{"role": "user", "content": "go"}]}, thread_id=thread)
        (request,) = [r for r in world.pending() if r.thread_id == thread]
        world.decide(request)
        world.step()
        (action,) = world.portal.call(world.views.run, run.id).actions
        assert action.status == "unknown"
        assert "sys.exit(3)" in (action.error or "")
        assert [r.kind for r in world.pending() if r.thread_id == thread] == ["outcome"]
    world.stop()


def test_a_node_that_exits_fails_its_run_and_others_go_on():
    """E-04: the run says what happened; the loops of the process live on."""
    world = World()
    builder = StateGraph(MessagesState)
    builder.add_node("leaving", leaving)
    builder.add_edge(START, "leaving")
    world.serve("a", builder.compile())
    for thread in ("t-1", "t-2"):
        run = world.begin_run("a", {"messages": []}, thread_id=thread)
        ended = world.portal.call(world.views.run, run.id).run
        assert ended.status == "failed"
        assert "sys.exit(4)" in (ended.error or "")
    world.stop()
