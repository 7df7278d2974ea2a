"""New input for a thread whose run is parked: nothing is dropped, nobody's history is left with unanswered calls."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from hitl_middleware.errors import AlreadyDecided, DoesNotFit, ThreadBusy

from tests.kit.effects import Effects
from tests.kit.models import Scripted, asks, call, check_history, says, script
from tests.kit.world import World, on

PAY = says(call("pay", amount=7))
TURNS = script(PAY, AIMessage("as you wish"), AIMessage("second"), AIMessage("third"))
"""Its model refuses a history with unanswered tool calls, as real providers do."""


def _parked(world: World, effects: Effects) -> None:
    world.serve("a", world.agent([effects.pay_tool()], TURNS))
    world.begin_run("a", asks("first"), thread_id="t-1")


def _history(world: World) -> list[Any]:
    messages: list[Any] = world.graphs._graphs["a"].get_state(on()).values["messages"]
    check_history(messages)
    return [str(message.content) for message in messages if message.type == "human"]


def test_it_waits_for_the_run_to_end(world: World, effects: Effects) -> None:
    """S-16: ``enqueue``: the card says that somebody wrote again; the next run starts when this one has ended."""
    _parked(world, effects)
    second = world.begin_run("a", asks("second"), thread_id="t-1", note="customer wrote again")
    third = world.begin_run("a", asks("third"), thread_id="t-1", note="customer wrote again")

    assert (world.run_now(second).status, world.run_now(third).status) == ("queued", "queued")
    assert world.only().notes == ("customer wrote again",)
    assert _history_untouched(world)

    world.decide(world.only())
    world.step()

    assert effects.done == [7]
    assert [run.status for run in world.runs()] == ["succeeded"] * 3
    assert _history(world) == ["first", "second", "third"]


def _history_untouched(world: World) -> bool:
    return len(world.graphs._graphs["a"].get_state(on()).interrupts) == 1


def test_it_supersedes_what_is_open(world: World, effects: Effects) -> None:
    """S-16: ``supersede``: the open request is taken back, its call is answered as not performed, then the new run starts."""
    _parked(world, effects)
    old = world.only()
    world.begin_run(
        "a", asks("second"), thread_id="t-1", on_new_input="supersede", note="customer wrote again"
    )

    assert effects.done == []
    assert [request.status for request in world.requests()] == ["superseded"]
    assert world.act().status == "denied"
    assert [run.status for run in world.runs()] == ["succeeded", "succeeded"]
    assert _history(world) == ["first", "second"]
    with pytest.raises(AlreadyDecided, match="superseded by the run itself"):
        world.decide(old)
    world.step()
    assert effects.done == []


def test_superseding_does_not_depend_on_what_a_plan_allows(quick: World, effects: Effects) -> None:
    """S-16: also where people may only approve."""
    quick.serve("a", quick.agent([effects.pay_tool(decisions=["approve"])], TURNS))
    quick.begin_run("a", asks("first"), thread_id="t-1")
    quick.begin_run("a", asks("second"), thread_id="t-1", on_new_input="supersede")

    assert effects.done == []
    assert [run.status for run in quick.runs()] == ["succeeded", "succeeded"]


def test_what_comes_after_a_superseding_input_is_not_asked(quick: World, effects: Effects) -> None:
    """S-16: the old run asks something else on its way to the end: that is taken back too, so the new input is not kept waiting."""
    model = script(PAY, says(call("pay", "k2", amount=8)), AIMessage("fine"), AIMessage("second"))
    quick.serve("a", quick.agent([effects.pay_tool()], model))
    quick.begin_run("a", asks("first"), thread_id="t-1")
    quick.begin_run("a", asks("second"), thread_id="t-1", on_new_input="supersede")

    assert effects.done == []
    assert [request.status for request in quick.requests()] == ["superseded", "superseded"]
    assert [run.status for run in quick.runs()] == ["succeeded", "succeeded"]


def test_it_is_refused(quick: World, effects: Effects) -> None:
    """S-16: ``refuse``: told at once, nothing is stored, the open request stays as it was."""
    _parked(quick, effects)
    before = quick.only()
    with pytest.raises(ThreadBusy, match="'t-1'"):
        quick.begin_run("a", asks("second"), thread_id="t-1", on_new_input="refuse")

    assert len(quick.runs()) == 1
    assert quick.only() == before
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [7]
    assert _history(quick) == ["first"]


def test_the_same_delivery_starts_one_run(world: World, effects: Effects) -> None:
    """S-01: the same run id twice is one run."""
    _parked(world, effects)
    first = world.begin_run("a", asks("second"), thread_id="t-1", run_id="r-2")
    second = world.begin_run("a", asks("second"), thread_id="t-1", run_id="r-2")

    assert first.id == second.id == "r-2"
    assert len(world.runs()) == 2


def test_input_that_cannot_be_stored_is_refused_whole(quick: World, effects: Effects) -> None:
    """E-04: a run's input is JSON; anything else is refused with the field's name, and nothing is stored."""
    quick.serve("a", quick.agent([effects.pay_tool()], TURNS))
    with pytest.raises(DoesNotFit, match="input"):
        quick.begin_run("a", {"messages": [AIMessage("not JSON")]})

    assert quick.runs() == []


class Careless(Scripted):
    """A model that minds no history: one turn for each thing the user said."""

    def _generate(self, messages: list[Any], *args: Any, **kwargs: Any) -> Any:
        said = sum(message.type == "human" for message in messages)
        return ChatResult(generations=[ChatGeneration(message=self.turns[said - 1].model_copy())])


@pytest.mark.parametrize(
    ("model", "ends"),
    [
        (TURNS, "failed"),
        (Careless(turns=(PAY, AIMessage("as you wish"))), "succeeded"),
        (Careless(turns=(PAY, PAY)), "suspended"),
    ],
    ids=["the model refuses", "it ends", "it asks again"],
)
def test_a_caller_with_new_input_supersedes(
    world: World, effects: Effects, model: Scripted, ends: str
) -> None:
    """DESIGN §6: a caller's new input drops the interrupt; however that run ends, the old request is taken back."""
    graph = world.attach(world.agent([effects.pay_tool()], model), "a")
    graph.invoke(asks("first"), on())
    old = world.only()
    with suppress(ValueError):
        graph.invoke(asks("second"), on())
    world.step()

    assert world.runs()[0].status == ends
    first, *later = world.requests()
    assert (first.id, first.status) == (old.id, "superseded")
    assert [request.status for request in later] == (["pending"] if ends == "suspended" else [])
    with pytest.raises(AlreadyDecided):
        world.decide(old)
    world.step()
    assert effects.done == []
