"""Processes that die around the effect. It is not repeated, and nobody is told a guess."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import DoesNotFit, Ungated
from hitl_middleware.gate import current_action

from tests.kit.dying import BODY, KILLED, in_process, step_and_die, world_at
from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
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


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize(("where", "status"), [("effect.before", "failed"), ("effect.after", "succeeded")])
def test_after_a_death_the_tool_itself_asks_the_outside_world(stage: Stage, where: str, status: str) -> None:
    """DESIGN §2.2: the run was parked while the dead owner might still have spoken; then ``reconcile`` looks, and nobody is bothered."""
    asked: list[object] = []

    def look(key: str) -> Literal["done", "failed"]:
        action = current_action()
        assert action is not None
        asked.append((key, action.idempotency_key, action.args))
        with pytest.raises(Ungated):
            pay.invoke({"amount": 7})
        return "done" if stage.done else "failed"

    pay = Effects().pay_tool(reconcile=look)
    stage.die(where)
    world = stage.world
    graph = world.agent([pay, Effects().look_tool()], script(says(call("pay", amount=7))))
    world.serve("a", graph)
    world.wait(LEASE + 1)
    world.step()
    assert (world.act().status, asked) == ("executing", []), "its owner may only be slow"
    world.wait(LEASE)
    world.step()

    key = world.act().idempotency_key
    assert asked == [(key, key, {"amount": 7})]
    assert (world.act().status, world.act().settled_by) == (status, "reconcile")
    assert [request.kind for request in world.requests()] == ["tool_call"], (
        "no person was asked what became of it"
    )
    (message,) = told(world.graphs._graphs["a"])
    assert message.response_metadata["hitl"] == {"settled_by": "reconcile", "idempotency_key": key}
    assert world.runs()[0].status == "succeeded"


@pytest.mark.databases("sqlite")
def test_after_a_death_a_tool_that_cannot_say_leaves_it_to_a_person(stage: Stage) -> None:
    """DESIGN §2.2: it is asked when its owner is known to be dead, and then people are; time alone asks nobody again."""
    asked: list[str] = []
    pay = Effects().pay_tool(reconcile=asked.append)
    stage.die("effect.after")
    world = stage.world
    world.serve("a", world.agent([pay, Effects().look_tool()], script(says(call("pay", amount=7)))))
    world.wait(LEASE + 1)
    world.step()
    assert asked == []
    world.wait(LEASE)
    world.step()
    assert world.only().kind == "outcome"
    assert set(asked) == {world.act().idempotency_key}
    looks = len(asked)
    world.wait(100 * LEASE)
    world.step()
    assert len(asked) == looks
    world.say(world.act(), "done")
    world.step()
    assert world.runs()[0].status == "succeeded"
