"""LangChain's class by a changed import, where things happen twice or break off: resumes at once, late ones, forks, crashes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from hitl_middleware import failpoints
from hitl_middleware.errors import HitlError

from tests.kit.drop_in import APPROVE, REJECT, Mode, answer, drop_in, questions
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import LEASE, World, on, told

ONE = says(call("pay", amount=7))

both_modes = pytest.mark.parametrize("mode", ["batched", "per_call"])


def _at_once(times: int, do: Callable[[], Any]) -> None:
    together = threading.Barrier(times)

    def one(_: int) -> None:
        together.wait(10)
        with suppress(HitlError):
            do()

    with ThreadPoolExecutor(times) as pool:
        list(pool.map(one, range(times)))


@both_modes
def test_concurrent_resumes_are_one_act(world: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §6: N resumes at once run a tool N times on every saver. Here one answer is entered and one claim is taken."""
    held = threading.Event()

    def hold() -> None:
        held.wait(0.1)  # so that the others meet an act under way

    effects.then = hold
    agent = drop_in(world, effects, script(ONE), mode)
    agent.invoke(asks(), on())
    resume = answer(agent, APPROVE)

    _at_once(4, lambda: agent.invoke(resume, on()))

    assert effects.done == [7]
    assert (world.act().status, world.act().attempts) == ("succeeded", 1)
    assert (len(world.requests()), len(world.runs())) == (1, 1)


@both_modes
def test_answers_that_contradict_each_other_are_one_decision(
    world: World, effects: Effects, mode: Mode
) -> None:
    """DESIGN §2.1: an approval and a rejection at once: whichever is stored first is what both runs of the thread go by."""
    agent = drop_in(world, effects, script(ONE), mode)
    agent.invoke(asks(), on())
    resumes = [answer(agent, APPROVE), answer(agent, REJECT)]
    turns = iter(resumes)

    _at_once(2, lambda: agent.invoke(next(turns), on()))

    (request,) = world.requests()
    assert effects.done == ([7] if request.status == "approved" else [])
    assert world.act().status == ("succeeded" if request.status == "approved" else "denied")


@both_modes
def test_a_late_duplicate_is_no_second_act(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §6: the same resume again, while the next question is open and when all is over, performs nothing and answers nothing."""
    agent = drop_in(quick, effects, script(ONE, says(call("pay", "call-2", amount=8))), mode)
    agent.invoke(asks(), on())
    first = answer(agent, APPROVE)
    agent.invoke(first, on())
    assert effects.done == [7]

    agent.invoke(first, on())
    assert effects.done == [7]
    agent.invoke(answer(agent, APPROVE), on())
    agent.invoke(first, on())
    assert effects.done == [7, 8]


def test_what_was_approved_for_a_turn_is_approved_once(quick: World, effects: Effects) -> None:
    """DESIGN §2.2: batched, replayed from behind the decision: the approval is spent, the call tells its answer again."""
    agent = drop_in(quick, effects, script(ONE), "batched")
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, APPROVE), on())
    behind = next(s for s in agent.get_state_history(on()) if s.next == ("tools",))
    agent.invoke(None, behind.config)

    assert effects.done == [7]
    assert [message.content for message in told(agent)] == ["paid 7"]


def test_a_call_that_is_replayed_is_asked_about(quick: World, effects: Effects) -> None:
    """DESIGN §2.3: per-call, LangGraph replays on a branch of its own: a new action, asked about and not performed unasked."""
    agent = drop_in(quick, effects, script(ONE), "per_call")
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, APPROVE), on())
    before = next(s for s in agent.get_state_history(on()) if s.next == ("tools",))
    agent.invoke(None, before.config)
    agent.invoke(answer(agent, REJECT), on())

    assert effects.done == [7]


@both_modes
def test_a_fork_is_a_new_action(quick: World, effects: Effects, mode: Mode) -> None:
    """DESIGN §2.3: a thread forked from before the question asks again; the other branch's answer does not count."""
    agent = drop_in(quick, effects, script(ONE), mode)
    agent.invoke(asks(), on())
    agent.invoke(answer(agent, APPROVE), on())
    made = [s for s in agent.get_state_history(on()) if s.next and s.tasks[0].interrupts]
    fork = agent.update_state(made[0].config, {"messages": []}, as_node="model")

    agent.invoke(None, fork)

    assert effects.done == [7]
    agent.invoke(answer(agent, REJECT), on())
    assert effects.done == [7]
    assert [action.status for action in quick.actions()] == ["succeeded", "denied"]


def _die(monkeypatch: pytest.MonkeyPatch, where: str, do: Callable[[], Any]) -> None:
    with monkeypatch.context() as there:
        there.setattr(failpoints, "_PLAN", failpoints._parse(f"{where}=raise"))
        there.setattr(failpoints, "_HITS", type(failpoints._HITS)())
        with pytest.raises(failpoints.FailpointReached):
            do()


@both_modes
def test_a_crash_after_the_effect_is_unknown(
    world: World, effects: Effects, mode: Mode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN §2.2: the process dies after the act, before it is written down: nobody repeats it, and a person says what happened."""
    agent = drop_in(world, effects, script(ONE), mode)
    agent.invoke(asks(), on())
    _die(monkeypatch, "settle.before", lambda: agent.invoke(answer(agent, APPROVE), on()))
    world.wait(2 * LEASE + 1)
    world.step()
    assert (effects.done, world.act().status) == ([7], "unknown")

    agent.invoke(None, on())
    for _ in range(3):  # whatever is answered, the store says that nobody knows
        agent.invoke(Command(resume={item.id: APPROVE for item in questions(agent)}), on())
    assert effects.done == [7]
    assert questions(agent)[0].value["type"] == "tool_outcome"

    world.say(world.act(), "done", message="I looked: it was paid")
    agent.invoke(Command(resume={item.id: APPROVE for item in questions(agent)}), on())
    assert effects.done == [7]
    assert [message.status for message in told(agent)] == ["success"]


@both_modes
@pytest.mark.parametrize("where", ["adopt.before", "adopt.after", "claim.before", "settle.after"])
def test_a_crash_elsewhere_loses_nothing(
    quick: World, effects: Effects, mode: Mode, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DESIGN §1: the answer is given once; wherever the process dies, the next one carries it out once."""
    saver = InMemorySaver()
    agent = drop_in(quick, effects, script(ONE), mode, saver=saver)
    agent.invoke(asks(), on())
    resume = answer(agent, APPROVE)
    _die(monkeypatch, where, lambda: agent.invoke(resume, on()))

    agent = drop_in(quick, effects, script(ONE), mode, saver=saver)
    agent.invoke(None, on())
    if questions(agent):
        agent.invoke(answer(agent, APPROVE), on())

    assert effects.done == [7]
    assert [message.content for message in told(agent)] == ["paid 7"]
    assert (quick.act().attempts, len(quick.requests())) == (1, 1)
