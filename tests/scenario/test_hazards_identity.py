"""Which call is which: equal calls, repeated ids, loops, forks, subgraphs – and siblings that do not wait for each other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, asked, on, told

SAME = call("pay", "same-id", amount=7)


def _decide_all(world: World) -> int:
    """Approve question after question; how many there were."""
    count = 0
    while world.pending():
        for request in world.pending():
            world.decide(request)
            count += 1
        world.step()
    return count


@pytest.mark.parametrize("plain", [False, True], ids=["create_agent", "ToolNode"])
def test_answering_one_runs_that_one(world: World, effects: Effects, *, plain: bool) -> None:
    """S-07: several calls in one turn are one request each; deciding one runs it and leaves the others waiting."""
    turn = says(*(call("pay", f"k{n}", amount=n) for n in (1, 2, 3)))
    make = world.plain if plain else world.agent
    graph = make([effects.pay_tool()], script(turn))
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")
    by_amount = {request.args["amount"]: request for request in world.pending() if request.args}
    assert sorted(by_amount) == [1, 2, 3]

    world.decide(by_amount[2])
    world.step()
    assert effects.done == [2]
    assert {r.args["amount"] for r in world.pending() if r.args} == {1, 3}

    world.decide(by_amount[1], "reject")
    world.step()
    assert effects.done == [2]
    world.decide(by_amount[3])
    world.step()

    assert effects.done == [2, 3], "a rejected sibling does not stop an approved one"
    assert {m.tool_call_id: m.status for m in told(graph)} == {
        "k1": "error",
        "k2": "success",
        "k3": "success",
    }
    assert world.runs()[0].status == "succeeded"


def test_answers_that_arrive_together_are_resumed_together(world: World, effects: Effects) -> None:
    """DESIGN §6: one collected resume for all that is decided; each call runs once."""
    turn = says(*(call("pay", f"k{n}", amount=n) for n in range(8)))
    world.serve("a", world.agent([effects.pay_tool()], script(turn)))
    world.begin_run("a", asks())
    for request in world.pending():
        world.decide(request)
    world.step()

    assert sorted(effects.done) == list(range(8))
    assert [event.kind for event in world.trail()].count("run.resumed") == 1


def test_equal_calls_in_one_turn_are_two_actions(quick: World, effects: Effects) -> None:
    """DESIGN §2.3: the same tool with the same arguments and – models do that – the same id: two acts, each asked about."""
    quick.serve("a", quick.agent([effects.pay_tool()], script(says(SAME, SAME))))
    quick.begin_run("a", asks())
    first, second = quick.pending()
    assert first.digest != second.digest
    quick.decide(first)
    quick.decide(second, "reject")
    quick.step()

    assert effects.done == [7]
    assert sorted(action.status for action in quick.actions()) == ["denied", "succeeded"]


def test_an_id_that_is_repeated_in_a_loop_is_a_new_action(world: World, effects: Effects) -> None:
    """DESIGN §2.3: turn after turn with one call id: an earlier approval speaks for none of the later calls."""
    world.serve("a", world.agent([effects.pay_tool()], script(says(SAME), says(SAME), says(SAME))))
    world.begin_run("a", asks())
    world.decide(world.only())
    world.step()
    assert effects.done == [7]
    assert len(world.pending()) == 1

    assert _decide_all(world) == 2
    assert effects.done == [7, 7, 7]
    assert len({action.id for action in world.actions()}) == 3


@pytest.mark.parametrize("decision", ["approve", "reject"])
def test_a_fork_is_a_new_action(world: World, effects: Effects, decision: Any) -> None:
    """DESIGN §2.3: a thread forked from an older checkpoint asks again; what was decided on the other branch does not count."""
    graph = world.attach(world.agent([effects.pay_tool()], script(says(SAME))), "a")
    graph.invoke(asks(), on())
    world.decide(world.only(), decision)
    world.step()
    before = list(effects.done)
    parked = next(s for s in graph.get_state_history(on()) if s.next == ("tools",))
    fork = graph.update_state(parked.config, {"messages": []}, as_node="model")

    graph.invoke(None, fork)
    world.step()

    assert effects.done == before
    assert len(world.pending()) == 1
    assert len({action.id for action in world.actions()}) == 2
    world.decide(world.only())
    world.step()
    assert len(effects.done) == len(before) + 1


def test_the_same_checkpoint_again_is_the_same_action(world: World, effects: Effects) -> None:
    """DESIGN §2.2: replaying a thread from the very checkpoint at which an act was performed does not perform it again."""
    graph = world.attach(world.agent([effects.pay_tool()], script(says(SAME))), "a")
    graph.invoke(asks(), on())
    world.decide(world.only())
    world.step()
    parked = next(s for s in graph.get_state_history(on()) if s.next == ("tools",))
    graph.invoke(None, parked.config)
    world.step()
    for request in world.pending():
        world.decide(request, "reject")
    world.step()

    assert effects.done == [7]


def _nested(world: World, effects: Effects, *, twice: bool) -> Any:
    inner = world.agent([effects.pay_tool()], script(says(SAME)), checkpointer=None)

    def fresh(state: MessagesState) -> dict[str, list[BaseMessage]]:
        return {"messages": inner.invoke({"messages": state["messages"][:1]})["messages"][-1:]}

    builder = StateGraph(MessagesState)
    builder.add_node("one", fresh)
    builder.add_edge(START, "one")
    if twice:
        builder.add_node("two", fresh)
        builder.add_edge(START, "two")
    return builder.compile(checkpointer=world.checkpointer())


@pytest.mark.parametrize("attached", [False, True], ids=["ours", "attached"])
def test_agents_inside_a_graph(quick: World, effects: Effects, *, attached: bool) -> None:
    """DESIGN §6: agents as nodes of a graph, side by side and with equal calls: one request each, filed once, at the root."""
    graph = _nested(quick, effects, twice=True)
    if attached:
        quick.attach(graph, "a").invoke(asks(), on())
    else:
        quick.serve("a", graph)
        quick.begin_run("a", asks(), thread_id="t-1")
    one, two = quick.pending()
    quick.decide(one)
    quick.step()
    assert effects.done == [7]
    quick.decide(two, "reject")
    quick.step()

    assert effects.done == [7]
    assert len(quick.requests()) == 2
    assert quick.runs()[0].status == "succeeded"


async def test_ainvoke_as_invoke(world: World, effects: Effects) -> None:
    """DESIGN §1: the whole way with ``ainvoke`` and a caller that resumes by itself after the decision."""
    graph = world.attach(world.agent([effects.pay_tool()], script(says(SAME))), "a")
    await graph.ainvoke(asks(), on())
    request = await asyncio.to_thread(world.only)
    await world.submit(request.id, _approve(), identity="local:ann", via="test")
    await graph.ainvoke(Command(resume={request.interrupt_id: {"type": "approve"}}), on())

    assert effects.done == [7]
    assert [run.status for run in await asyncio.to_thread(world.runs)] == ["succeeded"]


def test_invoke_and_a_caller_that_resumes_by_itself(quick: World, effects: Effects) -> None:
    """DESIGN §1: the whole way with ``invoke``; our own advance finds nothing left to do."""
    graph = quick.attach(quick.agent([effects.pay_tool()], script(says(SAME))), "a")
    assert graph.invoke(asks(), on())["__interrupt__"]
    request = quick.only()
    quick.decide(request)
    graph.invoke(Command(resume={request.interrupt_id: {"type": "approve"}}), on())
    quick.step()

    assert effects.done == [7]
    assert [(run.status, run.driver) for run in quick.runs()] == [("succeeded", "caller")]


def test_none_writes_nothing(quick: World, effects: Effects) -> None:
    """S-06: a call its policy asks nobody about runs, and leaves no request, no action, no event but the run's own."""
    graph = quick.agent([effects.pay_tool(when=lambda c: c.args["amount"] > 50)], script(says(SAME)))
    quick.serve("a", graph)
    quick.begin_run("a", asks(), thread_id="t-1")

    assert effects.done == [7]
    assert effects.keys == [None]
    assert (quick.requests(), quick.actions()) == ([], [])
    assert {event.kind for event in quick.trail()} == {"run.started", "run.succeeded"}
    assert asked(graph) == []


def test_record_is_an_action_decided_by_the_policy(world: World, effects: Effects) -> None:
    """S-03: nobody is asked; the act is claimed, performed once, and audited as approved by the policy."""
    pay = effects.pay_tool(when=lambda _: False, otherwise="record")
    world.serve("a", world.agent([pay], script(says(SAME))))
    world.begin_run("a", asks())

    action = world.act()
    assert (effects.done, effects.keys) == ([7], [action.idempotency_key])
    assert (action.status, action.decided_by, action.attempts) == ("succeeded", "policy", 1)
    assert world.requests() == []
    assert next((e.kind, e.actor) for e in world.trail() if e.action_id) == ("action.approved", "policy")


def test_a_rule_that_fails_asks(quick: World, effects: Effects) -> None:
    """DESIGN §2.8: fail closed, and say so."""
    quick.serve("a", quick.agent([effects.pay_tool(when=lambda c: c.args["nope"] > 1)], script(says(SAME))))
    quick.begin_run("a", asks())

    assert effects.done == []
    assert "failed (KeyError), so a person is asked" in quick.only().plan.reason


def _approve() -> Any:
    from hitl_middleware.actions import Decision

    return Decision(type="approve")
