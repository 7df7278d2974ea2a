"""What the doctor finds in what is stored, and that it heals without deciding anything: each trouble made by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from hitl_middleware.diagnosis import Healer, Trouble, findings
from hitl_middleware.hitl import Graph
from hitl_middleware.records import PendingInterrupt, Run, Snapshot

from tests.kit import foreign
from tests.kit.databases import BOTH, everything_in
from tests.kit.doctoring import asking, found, heal, look_at_everything, only, rested
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import LEASE, World, on

pytestmark = pytest.mark.databases("memory")
on_both = pytest.mark.databases(*BOTH)
"""The rest is about what is judged, not about how it is stored."""


@pytest.fixture
def poll(world: World) -> Graph:
    """That graph, served as ``poll``."""
    graph = asking(world.checkpointer())
    world.serve("poll", graph)
    return graph


@on_both
def test_all_is_well(world: World, effects: Effects, poll: Graph) -> None:
    """Runs that wait for people, that are over, and one that somebody drives: nothing is found, and looking changes nothing."""
    world.serve("pay", world.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    world.begin_run("pay", asks())
    world.begin_run("poll", {})
    world.begin_run("pay", asks())
    world.decide(world.pending()[-1])
    world.step()
    rested(world, "held", lease_owner="x", lease_until=world.time.now().replace(year=2100))
    before = everything_in(str(world.settings.database_url))
    assert found(world) == []
    assert everything_in(str(world.settings.database_url)) == before


@on_both
def test_a_suspended_run_without_a_request(world: World, poll: Graph) -> None:
    """G-15: found, and filed by the doctor itself; nothing is resumed by that, and it is decided like any other."""
    poll.invoke({}, on())
    run = rested(world, "t-1")
    assert only(world) == ("request missing", [run.id])
    assert heal(world) == [run.id]
    assert world.only().title == "Which colour?"
    assert world.run_now(run).lease_until is None
    world.step()
    assert found(world) == []
    world.decide(world.only(), "respond", answer="red")
    world.step()
    assert poll.get_state(on()).values == {"colour": "red"}


def test_a_gated_call_without_a_request(world: World, effects: Effects) -> None:
    """G-15: the same for a call; it is performed once, after a person approved it, and not by the doctor."""
    graph = world.agent([effects.pay_tool()], script(says(call("pay", amount=7))))
    world.serve("poll", graph)
    graph.invoke(asks(), on())
    run = rested(world, "t-1")
    assert only(world) == ("request missing", [run.id])
    heal(world)
    world.step()
    assert (effects.done, world.only().args) == ([], {"amount": 7})
    assert found(world) == []
    world.decide(world.only())
    world.step()
    assert effects.done == [7]


@on_both
def test_a_request_whose_question_is_gone(world: World, poll: Graph) -> None:
    """Somebody resumed the thread past us: the old request is taken back, the new question is filed; nobody's answer is made up."""
    run = world.begin_run("poll", {})
    old = world.only()
    world.decide(old, "respond", answer="never counts")
    poll.invoke(Command(resume={old.interrupt_id: "red"}), on(run.thread_id))
    world.portal.call(look_at_everything, world)
    world.portal.call(_reopen, world, old.id)
    checks = {finding.check: list(finding.ids) for finding in found(world)}
    assert checks == {"request overtaken": [old.id], "request missing": [run.id]}
    assert sorted(heal(world)) == sorted([old.id, run.id])
    assert world.only().title == "Which size?"
    assert [r.status for r in world.requests()] == ["superseded", "pending"]
    assert found(world) == []


async def _reopen(world: World, request_id: str) -> None:
    """Have a request wait again, as if nobody had answered."""
    async with world.store.begin() as uow:
        request = await uow.request(request_id, lock=True)
        assert request is not None
        waits = replace(request, status="pending", decision=None, decided_by=None, decided_at=None)
        await uow.save_request(waits)


def test_a_request_of_a_run_that_is_over(world: World, poll: Graph) -> None:
    """Found among the requests that wait, without a look at any finished run; taken back, with the reason on its card."""
    run = world.begin_run("poll", {})
    request = world.only()

    async def end() -> None:
        async with world.store.begin() as uow:
            await uow.set_run(run.id, "failed", error="it broke")

    world.portal.call(end)
    assert only(world) == ("request overtaken", [request.id])
    assert heal(world) == [request.id]
    (after,) = world.requests()
    assert (after.status, after.notes) == ("superseded", ("The run moved on without this answer",))
    assert world.run_now(run).status == "failed"
    assert found(world) == []


def test_a_thread_of_another_program_is_not_judged(world: World, poll: Graph) -> None:
    """No checkpoint here does not mean that nobody asks: its requests stay, whatever is healed."""
    run = rested(world, "t-1", driver="caller", started_by="caller")
    world.portal.call(_file, world, run)
    request = world.only()
    assert only(world) == ("thread not here", [run.id])
    assert heal(world) == []
    assert world.only() == request


