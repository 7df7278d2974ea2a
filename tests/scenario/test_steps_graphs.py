"""Steps and questions in every kind of graph: other states, the functional API, tools, savers of the user's own."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel

from hitl_middleware import Hitl, Review, aask, ask, human_step, requires_approval, route
from hitl_middleware.settings import Settings
from hitl_middleware.steps import steps_in
from hitl_middleware.testing.reviewer import AssertWaiting, ScriptedReviewer
from hitl_middleware.testing.still import StillHitl

from tests.kit.effects import Effects
from tests.kit.flows import asking, planning
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, on, told


class Modelled(BaseModel):
    """A pydantic state."""

    plan: str = "dig"
    review: Review | None = None


@dataclasses.dataclass
class Classed:
    """A dataclass state."""

    plan: str = "dig"
    review: Review | None = None


@pytest.mark.parametrize("state", [Modelled, Classed])
def test_other_kinds_of_state(quick: World, state: Any) -> None:
    """E-03: pydantic models and dataclasses as state: shown, reviewed, gone round, routed."""
    builder = StateGraph(state)
    builder.add_node("check", human_step(lambda s: f"{s.plan}?", show=["plan"], into="review"))
    builder.add_edge(START, "check")
    builder.add_conditional_edges("check", route("review", approve=END, reject=END, feedback="check"))
    quick.serve("g", builder.compile())
    quick.begin_run("g", {"plan": "drill"}, thread_id="t-1")
    request = quick.only()
    assert (request.title, request.args) == ("drill?", {"plan": "drill"})
    quick.decide(request, "feedback", message="deeper")
    quick.step()
    assert quick.only().round == 2
    quick.decide(quick.only())
    quick.step()
    assert quick.runs()[0].status == "succeeded"
    assert quick.graphs._graphs["g"].get_state(on()).values["review"]["decision"] == "approve"


def test_the_functional_api(quick: World) -> None:
    """E-03: ``ask`` in an entrypoint and in its tasks: each has a place of its own."""

    @task
    async def colour(of: str) -> str:
        return f"{of} {await aask('Colour?')}"

    @entrypoint(checkpointer=InMemorySaver())
    async def paint(given: dict[str, str]) -> list[str]:
        return [await colour("door"), await colour("wall"), await aask("Sure?")]

    quick.serve("g", paint)
    quick.begin_run("g", {"what": "house"}, thread_id="t-1")
    for title, words in (("Colour?", "red"), ("Colour?", "white"), ("Sure?", "yes")):
        assert quick.only().title == title
        quick.decide(quick.only(), "respond", message=words)
        quick.step()
    assert quick.runs()[0].status == "succeeded"
    assert len({request.checkpoint_ns for request in quick.requests()}) == 3
    assert quick.graphs._graphs["g"].get_state(on()).values == ["door red", "wall white", "yes"]


def test_a_gated_tool_that_asks(world: World, effects: Effects) -> None:
    """S-05 with a question inside: approved, asked, performed once; the claim was given back while people thought."""

    @requires_approval
    @tool
    def wire(amount: int) -> str:
        """Wire money."""
        account = ask("To which account?")
        effects.perform((amount, account))
        return f"wired {amount} to {account}"

    graph = world.agent([wire], script(says(call("wire", amount=7))))
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")
    world.decide(world.only("tool_call"))
    world.step()
    assert world.act().status == "approved"
    world.decide(world.only("question"), "respond", message="4711")
    world.step()

    assert effects.done == [(7, "4711")]
    assert world.act().status == "succeeded"
    assert [message.content for message in told(graph)] == ["wired 7 to 4711"]


def test_an_answer_is_a_value_of_its_type(quick: World) -> None:
    """The desk refuses what does not fit the schema; the node gets what it asked for."""
    got: list[Any] = []

    class Budget(BaseModel):
        cents: int

    Maybe: Any = int | None  # noqa: N806 – a type

    def node(state: Any) -> dict[str, Any]:
        got[:] = [ask("How much?", Budget), ask("Sure?", bool), ask("How many?", Maybe), ask("Why?")]
        return {"done": [got[0].cents, *got[1:]]}

    quick.serve("g", asking(node).compile())
    quick.begin_run("g", {"topic": "bees"}, thread_id="t-1")
    for answer in ({"cents": 5}, False, None, 42):
        quick.decide(quick.only(), "respond", answer=answer)
        quick.step()
    assert got == [Budget(cents=5), False, None, "42"], "without a schema the answer is text"
    assert quick.graphs._graphs["g"].get_state(on()).values["done"] == [5, False, None, "42"]


def test_who_answers(quick: World, effects: Effects, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph is answered by the ``Hitl`` that drives it; one that nobody drives by the process's own; ``hitl.steps`` by that one alone."""
    monkeypatch.setenv("HITL_DATABASE_URL", "memory://")
    own = Hitl.from_env()
    try:
        assert steps_in({}) is own.steps
        graph = quick.attach(planning(effects).compile(checkpointer=InMemorySaver()), "g")
        assert steps_in(graph.config["configurable"]) is quick.steps  # type: ignore[index]
        assert quick.attach(graph, "g") is graph
    finally:
        own.stop()


def test_a_scripted_reviewer_at_a_step(effects: Effects) -> None:
    """For users' tests: ``assert_waiting`` and the reviewer's rules know a step by its name, and fill its form in."""
    still = StillHitl(Settings(database_url="memory://"), channels=())
    try:
        still.serve("g", planning(effects, form={"type": "integer"}).compile())
        still.start()
        still.portal.call(still.start_run, "g", {"topic": "bees"})
        AssertWaiting(still)("check", plan="draft of bees; ")
        reviewer = ScriptedReviewer(still)
        reviewer.on("check").approve(answer=5)
        reviewer.on("check", times=1).feedback("shorter")
        assert [request.status for request in reviewer.review()] == ["revised", "approved"]
        AssertWaiting(still).nothing()
    finally:
        still.stop()
    assert effects.done == [2]
