"""Processes that die around the effect. It is not repeated, and nobody is told a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import DoesNotFit

from tests.kit.dying import BODY, KILLED, in_process, step_and_die, world_at
from tests.kit.models import asks
from tests.kit.world import LEASE, World, told


@dataclass
class Stage:
    """A run whose one call was approved, on a database on which the next process may die."""

    world: World
    url: str
    book: Path

    def die(self, where: str) -> None:
        """Let another process carry the run on until it is killed."""
        assert in_process(step_and_die, self.url, self.world.time.now(), str(self.book), where) == KILLED

    @property
    def done(self) -> list[str]:
        """What was really done, by all processes."""
        return self.book.read_text().splitlines() if self.book.exists() else []


@pytest.fixture
def stage(url: str, clock: ManualClock, tmp_path: Path) -> Iterator[Stage]:
    """Parked and approved; nothing has been resumed yet."""
    book = tmp_path / "done"
    world, _ = world_at(url, clock.now(), str(book))
    world.begin_run("a", asks(), thread_id="t-1")
    world.decide(world.only())
    yield Stage(world, url, book)
    world.stop()


@pytest.mark.parametrize(
    ("where", "done"),
    [
        ("claim.after", []),
        ("effect.before", []),
        (BODY, ["7"]),
        ("effect.after", ["7"]),
        ("settle.before", ["7"]),
    ],
)
def test_an_act_whose_process_died_is_unknown_and_not_repeated(
    stage: Stage, where: str, done: list[str]
) -> None:
    """DESIGN §2.2: killed between claim and settlement; after two leases of database time the action is unknown, the run asks."""
    stage.die(where)
    world = stage.world
    world.wait(LEASE + 1)
    world.step()
    assert world.act().status == "executing", "one lease of grace: its owner may only be slow"
    assert world.pending() == []

    world.wait(LEASE)
    world.step()

    assert world.act().status == "unknown"
    assert world.only().kind == "outcome"
    assert world.runs()[0].status == "suspended"
    world.wait(100 * LEASE)
    world.step()
    assert stage.done == done, "whatever happened happened once, and nobody tried again"


def _unknown(stage: Stage) -> World:
    stage.die("effect.after")
    stage.world.wait(2 * LEASE + 1)
    stage.world.step()
    return stage.world


@pytest.mark.parametrize(
    ("what", "status", "said", "effects"),
    [
        ("done", "succeeded", "success", 1),
        ("failed", "failed", "error", 1),
        ("retry", "succeeded", "success", 2),
    ],
)
def test_a_person_settles_what_became_of_it(
    stage: Stage, what: Literal["done", "failed", "retry"], status: str, said: str, effects: int
) -> None:
    """DESIGN §3: done, failed and retry each end right; only an explicit retry acts again."""
    world = _unknown(stage)
    question = world.only()
    world.say(world.act(), what, message="I looked")
    world.step()

    assert world.act().status == status
    assert len(stage.done) == effects
    assert world.runs()[0].status == "succeeded"
    (message,) = told(world.graphs._graphs["a"])
    assert message.status == said
    answered = next(r for r in world.requests() if r.id == question.id)
    assert (answered.status, answered.decided_by) == ("answered", "local:ann")
    with pytest.raises(DoesNotFit, match="only an unknown outcome can be settled"):
        world.say(world.act(), "done")


def test_an_outcome_is_not_decided_like_a_request(stage: Stage) -> None:
    """DESIGN §3: approving a question of kind ``outcome`` does not fit; it names the way that does."""
    world = _unknown(stage)
    with pytest.raises(DoesNotFit, match=f"actions/{world.act().id}/outcome"):
        world.decide(world.only(), "approve")

    assert world.act().status == "unknown"
    assert len(world.pending()) == 1


def test_a_crash_between_settlement_and_checkpoint_replays_the_answer(stage: Stage) -> None:
    """DESIGN §6: every recovery path re-runs the tool's task; the ledger gives it the answer that is stored."""
    stage.die("settle.after")
    world = stage.world
    assert world.act().status == "succeeded"
    world.wait(LEASE + 1)
    world.step()

    assert stage.done == ["7"]
    assert world.act().attempts == 1
    assert world.runs()[0].status == "succeeded"
    assert [message.content for message in told(world.graphs._graphs["a"])] == ["paid 7"]


@pytest.mark.parametrize("where", ["lease.after", "resume.before", "claim.before"])
def test_a_crash_before_the_claim_loses_nothing(stage: Stage, where: str) -> None:
    """DESIGN §1: killed with the decision stored and nothing claimed; the next sweep carries it out, once."""
    stage.die(where)
    assert stage.done == []
    stage.world.wait(LEASE + 1)
    stage.world.step()

    assert stage.done == ["7"]
    assert stage.world.runs()[0].status == "succeeded"
