"""Deciding from a notebook: in code and by a form, through the same desk as everywhere (N-03)."""

from __future__ import annotations

import pytest

from hitl_middleware.errors import AlreadyDecided, DigestMismatch, DoesNotFit, NotAllowed
from hitl_middleware.notebook import Debugger, NothingWaits, OpenRun, Several
from hitl_middleware.people import login

from tests.kit.effects import Effects
from tests.kit.flows import asking, planning, served
from tests.kit.models import asks, call, says, script
from tests.kit.shop import CARD, suspended
from tests.kit.world import World


@pytest.fixture
def dbg(quick: World, effects: Effects) -> Debugger:
    """On a shop whose run ``kettle`` waits."""
    return Debugger(suspended(quick, effects), name="shop", hitl=quick)


async def test_an_approval_in_code_is_carried_out_once(dbg: Debugger, quick: World, effects: Effects):
    """N-03: ``await run.decide("approve")``: committed, audited as the notebook's, and done once by whoever drives the run."""
    import asyncio

    run = dbg["kettle"]
    told = await run.decide("approve")
    assert told.request is not None
    assert (told.request.status, told.request.decided_via, told.request.decided_by) == (
        "approved",
        "notebook",
        f"local:{login()}",
    )
    assert ("refund", "A-1001", 12_000, CARD) not in effects.done
    await asyncio.to_thread(quick.step)
    assert effects.done.count(("refund", "A-1001", 12_000, CARD)) == 1
    assert run.refresh().status == "succeeded"
    said = [event for event in run.audit() if event.kind == "submission.received"]
    assert [(event.via, event.actor) for event in said] == [("notebook", f"local:{login()}")]


def test_the_desk_refuses_here_as_elsewhere(dbg: Debugger):
    """N-03: who may not, is told who may; who is late, who was first; nothing has changed."""
    run, late = dbg["kettle"], dbg["kettle"]
    with pytest.raises(
        NotAllowed, match=r"slack:U0EVE may not decide this: it is for slack:U024BE7LH to decide"
    ):
        run.decide("approve", reviewer="slack:U0EVE")
    with pytest.raises(DoesNotFit, match="'aprove' is none of approve, edit, reject, feedback"):
        run.decide("aprove")
    with pytest.raises(DoesNotFit, match="message"):
        run.decide("feedback")
    run.decide("reject", "We do not refund kettles")
    with pytest.raises(AlreadyDecided, match="already rejected by"):
        late.decide("approve")
    with pytest.raises(NothingWaits):
        run.decide("approve")


def test_somebody_elses_name_is_told_with_ones_own(dbg: Debugger):
    """N-03: ``reviewer=``: the audit names whom it counts for and who sat there."""
    dbg["kettle"].decide("approve", reviewer="slack:U024BE7LH")
    (said,) = dbg["kettle"].facts.submissions
    assert (said.person, said.vouched_by) == ("slack:U024BE7LH", f"notebook:{login()}")


def test_an_edit_changes_what_it_names_and_keeps_what_is_hidden(
    dbg: Debugger, quick: World, effects: Effects
):
    """N-03: of an edit only what changes is given; the number that nobody is shown stays what it was."""
    dbg["kettle"].decide("edit", args={"amount_cents": 6_000})
    quick.step()
    assert effects.done[-1] == ("refund", "A-1001", 6_000, CARD)


def test_what_was_looked_at_is_what_is_decided(dbg: Debugger, quick: World):
    """Rule 3: a request that has changed since the run was opened is not decided on as it was."""
    from dataclasses import replace

    run = dbg["kettle"]
    changed = tuple(replace(request, digest="0" * 64) for request in run.facts.requests)
    run.facts = replace(run.facts, requests=changed)
    with pytest.raises(DigestMismatch):
        run.decide("approve")


