"""Forks that act: on a new thread, and of a thread in place (N-03)."""

from __future__ import annotations

from typing import Any

import pytest

from hitl_middleware.notebook import CannotFork, Debugger, OpenRun

from tests.kit.effects import Effects
from tests.kit.shop import ASKED, CARD, shop_model, shop_tools, suspended
from tests.kit.world import World, on


def opened(world: World, graph: Any, thread: str = "kettle") -> OpenRun:
    """A run of the graph ``shop``."""
    return Debugger(graph, name="shop", hitl=world)[thread]


def test_a_real_fork_asks_again_and_then_acts(quick: World, effects: Effects):
    """Rule 3, N-03: on a new thread of the shared database; the approval of the run that was forked is none for it."""
    graph = suspended(quick, effects)
    run = opened(quick, graph)
    run.decide("approve")
    quick.step()
    fork = opened(quick, graph).fork(at=3, dry_run=False)
    quick.step()
    fork.refresh()
    assert (fork.status, fork.thread_id.startswith("kettle~fork-")) == ("suspended", True)
    assert effects.done.count(("refund", "A-1001", 12_000, CARD)) == 1
    fork.decide("approve")
    quick.step()
    assert effects.done.count(("refund", "A-1001", 12_000, CARD)) == 2
    assert fork.refresh().status == "succeeded"
    assert "run.forked" in [event.kind for event in fork.audit()]


def test_a_fork_in_place_supersedes_what_is_asked_and_says_so(quick: World, effects: Effects):
    """N-03: a live thread goes on from an earlier step; its question is taken back with the reason, and asked anew there."""
    graph = suspended(quick, effects)
    run = opened(quick, graph)
    (old,) = run.facts.pending
    with pytest.raises(CannotFork, match="nothing can be a dry run"):
        run.fork(at=3, in_place=True)
    forked = run.fork(at=3, in_place=True, dry_run=False)
    assert f"Superseded: {old.code}" in repr(forked)
    quick.step()
    now = opened(quick, graph)
    gone, new = now.facts.requests
    assert (gone.id, gone.status) == (old.id, "superseded")
    assert "was forked by local:" in gone.notes[-1]
    assert "was superseded: The run was forked by" in repr(now)
    new = now.facts.pending[0]
    assert new.tool == "process_refund"
    now.decide("approve")
    quick.step()
    assert effects.done.count(("refund", "A-1001", 12_000, CARD)) == 1


def test_a_program_of_ones_own_goes_on_from_a_fork_in_place(quick: World, effects: Effects):
    """N-03: of an attached graph the fork says who has to run it; that run asks anew, and the old question stays superseded."""
    graph = quick.attach(quick.plain(shop_tools(effects), shop_model()), name="shop")
    graph.invoke(ASKED, on("kettle"))
    run = opened(quick, graph)
    forked = run.fork(at=3, in_place=True, dry_run=False)
    assert "Your own program drives it: run the graph on this thread with None as its input" in repr(forked)
    quick.step()
    graph.invoke(None, on("kettle"))
    now = opened(quick, graph)
    assert [request.status for request in now.facts.requests] == ["superseded", "pending"]
    now.decide("approve")
    quick.step()
    assert effects.done.count(("refund", "A-1001", 12_000, CARD)) == 1


def test_what_is_over_or_under_way_is_not_forked_in_place(quick: World, effects: Effects):
    """Bad input: what has ended stays as it was; what somebody drives just now is left alone."""
    graph = suspended(quick, effects)
    run = opened(quick, graph)

    async def held() -> None:
        async with quick.store.begin() as uow:
            await uow.acquire_lease(run.id, "another process", 60)

    quick.portal.call(held)
    with pytest.raises(CannotFork, match="another process drives it just now"):
        run.fork(in_place=True, dry_run=False)
    quick.wait(61)
    run.decide("reject", "No")
    quick.step()
    with pytest.raises(CannotFork, match="it has succeeded, and what is over stays as it was"):
        run.fork(at=0, in_place=True, dry_run=False)
