"""Workflow steps as people and graphs see them: what is asked, what is written, round after round."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from hitl_middleware.errors import DoesNotFit, NotAllowed

from tests.kit.effects import Effects
from tests.kit.flows import planning
from tests.kit.world import World, on

GIVEN = {"topic": "bees"}


def parked(world: World, effects: Effects, **rules: Any) -> Any:
    """A planning run that waits at its step; the graph as it is served."""
    world.serve("plan", planning(effects, **rules).compile())
    world.begin_run("plan", GIVEN, thread_id="t-1")
    return world.graphs._graphs["plan"]


def test_a_step_asks_and_goes_on_with_what_was_decided(world: World, effects: Effects) -> None:
    """G-06: one request of kind ``step`` with prompt, data and decisions; approving writes the review, read from the store."""
    graph = parked(world, effects, expires_in=dt.timedelta(hours=8), approvers=["slack:U1"])
    request = world.only()

    assert (request.kind, request.step, request.round, request.title) == (
        "step",
        "check",
        1,
        "Check the plan",
    )
    assert request.args == {"plan": "draft of bees; "}
    assert request.plan.allowed_decisions == ("approve", "reject", "feedback")
    assert request.plan.approvers == ("slack:U1",)
    assert request.deadline_at == request.created_at + dt.timedelta(hours=8)
    assert world.actions() == []
    with pytest.raises(NotAllowed, match="slack:U1"):
        world.decide(request, by="slack:U2")

    world.decide(request, by="slack:U1", message="go")
    world.step()

    assert effects.done == [1]
    assert world.runs()[0].status == "succeeded"
    review = graph.get_state(on()).values["review"]
    assert review == {
        "decision": "approve",
        "message": "go",
        "answer": None,
        "by": "slack:U1",
        "request_id": request.id,
        "round": 1,
    }


def test_reject_leads_elsewhere(world: World, effects: Effects) -> None:
    """G-06: rejecting stops with the reason, and nothing is carried out."""
    graph = parked(world, effects)
    world.decide(world.only(), "reject", message="no bees")
    world.step()

    assert effects.done == []
    assert graph.get_state(on()).values["review"]["message"] == "no bees"
    assert world.runs()[0].status == "succeeded"


def test_three_rounds_of_feedback(world: World, effects: Effects) -> None:
    """G-06: feedback loops the step with the words; each round is a new request that shows the round and what was said before."""
    parked(world, effects)
    for round_, words in ((1, "shorter"), (2, "warmer"), (3, "in French")):
        request = world.only()
        assert request.round == round_
        world.decide(request, "feedback", message=words, by="local:ann")
        world.step()
    request = world.only()

    assert request.round == 4
    assert [note for note in request.notes if note.startswith("Round")] == [
        "Round 1: local:ann asked for a revision: shorter",
        "Round 2: local:ann asked for a revision: warmer",
        "Round 3: local:ann asked for a revision: in French",
    ]
    assert request.args is not None
    assert request.args["plan"].endswith("draft of bees (in French); ")
    world.decide(request)
    world.step()
    assert effects.done == [4]
    assert [r.status for r in world.requests()] == ["revised"] * 3 + ["approved"]


def test_the_last_round_takes_no_feedback(world: World, effects: Effects) -> None:
    """G-06: in round ``max_rounds`` the loop ends: feedback is neither offered nor taken, and the card says why."""
    parked(world, effects, max_rounds=2)
    world.decide(world.only(), "feedback", message="again")
    world.step()
    last = world.only()

    assert last.plan.allowed_decisions == ("approve", "reject")
    assert last.notes[-1] == "Round 2 is the last one: feedback is not taken any more"
    with pytest.raises(DoesNotFit, match="'feedback' is not allowed here; allowed: approve, reject"):
        world.decide(last, "feedback", message="again")
    world.decide(last, "reject")
    world.step()
    assert world.runs()[0].status == "succeeded"


def test_a_form_is_filled_in_when_approving(world: World, effects: Effects) -> None:
    """G-06: the answer has to fit the form, is refused by field, and reaches the graph as it was given."""
    form = {
        "type": "object",
        "properties": {"budget": {"type": "integer", "minimum": 1}},
        "required": ["budget"],
    }
    graph = parked(world, effects, form=form)
    request = world.only()
    assert request.response_schema == form

    for wrong, field in (
        ({}, "answer: approving this"),
        ({"answer": {"budget": 0}}, "answer.budget: This must be 1 or more"),
        ({"answer": {"budget": "5"}}, "answer.budget"),
    ):
        with pytest.raises(DoesNotFit, match=field):
            world.decide(request, **wrong)
    with pytest.raises(DoesNotFit, match="only approve carries"):
        world.decide(request, "reject", answer={"budget": 5})

    world.decide(request, answer={"budget": 5})
    world.step()
    assert graph.get_state(on()).values["review"]["answer"] == {"budget": 5}


def test_an_answer_without_a_form_is_refused(quick: World, effects: Effects) -> None:
    """E-04: values for a form that is not there would be lost; it is said."""
    parked(quick, effects)
    with pytest.raises(DoesNotFit, match="answer: this step has no form; say it in message"):
        quick.decide(quick.only(), answer={"budget": 5})


def test_a_prompt_of_the_state(quick: World, effects: Effects) -> None:
    """G-04: the prompt may be a function of the state; its first line heads the card, the rest is not lost."""
    parked(quick, effects, prompt=lambda state: f"Plan for {state['topic']}\n\nLook closely.")
    request = quick.only()
    assert (request.title, request.description) == ("Plan for bees", "Plan for bees\n\nLook closely.")


async def test_under_invoke_and_ainvoke_of_the_users_own_process(quick: World, effects: Effects) -> None:
    """E-03: an attached graph of the user's own, with the user's saver, sync and async: parked, decided, resumed here."""
    graph = quick.attach(planning(effects).compile(checkpointer=InMemorySaver()), "plan")
    await graph.ainvoke(GIVEN, on("t-1"))
    await asyncio.to_thread(graph.invoke, GIVEN, on("t-2"))
    for request in await asyncio.to_thread(quick.pending):
        await asyncio.to_thread(quick.decide, request)
    await asyncio.to_thread(quick.step)

    assert effects.done == [1, 1]
    assert (await graph.aget_state(on("t-1"))).values["review"]["decision"] == "approve"