def test_of_several_one_says_which(quick: World, effects: Effects):
    """N-03: two questions, no guess: the sentence has the codes."""
    tools = [effects.pay_tool()]
    model = script(says(call("pay", "one", amount=1), call("pay", "two", amount=2)), says(text="ok"))
    graph = quick.plain(tools, model)
    quick.serve("shop", graph)
    quick.begin_run("shop", asks(), thread_id="two")
    run = Debugger(quick.graphs.graph("shop"), name="shop", hitl=quick)["two"]
    with pytest.raises(Several, match="2 requests wait here"):
        run.decide("approve")
    first, second = run.facts.pending
    assert run.decide("approve", request=second.code).request.id == second.id  # type: ignore[union-attr]  # it is there
    assert [request.id for request in run.facts.pending] == [first.id]
    quick.step()
    assert effects.done == [2]


def test_a_click_on_the_form_decides(dbg: Debugger, quick: World, effects: Effects):
    """N-03: a button for each answer that the plan allows; what is clicked is what is committed, and then nothing can be clicked."""
    run = dbg["kettle"]
    form = run.decide()
    assert list(form.buttons) == ["approve", "edit", "reject", "feedback"]
    assert "[Approve] , [Approve with changes]".replace(" ,", ",") in repr(form)
    form.buttons["approve"].click()
    assert "is approved" in form.told.value
    assert all(button.disabled for button in form.buttons.values())
    quick.step()
    assert effects.done[-1][:3] == ("refund", "A-1001", 12_000)


def test_the_form_says_what_does_not_fit_and_keeps_what_was_typed(
    dbg: Debugger, quick: World, effects: Effects
):
    """N-03: every error at its field; a plain approval beside changed fields is asked about, not guessed at."""
    run = dbg["kettle"]
    form = run.decide()
    assert set(form.inputs) == {"order_id", "amount_cents"}  # what the policy hides has no field
    form.inputs["amount_cents"].value = "much"
    form.buttons["edit"].click()
    assert "A whole number, for example 12000." in form.told.value
    assert form.inputs["amount_cents"].value == "much"
    form.inputs["amount_cents"].value = "7000"
    form.buttons["approve"].click()
    assert "fields were changed" in form.told.value
    assert run.facts.pending
    form.buttons["edit"].click()
    quick.step()
    assert effects.done[-1] == ("refund", "A-1001", 7_000, CARD)


def test_the_form_tells_of_a_refusal(dbg: Debugger):
    """N-03: a click that comes too late is told who was first."""
    run, other = dbg["kettle"], dbg["kettle"]
    form = run.decide()
    other.decide("reject", "No")
    form.buttons["approve"].click()
    assert "already rejected by" in form.told.value
    assert not form.buttons["approve"].disabled


def test_a_steps_form_is_filled_in(quick: World, effects: Effects):
    """N-03: a workflow step with a form: its fields are the form's, and the graph gets the values."""
    schema = {"type": "object", "properties": {"budget": {"type": "integer"}}, "required": ["budget"]}
    graph = served(quick, planning(effects, form=schema))
    run = Debugger(graph, name="g", hitl=quick)["t-1"]
    form = run.decide()
    form.buttons["approve"].click()
    assert "Budget: This is required." in form.told.value
    form.inputs["budget"].value = "12"
    form.buttons["approve"].click()
    quick.step()
    assert run.refresh().state["review"]["answer"] == {"budget": 12}


def test_a_question_is_answered(quick: World):
    """N-03: ``ask`` of a node: the answer is its value."""
    from hitl_middleware import ask

    graph = served(
        quick, asking(lambda _: {"plan": ask("Which colour?", {"type": "string", "enum": ["red", "blue"]})})
    )
    run = Debugger(graph, name="g", hitl=quick)["t-1"]
    run.decide("respond", answer="blue")
    quick.step()
    assert run.refresh().state["plan"] == "blue"


def test_the_slider_goes_through_the_steps(dbg: Debugger):
    """N-02: at each place the graph as it stood then, and what the step had changed."""
    run: OpenRun = dbg["kettle"]
    steps = run.steps()
    assert (steps.slider.min, steps.slider.max, steps.slider.value) == (0, 4, 4)
    assert "process_refund" in steps.shown.value
    steps.slider.value = 2
    assert "find_order" in steps.shown.value
    assert "process_refund" not in steps.shown.value
    assert run.graph(2).marks.marks["tools"].status == "next"
    assert repr(steps).startswith("Step 2")
