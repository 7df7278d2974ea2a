"""The same answer, many times: at once, late, from two processes, by every way into the graph. One effect."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langgraph.types import Command

from hitl_middleware.errors import AlreadyDecided, HitlError
from hitl_middleware.hitl import Graph

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, asked, on, told

CROWD = 8


def _crowd(graph: Graph, given: Any, times: int = CROWD) -> list[Any]:
    """``given`` from many threads at the same moment; what each was answered or refused with."""
    together = threading.Barrier(times)

    def one(_: int) -> Any:
        together.wait(10)
        try:
            return graph.invoke(given, on())
        except HitlError as refusal:
            return refusal

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))


def _slow(effects: Effects) -> Callable[[], None]:
    """Hold the first effect until somebody else has had every chance to begin a second one."""
    second = threading.Event()

    def hold() -> None:
        if len(effects.done) > 1:
            second.set()
        second.wait(0.05)

    return hold


@pytest.mark.parametrize("plain", [False, True], ids=["create_agent", "ToolNode"])
def test_concurrent_resumes_of_the_raw_graph(world: World, effects: Effects, *, plain: bool) -> None:
    """DESIGN §6: N resumes at once run a tool N times on every saver; the claim lets one through."""
    pay = effects.pay_tool()
    effects.then = _slow(effects)
    make = world.plain if plain else world.agent
    graph = make([pay], script(says(call("pay", amount=7))))
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")
    world.decide(world.only())

    _crowd(graph, Command(resume={asked(graph)[0]: {"type": "approve"}}))
    world.step()

    assert effects.done == [7]
    assert (world.act().status, world.act().attempts) == ("succeeded", 1)


def test_concurrent_resumes_through_attach(world: World, effects: Effects) -> None:
    """DESIGN §6: callers of one attached thread take turns; one act, one run that asked for it."""
    pay = effects.pay_tool()
    effects.then = _slow(effects)
    graph = world.attach(world.agent([pay], script(says(call("pay", amount=7)))), "a")
    graph.invoke(asks(), on())
    request = world.only()
    world.decide(request)

    _crowd(graph, Command(resume={request.interrupt_id: {"type": "approve"}}), times=4)
    world.step()

    assert effects.done == [7]
    assert world.act().attempts == 1


def test_two_processes_advance_the_same_run(
    make_world: Callable[..., World], url: str, effects: Effects
) -> None:
    """S-10: two ``Hitl`` on one database look at the same decided run at the same moment: one resumes it, once."""
    pay = effects.pay_tool()
    effects.then = _slow(effects)
    both = [make_world(url), make_world(url)]
    for one in both:
        one.serve("a", one.agent([pay], script(says(call("pay", amount=7)))))
    run = both[0].begin_run("a", asks())
    both[1].decide(both[1].only())

    together = threading.Barrier(2)

    def advance(one: World) -> None:
        together.wait(10)
        one.advance_run(run.id)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(advance, both))
    for one in both:
        one.step()

    assert effects.done == [7]
    assert both[0].act().attempts == 1
    assert both[0].run_now(run).status == "succeeded"


def test_two_processes_resume_the_raw_graph(
    make_world: Callable[..., World], url: str, effects: Effects
) -> None:
    """DESIGN §6: the claim is in the database, so it also holds between processes that resume the same checkpoint."""
    pay = effects.pay_tool()
    effects.then = _slow(effects)
    both = [make_world(url), make_world(url)]
    graphs = [one.agent([pay], script(says(call("pay", amount=7)))) for one in both]
    both[0].serve("a", graphs[0])
    both[0].begin_run("a", asks(), thread_id="t-1")
    both[0].decide(both[0].only())
    answer: Command[Any] = Command(resume={asked(graphs[0])[0]: {"type": "approve"}})

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda graph: _crowd(graph, answer, times=3), graphs))

    assert effects.done == [7]
    assert both[0].act().attempts == 1


async def test_concurrent_async_resumes(world: World, effects: Effects) -> None:
    """DESIGN §6: as above, all on one event loop with ``ainvoke``."""
    pay = effects.pay_tool()
    graph = world.agent([pay], script(says(call("pay", amount=7))))
    world.serve("a", graph)
    await asyncio.to_thread(world.begin_run, "a", asks(), thread_id="t-1")
    request = await asyncio.to_thread(world.only)
    await asyncio.to_thread(world.decide, request)

    answer: Command[Any] = Command(resume={request.interrupt_id: {"type": "approve"}})
    await asyncio.gather(*(graph.ainvoke(answer, on()) for _ in range(CROWD)), return_exceptions=True)

    assert effects.done == [7]


def test_a_late_resume_by_id_answers_nothing(world: World, effects: Effects) -> None:
    """DESIGN §6: an answer that arrives again after the next question was asked does not answer that one."""
    pay = effects.pay_tool()
    graph = world.agent([pay], script(says(call("pay", amount=1)), says(call("pay", amount=2))))
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")
    first = world.only()
    world.decide(first)
    world.step()
    assert effects.done == [1]

    graph.invoke(Command(resume={first.interrupt_id: {"type": "approve"}}), on())
    world.step()

    assert effects.done == [1]
    assert world.only().args == {"amount": 2}


@pytest.mark.parametrize("answer", [True, {"type": "approve"}, "yes"])
def test_a_late_bare_value_answers_nothing(world: World, effects: Effects, answer: Any) -> None:
    """DESIGN §6: a bare value delivered twice reaches the next question; the gate asks the ledger, not the value (rule 1)."""
    pay = effects.pay_tool()
    graph = world.agent([pay], script(says(call("pay", amount=1)), says(call("pay", amount=2))))
    world.serve("a", graph)
    world.begin_run("a", asks(), thread_id="t-1")
    world.decide(world.only())
    world.step()

    graph.invoke(Command(resume=answer), on())
    graph.invoke(Command(resume=answer), on())
    world.step()

    assert effects.done == [1]
    second = world.only()
    assert second.args == {"amount": 2}
    world.decide(second)
    world.step()
    assert effects.done == [1, 2], "the question that was answered by mistake can still be decided"


def test_a_resume_before_any_decision_does_nothing(world: World, effects: Effects) -> None:
    """DESIGN §2.1: a value that says "approve" is a hint; the store says that nobody has decided."""
    pay = effects.pay_tool()
    graph = world.attach(world.agent([pay], script(says(call("pay", amount=7)))), "a")
    graph.invoke(asks(), on())
    before = world.only()

    graph.invoke(Command(resume={before.interrupt_id: {"type": "approve"}}), on())
    world.step()

    assert effects.done == []
    assert world.only().id == before.id, "the question is asked again: the same request, bound to its new id"
    assert world.only().interrupt_id != before.interrupt_id
    world.decide(world.only())
    world.step()
    assert effects.done == [7]


def test_a_second_answer_is_told_who_was_first(world: World, effects: Effects) -> None:
    """S-10: one decision; the loser is told who decided and when, and nothing changes."""
    pay = effects.pay_tool()
    world.serve("a", world.agent([pay], script(says(call("pay", amount=7)))))
    world.begin_run("a", asks(), thread_id="t-1")
    request = world.only()
    world.decide(request, "reject", by="local:bob")

    with pytest.raises(AlreadyDecided, match="rejected by local:bob at 2026-01-01 12:00:00 UTC"):
        world.decide(request, "approve")
    world.step()

    assert effects.done == []
    assert world.act().status == "denied"
    (message,) = told(world.graphs._graphs["a"])
    assert message.status == "error"
    assert "rejected by local:bob" in str(message.content)


def test_a_crowd_of_answers_is_one_decision(world: World, effects: Effects) -> None:
    """S-10: many people at once, some approving and some rejecting: exactly one answer counts and the rest are told."""
    pay = effects.pay_tool()
    world.serve("a", world.agent([pay], script(says(call("pay", amount=7)))))
    world.begin_run("a", asks())
    request = world.only()

    def answer(number: int) -> str:
        try:
            world.decide(request, "approve" if number % 2 else "reject", by=f"local:p{number}")
        except AlreadyDecided:
            return "told"
        return "counted"

    with ThreadPoolExecutor(CROWD) as pool:
        answers = list(pool.map(answer, range(40)))
    world.step()

    assert sorted(answers) == ["counted", *["told"] * 39]
    (decided,) = world.requests()
    assert effects.done == ([7] if decided.status == "approved" else [])
