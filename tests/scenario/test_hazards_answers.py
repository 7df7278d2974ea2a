"""Answers that do not fit, answers to something else, and edits: nothing runs that was not shown and approved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.tools import tool
from langgraph.types import Command
from pydantic import BaseModel

from hitl_middleware import requires_approval
from hitl_middleware.errors import DigestMismatch, DoesNotFit, NotFound
from hitl_middleware.hitl import Graph

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, asked, on, told

GARBAGE: list[Any] = [
    "garbage",
    0,
    [],
    {"type": "launch"},
    {"type": "edit", "edited_action": {"name": "wire", "args": {}}},
    {"decisions": [{"type": "approve"}]},
    {"type": "approve", "args": {"amount": 1_000_000}},
]


def _parked(world: World, effects: Effects, **rules: Any) -> Graph:
    graph = world.agent([effects.pay_tool(**rules)], script(says(call("pay", amount=7))))
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")
    return graph


@pytest.mark.parametrize("value", GARBAGE, ids=str)
def test_garbage_in_a_direct_resume_neither_executes_nor_wedges(
    quick: World, effects: Effects, value: Any
) -> None:
    """DESIGN §6: whatever arrives in ``Command(resume=…)``, the call waits for its decision and can still be decided."""
    graph = _parked(quick, effects)
    for _ in range(2):
        graph.invoke(Command(resume={asked(graph)[0]: value}), on())
    graph.invoke(Command(resume=value), on())
    quick.step()
    assert effects.done == []

    quick.decide(quick.only())
    quick.step()

    assert effects.done == [7]
    assert quick.runs()[0].status == "succeeded"


def test_an_edit_runs_the_edited_call(world: World, effects: Effects) -> None:
    """DESIGN §2.3: edited arguments are a new digest; what runs is what the reviewer wrote, once."""
    graph = _parked(world, effects)
    before = world.only()
    after = world.decide(before, "edit", edit={"amount": 5})
    world.step()

    assert effects.done == [5]
    action = world.act()
    assert (action.args, action.edited, action.digest) == ({"amount": 5}, True, after.digest)
    assert action.proposed_digest == before.digest != after.digest
    assert told(graph)[0].content == "paid 5"


@pytest.mark.parametrize(
    ("answer", "field"),
    [
        ({"type": "edit", "edit": {"amount": 5}, "tool": "wire"}, "edited_action.name"),
        ({"type": "edit", "edit": {"amount": "a lot"}}, "edited_action.args.amount"),
        ({"type": "edit", "edit": {}}, "edited_action.args.amount"),
        ({"type": "respond", "message": "no need"}, "type"),
    ],
    ids=["another tool", "wrong type", "missing", "not allowed"],
)
def test_an_answer_that_does_not_fit_is_refused_with_its_field(
    quick: World, effects: Effects, answer: dict[str, Any], field: str
) -> None:
    """S-13, DESIGN §2.3: an edit never switches tools and must fit the schema; the request stays pending, nothing changes."""
    _parked(quick, effects)
    before, trail = quick.only(), len(quick.trail())
    with pytest.raises(DoesNotFit) as refusal:
        quick.decide(before, **answer)
    quick.step()

    assert refusal.value.facts["field"] == field
    assert quick.only() == before
    assert len(quick.trail()) == trail
    assert effects.done == []


def test_an_answer_to_another_version_is_refused(quick: World, effects: Effects) -> None:
    """DESIGN §5: ``If-Match``: who read something else than what stands there decides nothing."""
    _parked(quick, effects)
    request = quick.only()
    from hitl_middleware.actions import Decision

    approve = Decision(type="approve")
    with pytest.raises(DigestMismatch, match=request.digest):
        quick.portal.call(
            quick.submit, request.id, approve, identity="local:ann", via="test", if_match="0" * 64
        )
    assert quick.only() == request

    quick.portal.call(
        quick.submit, request.id, approve, identity="local:ann", via="test", if_match=request.digest
    )
    quick.step()
    assert effects.done == [7]


def test_an_answer_to_nothing(quick: World) -> None:
    """E-04: an unknown request is named."""
    from hitl_middleware.actions import Decision

    with pytest.raises(NotFound, match="no request 'nope'"):
        quick.portal.call(quick.submit, "nope", Decision(type="approve"), identity="local:ann", via="test")


def test_arguments_that_do_not_fit_reach_nobody(quick: World, effects: Effects) -> None:
    """S-13: a call that could not run is told the model with the reason; nobody is asked, nothing is stored."""
    graph = quick.agent([effects.pay_tool()], script(says(call("pay", amount="lots"))))
    quick.serve("a", graph)
    quick.begin_run("a", asks(), thread_id="t-1")

    assert quick.requests() == []
    assert effects.done == []
    (message,) = told(graph)
    assert message.status == "error"
    assert "amount: Input should be a valid integer" in str(message.content)
    assert quick.runs()[0].status == "succeeded"


class Address(BaseModel):
    """Where it goes."""

    street: str
    city: str


def test_an_edit_of_a_nested_argument(quick: World) -> None:
    """S-11: an argument that is a model of its own can be edited, is checked, and arrives as that model."""
    sent: list[Any] = []

    @requires_approval
    @tool
    def send(to: Address, copies: int = 1) -> str:
        """Send it."""
        sent.append((to, copies))
        return "sent"

    quick.serve("a", quick.agent([send], script(says(call("send", to={"street": "A", "city": "B"})))))
    quick.begin_run("a", asks())
    with pytest.raises(DoesNotFit) as refusal:
        quick.decide(quick.only(), "edit", edit={"to": {"street": "A"}})
    quick.decide(quick.only(), "edit", edit={"to": {"street": "C", "city": "D"}, "copies": 2})
    quick.step()

    assert refusal.value.facts["field"] == "edited_action.args.to.city"
    assert sent == [(Address(street="C", city="D"), 2)]
    assert quick.runs()[0].status == "succeeded"


def test_an_edit_that_the_policy_asks_again_about(
    make_world: Callable[..., World], url: str, effects: Effects
) -> None:
    """P-04, DESIGN §2.3: a stricter plan for the edited call is a second request by that plan; then the edited call runs, once."""
    turn = script(says(call("pay", amount=7)))
    first = make_world(url)
    first.serve("a", first.agent([effects.pay_tool()], turn))
    first.begin_run("a", asks(), thread_id="t-1")
    second = make_world(url)  # the same program, deployed with a stricter rule
    second.serve("a", second.agent([effects.pay_tool(approvers=["slack:BOSS"], required_approvals=1)], turn))

    second.decide(second.only(), "edit", edit={"amount": 9_000})
    second.step()
    assert effects.done == []
    again = second.only()
    assert again.args == {"amount": 9_000}
    assert again.plan.approvers == ("slack:BOSS",)
    assert "edited" in again.notes[0]

    second.decide(again, by="slack:BOSS")
    second.step()

    assert effects.done == [9_000]
    assert second.act().status == "succeeded"
    assert [request.status for request in second.requests()] == ["approved", "approved"]
    assert "action.asked_again" in [event.kind for event in second.trail()]


def test_an_edit_whose_second_request_is_rejected(
    make_world: Callable[..., World], url: str, effects: Effects
) -> None:
    """P-04: the second look may say no; neither the edited nor the proposed call runs."""
    turn = script(says(call("pay", amount=7)))
    first, second = make_world(url), make_world(url)
    first.serve("a", first.agent([effects.pay_tool()], turn))
    first.begin_run("a", asks())
    second.serve("a", second.agent([effects.pay_tool(approvers=["slack:BOSS"])], turn))
    second.decide(second.only(), "edit", edit={"amount": 9_000})
    second.step()
    second.decide(second.only(), "reject", by="slack:BOSS", message="no")
    second.step()

    assert effects.done == []
    assert second.act().status == "denied"
    assert second.runs()[0].status == "succeeded"


@pytest.mark.parametrize(
    ("type_", "extra", "status", "says_"),
    [
        ("reject", {"message": 'because "no"'}, "error", '"because \\"no\\""'),
        ("reject", {}, "error", "No reason was given"),
        ("feedback", {"message": "less, please"}, "error", '"less, please"'),
        ("respond", {"message": "I did it myself"}, "success", "I did it myself"),
        ("respond", {"answer": {"paid": 7}}, "success", '{"paid": 7}'),
    ],
)
def test_words_reach_the_agent_marked_as_data(
    quick: World, effects: Effects, type_: Any, extra: dict[str, Any], status: str, says_: str
) -> None:
    """S-12, DESIGN §3: the words and their author as a tool message; the agent goes on without the effect."""
    graph = _parked(quick, effects, decisions=["approve", "reject", "feedback", "respond"])
    quick.decide(quick.only(), type_, **extra)
    quick.step()

    (message,) = told(graph)
    assert message.status == status
    assert says_ in str(message.content)
    if status == "error":
        assert "local:ann" in str(message.content)
    assert effects.done == []
    assert quick.runs()[0].status == "succeeded"
