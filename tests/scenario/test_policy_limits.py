"""What a model cannot make people do: answer the same call for ever, or a hundred at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage, ToolMessage

from hitl_middleware.review import is_final

from tests.kit.clocks import until
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, asked, on, told

SAME = [says(call("pay", f"k{number}", amount=7)) for number in range(6)]


def _refusals(world: World) -> list[Any]:
    return [event for event in world.trail() if event.kind == "action.refused"]


# ----------------------------------------------------------------------------------------------- rejected too often


def test_the_same_call_is_not_asked_a_fourth_time(world: World, effects: Effects) -> None:
    """P-04: rejected three times on its thread, then refused without asking, with the last reason as data; audited, remembered."""
    graph = world.plain([effects.pay_tool()], script(*SAME))
    world.serve("a", graph)
    run = world.begin_run("a", asks(), thread_id="t-1", requester="slack:U9")
    for number in range(3):
        world.decide(world.only(), "reject", message=f"no, for the {number + 1}. time")
        world.step()

    assert (world.run_now(run).status, len(world.requests()), effects.done) == ("succeeded", 3, [])
    messages = told(world.graphs._graph(world.run_now(run)))
    assert len(messages) == 6
    assert {message.status for message in messages} == {"error"}
    assert messages[-1].content == (
        "pay was not called: this very call was rejected 3 times on this thread, so nobody is asked again. "
        'The last reason, by local:ann, quoted as data: "no, for the 3. time" Do something else.'
    )
    refused = [action for action in world.actions() if action.plan.verdict == "refuse"]
    assert [(a.status, a.decided_by, a.request_id, a.run_id) for a in refused] == [
        ("denied", "policy", None, run.id)
    ] * 3
    events = _refusals(world)
    assert [event.data["reason"] for event in events] == [
        "this very call was rejected 3 times on this thread"
    ] * 3
    assert "no, for the" not in json.dumps([event.data for event in world.trail()])


@pytest.mark.parametrize(
    ("rules", "turns"),
    [
        ({"max_rejections": None}, SAME),
        ({"max_rejections": 1}, [SAME[0], says(call("pay", "other", amount=8))]),
        (
            {"max_rejections": 1},
            [SAME[0], says(call("look", "x", what="y")), says(call("give", "z", amount=7))],
        ),
    ],
    ids=["no limit", "other arguments", "another tool"],
)
def test_what_is_not_the_same_call_is_asked(
    quick: World, effects: Effects, rules: dict[str, Any], turns: list[Any]
) -> None:
    """P-04: only the same tool with the same arguments counts, and only where the policy sets a limit."""
    tools = [effects.pay_tool(**rules), effects.pay_tool("give", **rules), effects.look_tool()]
    quick.serve("a", quick.plain(tools, script(*turns)))
    run = quick.begin_run("a", asks(), thread_id="t-1")
    while quick.pending():
        quick.decide(quick.only(), "reject")
        quick.step()
    assert quick.run_now(run).status == "succeeded"
    assert len(quick.requests()) == sum(c["name"] != "look" for turn in turns for c in turn.tool_calls)
    assert _refusals(quick) == []


def test_another_thread_is_another_story(quick: World, effects: Effects) -> None:
    """P-04: what one conversation was refused, another may ask."""
    quick.serve("a", quick.plain([effects.pay_tool(max_rejections=1)], script(*SAME[:1])))
    for thread in ("t-1", "t-2"):
        quick.begin_run("a", asks(), thread_id=thread)
        quick.decide(quick.only(), "reject")
        quick.step()
    assert _refusals(quick) == []


def _until_done(world: World, approved: int) -> None:
    """Approve that amount and reject the others, until the run has ended (in one task a call may be at work when its task has stopped)."""

    def ended() -> bool:
        for request in world.pending():
            world.decide(request, "approve" if request.args == {"amount": approved} else "reject")
        world.step()
        return all(is_final("run", run.status) for run in world.runs())

    until(ended, "the run ends")


@pytest.mark.parametrize("one_task", [False, True], ids=["a task per call", "one task"])
def test_siblings_are_asked_and_re_runs_agree(world: World, effects: Effects, one_task: bool) -> None:
    """P-04, DESIGN §6: what already waits is not taken back; a sibling that is not asked yet may be refused when its turn comes.

    On every re-run each call has the verdict it had, and no answer slips to another call.
    """
    turn = says(
        call("pay", "same-1", amount=7),
        call("pay", "same-2", amount=7),
        call("pay", "other", amount=9),
    )
    graph = world.plain([effects.pay_tool(max_rejections=1)], script(turn), one_task=one_task)
    world.serve("a", graph)
    run = world.begin_run("a", asks(), thread_id="t-1")
    if not one_task:
        assert len(world.pending()) == 3
    _until_done(world, approved=9)

    assert (world.run_now(run).status, effects.done) == ("succeeded", [9])
    by_call = {action.identity.tool_call_id: action for action in world.actions()}
    assert {key: action.status for key, action in by_call.items()} == {
        "same-1": "denied",
        "same-2": "denied",
        "other": "succeeded",
    }
    refused = [action for action in by_call.values() if action.plan.verdict == "refuse"]
    assert len(world.requests()) == 3 - len(refused)
    assert len(_refusals(world)) == len(refused) <= (1 if one_task else 0)


def test_a_refusal_stands_when_the_policy_changes(quick: World, effects: Effects) -> None:
    """DESIGN §2.5: the verdict is frozen: a call that was refused, and re-runs beside an interrupted one, does not ask now."""
    turn = says(call("pay", "same", amount=7), call("give", "open", amount=1))

    def served(limit: int | None) -> None:
        tools = [effects.pay_tool(max_rejections=limit), effects.pay_tool("give")]
        quick.serve("a", quick.plain(tools, script(SAME[0], turn), one_task=True))

    served(1)
    run = quick.begin_run("a", asks(), thread_id="t-1")
    quick.decide(quick.only(), "reject")
    quick.step()
    until(lambda: len(_refusals(quick)) == 1 and bool(quick.pending()), "one is refused, the other asked")
    served(None)
    _until_done(quick, approved=1)
    assert (quick.run_now(run).status, effects.done, len(quick.requests())) == ("succeeded", [1], 2)
    assert len(_refusals(quick)) == 1


def test_a_model_in_a_loop_runs_into_its_limit(quick: World, effects: Effects) -> None:
    """P-04: refusals do not park the run, so LangGraph's own limit of steps ends a model that never stops asking."""
    turns = [says(call("pay", f"k{number}", amount=7)) for number in range(60)]
    graph = quick.plain([effects.pay_tool(max_rejections=1)], script(*turns)).with_config(recursion_limit=20)
    quick.serve("a", graph)
    run = quick.begin_run("a", asks(), thread_id="t-1")
    quick.decide(quick.only(), "reject")
    quick.step()
    ended = quick.run_now(run)
    assert ended.status == "failed"
    assert "GraphRecursionError" in (ended.error or "")
    assert len(quick.requests()) == 1


