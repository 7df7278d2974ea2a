"""What a run is about: said in a node, frozen with each request, and what channels make of it."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from hitl_middleware import alabel_run, human_step, label_run, route
from hitl_middleware.actions import Decision
from hitl_middleware.crew import crew_of
from hitl_middleware.errors import ConfigurationError, NotAllowed
from hitl_middleware.hitl import Graph

from tests.kit.wall import Wall
from tests.kit.world import ANN, World


class State(TypedDict, total=False):
    """Two reviews."""

    first: Any
    second: Any


def labelling(*, asynchronous: bool = False) -> Graph:
    """Labels its run, asks, labels it anew, and asks again."""

    async def aopen(state: State) -> State:
        await alabel_run(repository="acme/shop", issue="12")
        return {}

    def open_(state: State) -> State:
        label_run(repository="acme/shop", issue="12")
        return {}

    def propose(state: State) -> State:
        label_run(pull_request="13", wall="maintainer")
        return {}

    builder = StateGraph(State)
    builder.add_node("open", aopen if asynchronous else open_)
    builder.add_node("first", human_step("Plan?"))
    builder.add_node("propose", propose)
    builder.add_node("second", human_step("Merge?"))
    builder.add_edge(START, "open")
    builder.add_edge("open", "first")
    builder.add_conditional_edges("first", route("first", approve="propose", reject=END, feedback=END))
    builder.add_edge("propose", "second")
    builder.add_edge("second", END)
    return builder.compile()


@pytest.fixture
def wall(world: World) -> Wall:
    """A channel that keeps a line of every decision, and knows who may decide where a run says so."""
    wall = Wall()
    wall.keeps = True
    world._given = (world.config, (wall,), world.directory)
    world._crew = crew_of(world)
    return wall


@pytest.mark.parametrize("asynchronous", [False, True], ids=["sync", "async"])
def test_labels_said_in_a_node(world: World, wall: Wall, *, asynchronous: bool) -> None:
    """G-02, G-03: the run bears them, each request as they were when it was asked; a later label changes no earlier request."""
    world.serve("g", labelling(asynchronous=asynchronous))
    world.begin_run("g", {}, labels={"conversation": "c1"})
    first = world.only()
    about = {"conversation": "c1", "repository": "acme/shop", "issue": "12"}
    assert first.labels == about
    assert first.plan.approvers == ("api",)
    world.decide(first)
    world.step()
    second = world.only()
    assert second.labels == {**about, "pull_request": "13", "wall": "maintainer"}
    assert world.runs()[0].labels == second.labels
    assert second.plan.approvers == ("api", "wall:maintainer"), "the channel says who may decide there"
    world.decide(second, by="wall:maintainer")
    assert [request.labels for request in world.requests()] == [about, second.labels]


def test_a_decision_leaves_one_notice(world: World, wall: Wall) -> None:
    """G-04: stored with the decision and delivered once, whatever decided it; the losers of a race leave none."""
    world.serve("g", labelling())
    world.begin_run("g", {})
    first = world.only()
    with pytest.raises(NotAllowed):
        world.decide(first, by="slack:UXXX")
    world.step()
    assert wall.told == []
    world.decide(first)
    world.step()
    world.step()
    assert [notice.body["text"] for notice in wall.told] == ["Plan?: approved"]


def test_what_brought_an_answer_counts_once(world: World) -> None:
    """G-12: read again, by whomever, it changes nothing more – not the next request either; another source does."""
    world.serve("g", labelling())
    world.begin_run("g", {})
    first = world.only()

    def say(request: Any, source: str, type_: Any = "approve") -> Any:
        decision = Decision(type=type_)
        return world.portal.call(
            lambda: world.submit(request.id, decision, identity=ANN, via="test", source=source)
        )

    assert say(first, "comment:1").status == "approved"
    world.step()
    second = world.only()
    assert say(second, "comment:1").id == first.id
    assert say(second, "comment:1", "reject").id == first.id
    assert world.only() == second
    assert say(second, "comment:2").status == "approved"
    counted = world.portal.call(world.desk.counted, "comment:2")
    assert counted is not None
    assert counted.id == second.id
    assert world.portal.call(world.desk.counted, "comment:3") is None


def test_labels_that_could_not_be_shown() -> None:
    """E-04: a sentence; outside a graph too. Where nobody drives the graph there is nothing to label."""

    def bad(state: State) -> State:
        label_run(issue=state["first"])
        return {}

    builder = StateGraph(State)
    builder.add_node("bad", bad)
    builder.add_edge(START, "bad")
    graph = builder.compile(checkpointer=InMemorySaver())
    config: Any = {"configurable": {"thread_id": "t"}}
    with pytest.raises(
        ConfigurationError, match=r"label_run\(issue=…\): a label is a text of at most 500 characters"
    ):
        graph.invoke({"first": 12}, config)
    with pytest.raises(ConfigurationError, match="works inside a node"):
        label_run(issue="12")
