"""LangChain's middleware by a changed import, resumed by the user's own code: what its users do every day, and what goes wrong then."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langgraph.errors import is_invalid_resume
from langgraph.types import Command
from pydantic import ValidationError

from tests.kit.behind import Doubles
from tests.kit.drop_in import APPROVE, REJECT, Mode, answer, drop_in, edit, flipping, questions
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, on, told

ONE = says(call("pay", amount=7))
THREE = says(*(call("pay", f"k{n}", amount=n) for n in (1, 2, 3)))

NO_REASON = (
    "User rejected the tool call for `pay` with id call-1. The tool was not executed. "
    "Do not retry this tool call unless the user explicitly requests it."
)

both_modes = pytest.mark.parametrize("mode", ["batched", "per_call"])


@both_modes
def test_an_answer_of_the_users_own_code_counts(world: World, effects: Effects, mode: Mode) -> None:
    """E-03, DESIGN §2.1: nobody attached the graph; request, decision and action are entered, the act is claimed and settled."""
    agent = drop_in(world, effects, script(ONE), mode)
    agent.invoke(asks(), on())
    assert (effects.done, world.requests()) == ([], [])

    final = agent.invoke(answer(agent, APPROVE), on())

    assert effects.done == [7]
    assert final["messages"][-1].content == "done"
    action, (request,) = world.act(), world.requests()
    assert (action.status, action.attempts, action.decided_by) == ("succeeded", 1, "caller")
    assert effects.keys == [action.idempotency_key]
    assert (request.status, request.decided_by, request.decided_via) == ("approved", "caller", "caller")
    assert (request.action_id, request.digest, request.tool) == (action.id, action.digest, "pay")
    (run,) = world.runs()
    assert (run.status, run.driver, run.thread_id) == ("succeeded", "caller", "t-1")
    assert [event.kind for event in world.trail()] == [
        "action.proposed",
        "run.adopted",
        "request.opened",
        "submission.received",
        "request.approved",
        "action.claimed",
        "action.succeeded",
    ]


@both_modes
async def test_the_same_with_ainvoke(quick: World, effects: Effects, mode: Mode) -> None:
    """E-03: as above on the user's event loop."""
    agent = drop_in(quick, effects, script(ONE), mode)
    await agent.ainvoke(asks(), on())
    await agent.ainvoke(answer(agent, APPROVE), on())
    assert effects.done == [7]


@both_modes
def test_three_calls_of_which_one_is_rejected(world: World, effects: Effects, mode: Mode) -> None:
    """E-03, S-07: two are performed, the third is told in LangChain's words; each is a request and an action of its own."""
    agent = drop_in(world, effects, script(THREE), mode)
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, APPROVE, REJECT, edit(amount=30)), on())

    assert sorted(effects.done) == [1, 30]
    by_id = {message.tool_call_id: message for message in told(agent)}
    assert {key: message.status for key, message in by_id.items()} == {
        "k1": "success",
        "k2": "error",
        "k3": "success",
    }
    assert by_id["k2"].content == "User rejected the tool call for `pay` with reason: too much"
    assert "Executed instead: pay with arguments" in str(by_id["k3"].content)
    assert sorted(request.status for request in world.requests()) == ["approved", "approved", "rejected"]
    assert sorted(action.status for action in world.actions()) == ["denied", "succeeded", "succeeded"]
    assert len(world.runs()) == 1


@both_modes
@pytest.mark.parametrize(
    ("said", "status", "content"),
    [
        (
            {"type": "reject"},
            "error",
            NO_REASON,
        ),
        ({"type": "respond", "message": "already paid"}, "success", "already paid"),
        ({"type": "respond", "message": ""}, "success", ""),
    ],
    ids=["reject", "respond", "respond-with-nothing"],
)
def test_answers_that_perform_nothing(
    quick: World, effects: Effects, mode: Mode, said: Any, status: str, content: str
) -> None:
    """E-03, S-12: LangChain's own texts reach the model; the act is denied."""
    agent = drop_in(quick, effects, script(ONE), mode)
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, said), on())

    assert effects.done == []
    (message,) = told(agent)
    assert (message.status, message.content, message.name) == (status, content, "pay")
    assert quick.act().status == "denied"