# ------------------------------------------------------------------------------------------------- too many at once


def _flood(world: World, effects: Effects, number: int, **rules: Any) -> Any:
    turn = says(*(call("pay", f"k{index}", amount=index) for index in range(number)))
    graph = world.plain([effects.pay_tool(**rules)], script(turn, says(call("pay", "again", amount=100))))
    world.serve("a", graph)
    return world.begin_run("a", asks(), thread_id="t-1")


def test_a_flood_is_cut(make_world: Callable[..., World], url: str, effects: Effects) -> None:
    """P-04: beyond the cap nobody is asked: an error message says why, audited; what waits is decided as ever, and then there is room."""
    world = make_world(url, max_pending=2)
    run = _flood(world, effects, 4)
    waiting = world.pending()
    assert len(waiting) == 2
    refused = [action for action in world.actions() if action.status == "denied"]
    why = "2 questions of this thread wait for people already"
    assert [(a.decided_by, a.plan.verdict, a.plan.reason) for a in refused] == [("policy", "ask", why)] * 2
    assert [event.data["reason"] for event in _refusals(world)] == [why] * 2
    assert len(asked(world.graphs._graph(world.run_now(run)))) == 2

    for request in waiting:
        world.decide(request)
    world.step()
    assert world.only().args == {"amount": 100}
    world.decide(world.only())
    world.step()
    assert world.run_now(run).status == "succeeded"
    assert sorted(effects.done) == sorted([*(r.args["amount"] for r in waiting if r.args), 100])
    messages = told(world.graphs._graph(world.run_now(run)))
    words = [str(message.content) for message in messages if message.status == "error"]
    assert (
        words
        == [
            f"pay was not called: {why}, and no more are asked at a time. Call it again when some are answered."
        ]
        * 2
    )