def test_what_is_not_here_any_more_is_not_taken_back(world: World, poll: Graph) -> None:
    """The thread was there when it was looked at, and is not when it is to be mended: nothing is concluded from that."""
    run = rested(world, "t-1", driver="caller", started_by="caller")
    world.portal.call(_file, world, run)
    request = world.only()
    (finding,) = findings([Trouble("request overtaken", request.id, "poll")])
    healer = Healer(world.store, world.desk, world.ledger, world.graphs, world.holdings, world.dispatcher)
    assert world.portal.call(healer.heal, finding) == ()
    assert world.only() == request
    assert world.run_now(run).lease_until is None


async def _file(world: World, run: Run) -> None:
    question = PendingInterrupt(id="i", value="Which colour?")
    await world.desk.open(run.id, Snapshot(started=True, finished=False, interrupts=(question,)))


def test_an_answer_that_was_not_taken(world: World, poll: Graph) -> None:
    """Decided, and every wake-up lost for good: the next sweep is made to look."""
    run = world.begin_run("poll", {})
    world.decide(world.only(), "respond", answer="red")
    world.portal.call(look_at_everything, world)
    assert only(world) == ("answer not taken", [run.id])
    assert heal(world) == [run.id]
    assert poll.get_state(on(run.thread_id)).values == {}, "nothing is resumed by the doctor"
    world.step()
    assert world.only().title == "Which size?"


def test_nobody_carries_on(world: World, poll: Graph) -> None:
    """Decided, and no server runs: not at once, but after some leases; only starting one helps, and on a restored copy a look before."""
    run = world.begin_run("poll", {})
    world.decide(world.only(), "respond", answer="red")
    assert found(world) == []
    world.wait(3 * LEASE + 1)
    assert only(world) == ("run left answered", [run.id])
    (told,) = found(world)
    assert "was answered" in told.says, "README tells whoever restored a copy to look for what was answered"
    assert "restored copy" in told.mend
    assert heal(world) == []


def test_a_run_whose_process_died(world: World, poll: Graph) -> None:
    """Running under a lease that ran out long ago; one that its own program drove is told apart."""
    gone: dict[str, Any] = {"status": "running", "lease_owner": "x", "lease_until": world.time.now()}
    ours = rested(world, "t-1", **gone)
    theirs = rested(world, "t-2", driver="caller", started_by="caller", **gone)
    assert found(world) == []
    world.wait(3 * LEASE + 1)
    checks = {finding.check: list(finding.ids) for finding in found(world)}
    assert checks == {"run left": [ours.id], "run left by its program": [theirs.id]}
    assert heal(world) == []


def test_a_run_that_has_ended(world: World, poll: Graph) -> None:
    """Its thread is at its end: the next sweep closes the record."""
    poll.invoke({}, on())
    poll.invoke(Command(resume="red"), on())
    poll.invoke(Command(resume="big"), on())
    run = rested(world, "t-1")
    assert only(world) == ("run over", [run.id])
    assert heal(world) == [run.id]
    world.step()
    assert (world.run_now(run).status, found(world)) == ("succeeded", [])


def test_a_thread_that_raises_for_ever(world: World, effects: Effects) -> None:
    """Wedged by an answer that is none: the next sweep takes the step anew, and people are asked again."""
    graph = foreign.langchain_agent(effects, 1, saver=world.checkpointer())
    world.serve("poll", graph)
    run = world.begin_run("poll", asks())
    old = world.only()
    with pytest.raises(KeyError):
        graph.invoke(Command(resume={"oops": 1}), on(run.thread_id))
    world.portal.call(look_at_everything, world)
    assert only(world) == ("run stuck", [run.id])
    assert heal(world) == [run.id]
    world.step()
    assert (world.only().args, world.only().id) == ({"amount": 1}, old.id)
    assert found(world) == []


class Broken(InMemorySaver):
    """A saver that cannot read one thread."""

    thread = ""

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        if config["configurable"]["thread_id"] == self.thread:
            msg = "no such channel"
            raise KeyError(msg)
        return await super().aget_tuple(config)


def test_a_thread_that_cannot_be_read(world: World) -> None:
    """Told with its error, and the rest is still looked at."""
    saver = Broken()
    world.graphs.add("poll", asking(saver))
    broken, fine = world.begin_run("poll", {}), world.begin_run("poll", {})
    saver.thread = broken.thread_id
    assert only(world) == ("thread unreadable", [broken.id])
    assert "KeyError: 'no such channel'" in found(world)[0].says
    assert world.run_now(fine).status == "suspended"


@pytest.mark.databases("sqlite")
def test_graphs_that_cannot_be_run_here(make_world: Callable[..., World], url: str) -> None:
    """Named with their runs; one that a program attached by itself is a note, and nothing is out of order for that."""
    world = make_world(url)
    world.serve("poll", asking(world.checkpointer()))
    run = world.begin_run("poll", {})
    theirs = rested(world, "t-2", started_by="caller")
    other = make_world(url)
    assert {(f.check, f.ids, f.note) for f in found(other)} == {
        ("graph unknown", (run.id,), False),
        ("graph elsewhere", (theirs.id,), True),
    }
    assert heal(other) == []