@both_modes
def test_an_edited_call_is_another_digest(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §2.3: what the person wrote is what runs, under a digest of its own; the model's message keeps the model's call."""
    agent = drop_in(quick, effects, script(ONE), mode, edit_notice="Changed by a person.")
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, edit(amount=70)), on())

    action = quick.act()
    assert effects.done == [70]
    assert (action.args, action.edited, action.digest == action.proposed_digest) == (
        {"amount": 70},
        True,
        False,
    )
    (message,) = told(agent)
    assert str(message.content).startswith("Changed by a person. Executed instead: pay")
    made = next(m for m in agent.get_state(on()).values["messages"] if isinstance(m, AIMessage))
    assert made.tool_calls[0]["args"] == {"amount": 7}


@both_modes
@pytest.mark.parametrize(
    "said",
    [
        {"type": "nonsense"},
        {"type": "edit"},
        "yes",
        {"type": "edit", "edited_action": {"name": "look", "args": {"what": "x"}}},
        {"type": "feedback", "message": "less"},
    ],
    ids=["unknown", "half", "text", "another-tool", "not-allowed"],
)
def test_an_answer_that_does_not_fit_leaves_the_question_open(
    quick: World, effects: Effects, mode: Mode, said: Any
) -> None:
    """DESIGN §6: LangChain's batched mode raises for ever after a bad answer. Here it is refused before it is saved, in both modes."""
    agent = drop_in(quick, effects, script(ONE), mode)
    agent.invoke(asks(), on())
    before = [item.id for item in questions(agent)]

    with pytest.raises(ValidationError) as refused:
        agent.invoke(answer(agent, said), on())
    assert is_invalid_resume(refused.value)
    assert [item.id for item in questions(agent)] == before
    assert (effects.done, quick.requests()) == ([], [])

    agent.invoke(answer(agent, APPROVE), on())
    assert effects.done == [7]


def test_too_few_decisions_leave_a_turn_open(quick: World, effects: Effects) -> None:
    """DESIGN §6: the count is checked before anything is saved; the sentence is LangChain's."""
    agent = drop_in(quick, effects, script(THREE), "batched")
    agent.invoke(asks(), on())
    with pytest.raises(ValueError, match=r"Number of human decisions \(1\) does not match .* \(3\)"):
        agent.invoke(answer(agent, APPROVE), on())

    agent.invoke(answer(agent, APPROVE, APPROVE, APPROVE), on())
    assert sorted(effects.done) == [1, 2, 3]


def test_one_bad_answer_among_several_repeats_none(quick: World, effects: Effects) -> None:
    """DESIGN §6: LangChain warns that the others may run twice when they are answered again. The ledger remembers them."""
    agent = drop_in(quick, effects, script(THREE), "per_call")
    agent.invoke(asks(), on())
    with pytest.raises(ValidationError):
        agent.invoke(answer(agent, APPROVE, {"type": "nonsense"}, APPROVE), on())
    while asked := questions(agent):
        agent.invoke(Command(resume={item.id: APPROVE for item in asked}), on())

    assert sorted(effects.done) == [1, 2, 3]


@both_modes
def test_when_is_asked_once(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §2.5, §6: with LangChain a rule that flips lets a rejected call run. Here its first word is frozen."""
    rules = {"pay": {"allowed_decisions": ["approve", "reject"], "when": flipping(True)}}
    agent = drop_in(quick, effects, script(ONE), mode, interrupt_on=rules)
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, REJECT), on())

    assert effects.done == []
    assert quick.act().status == "denied"


def test_a_turn_freezes_what_it_did_not_ask_about(quick: World, effects: Effects) -> None:
    """DESIGN §2.5: batched, one call of three is asked about: the others run when the turn does, and are not asked about later."""
    rules = {"pay": {"allowed_decisions": ["approve", "reject"], "when": flipping(False, True, False)}}
    agent = drop_in(quick, effects, script(THREE), "batched", interrupt_on=rules)
    agent.invoke(asks(), on())
    (item,) = questions(agent)
    assert [request["args"] for request in item.value["action_requests"]] == [{"amount": 2}]
    agent.invoke(answer(agent, REJECT), on())

    assert sorted(effects.done) == [1, 3]
    assert len(quick.actions()) == 1


@both_modes
def test_a_rule_that_fails_asks(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §2.8: fail closed, and say so."""
    rules = {"pay": {"allowed_decisions": ["approve"], "when": lambda r: r.tool_call["args"]["nope"] > 1}}
    agent = drop_in(quick, effects, script(ONE), mode, interrupt_on=rules)
    agent.invoke(asks(), on())

    assert effects.done == []
    agent.invoke(answer(agent, APPROVE), on())
    assert effects.done == [7]
    assert "failed (KeyError), so a person is asked" in quick.act().plan.reason


@both_modes
def test_langchains_callables_get_what_langchain_gives_them(
    quick: World, effects: Effects, mode: Mode
) -> None:
    """E-03: ``when`` gets the tool call's request, ``description`` the call, the state and the runtime."""
    seen: list[Any] = []

    def when(request: Any) -> bool:
        seen.append((request.tool_call["args"], len(request.state["messages"]), request.runtime.tool_call_id))
        return True

    def describe(tool_call: Any, state: Any, runtime: Any) -> str:
        return f"pay {tool_call['args']['amount']}? {len(state['messages'])} {type(runtime).__name__}"

    rules = {"pay": {"allowed_decisions": ["approve"], "when": when, "description": describe}}
    agent = drop_in(quick, effects, script(ONE), mode, interrupt_on=rules)
    agent.invoke(asks(), on())

    (item,) = questions(agent)
    shown = item.value["action_requests"][0] if mode == "batched" else item.value
    assert (shown["name"], shown["args"], shown["description"]) == ("pay", {"amount": 7}, "pay 7? 2 Runtime")
    assert seen == [({"amount": 7}, 2, "call-1")]
    agent.invoke(answer(agent, APPROVE), on())
    assert (effects.done, len(seen)) == ([7], 1)
    assert quick.requests()[0].description == "pay 7? 2 Runtime"


@both_modes
def test_calls_that_share_an_id_are_told_apart(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §2.3: equal calls with one id – models do that – are two acts; each is asked about when it starts."""
    same = call("pay", "same", amount=7)
    agent = drop_in(quick, effects, script(says(same, same)), mode)
    agent.invoke(asks(), on())
    assert len(questions(agent)) == 2
    agent.invoke(answer(agent, APPROVE, REJECT), on())

    assert effects.done == [7]
    assert sorted(action.status for action in quick.actions()) == ["denied", "succeeded"]


@both_modes
def test_an_id_that_comes_again_in_a_later_turn(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §2.3: turn after turn with one call id: what was decided of the first speaks for none of the later ones."""
    model = script(ONE, ONE, says(call("look", "call-1", what="it")))
    agent = drop_in(quick, effects, model, mode, tools=(effects.look_tool(),))
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, edit(amount=1)), on())
    agent.invoke(answer(agent, APPROVE), on())

    assert effects.done == [1, 7, "look it"]
    assert str(told(agent)[-1].content) == "saw it"


@both_modes
def test_a_call_changed_after_it_was_shown_does_not_run(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §2.3: middleware behind ours that changes the arguments: what was shown is what runs, or nothing does."""
    agent = drop_in(quick, effects, script(ONE), mode, behind=(Doubles(),))
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, APPROVE), on())
    assert effects.done == []