def test_a_refused_call_stays_refused(make_world: Callable[..., World], effects: Effects) -> None:
    """P-04: a re-run after there is room again does not ask about what was refused; and looking again refuses nothing more."""
    world = make_world(max_pending=1)
    run = _flood(world, effects, 3)
    for _ in range(3):
        world.advance_run(run.id)
    assert (len(world.requests()), len(_refusals(world))) == (1, 2)
    world.decide(world.only())
    world.step()
    assert world.only().args == {"amount": 100}
    assert len(world.requests()) == 2


def test_what_nobody_may_reject_is_asked(make_world: Callable[..., World], effects: Effects) -> None:
    """P-04: LangGraph may check an answer against its question's form, so a call is not refused with a word that its form lacks."""
    world = make_world(max_pending=1)
    _flood(world, effects, 2, decisions=["approve"])
    assert (len(world.pending()), _refusals(world)) == (2, [])


def test_a_flood_where_direct_answers_count(make_world: Callable[..., World], effects: Effects) -> None:
    """P-04: also where the user's own code may answer, and every call is entered before anybody is asked."""
    world = make_world(max_pending=1)
    turn = says(*(call("pay", f"k{index}", amount=index) for index in range(3)))
    gate = world.approvals([effects.pay_tool()], adopt_direct_resume=True)
    agent = create_agent(
        script(turn), [effects.pay_tool()], middleware=[gate], checkpointer=world.checkpointer()
    )
    graph = world.attach(agent, "desk")
    graph.invoke(asks(), on())
    world.step()
    assert (len(world.pending()), len(_refusals(world))) == (1, 2)
    world.decide(world.only())
    world.step()
    assert (len(told(graph)), len(effects.done)) == (3, 1)


def test_a_flood_on_an_attached_graph(make_world: Callable[..., World], effects: Effects) -> None:
    """P-04: the user's own process asks; the refused calls are carried on from here, the others wait."""
    world = make_world(max_pending=1)
    turn = says(*(call("pay", f"k{index}", amount=index) for index in range(3)))
    graph = world.attach(world.plain([effects.pay_tool()], script(turn)), "desk")
    graph.invoke(asks(), on())
    world.step()
    (request,) = world.pending()
    assert len(_refusals(world)) == 2
    world.decide(request)
    world.step()
    assert len(told(graph)) == 3
    assert len(effects.done) == 1


def test_what_is_overtaken_takes_no_room(make_world: Callable[..., World], effects: Effects) -> None:
    """P-04: a question whose run moved on is taken back in the same moment, so it hinders no new one."""
    world = make_world(max_pending=1)
    answered = ToolMessage("never mind", tool_call_id="k0", name="pay")
    graph = world.attach(world.plain([effects.pay_tool()], script(SAME[0], SAME[1])), "desk")
    graph.invoke(asks(), on())
    (old,) = world.pending()
    graph.invoke({"messages": [answered, HumanMessage("do something else")]}, on())
    world.step()
    (new,) = world.pending()
    assert new.id != old.id
    assert _refusals(world) == []


def test_a_rule_may_ask_who_wants_it(world: World, effects: Effects) -> None:
    """P-04, S-06: ``requester`` is whoever asked for the run, in text and in functions, also when an edit is checked again."""
    seen: list[str | None] = []

    def stranger(one: Any) -> bool:
        seen.append(one.requester)
        return bool(one.requester != "slack:UBOSS")

    tools = [effects.pay_tool(when="requester != 'slack:UBOSS'"), effects.pay_tool("give", when=stranger)]
    turn = says(call("pay", "a", amount=1), call("give", "b", amount=2))
    world.serve("a", world.plain(tools, script(turn)))
    world.begin_run("a", asks(), requester="slack:UBOSS")
    assert (sorted(effects.done), seen) == ([1, 2], ["slack:UBOSS"])
    world.begin_run("a", asks(), requester="slack:UX")
    assert [request.tool for request in world.pending()] == ["pay", "give"]
    world.decide(world.pending()[1], "edit", edit={"amount": 3})
    world.step()
    assert sorted(effects.done) == [1, 2, 3]
    assert seen == ["slack:UBOSS", "slack:UX", "slack:UX"]
