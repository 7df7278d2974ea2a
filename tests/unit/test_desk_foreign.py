"""The desk and interrupts that our gate did not raise: several questions in one, ids that come again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from hitl_middleware.records import PendingInterrupt, ReviewRequest, Run, Snapshot

from tests.kit.effects import Effects
from tests.kit.models import script
from tests.kit.world import World


def batched(*amounts: int) -> dict[str, Any]:
    """LangChain's batched form: a payment for each amount."""
    config = {"action_name": "pay", "allowed_decisions": ["approve", "reject"]}
    return {
        "action_requests": [{"name": "pay", "args": {"amount": amount}} for amount in amounts],
        "review_configs": [config for _ in amounts],
    }


class Stand:
    """A run that stands where the test says."""

    def __init__(self, world: World) -> None:
        world.start()
        world.serve("a", world.agent([Effects().pay_tool()], script()))
        self._world = world
        self.run: Run = world.portal.call(world.start_run, "a", {}, thread_id="t-1")
        self._snapshot = Snapshot(started=True, finished=False)

    def at(self, id: str, value: Any, *, complete: bool = True) -> Sequence[ReviewRequest]:  # noqa: A002 – LangGraph's word
        """Let it ask, and look; the requests that are new."""
        item = PendingInterrupt(id=id, value=value)
        self._snapshot = Snapshot(started=True, finished=False, interrupts=(item,))
        return self._world.portal.call(self._world.desk.open, self.run.id, self._snapshot, complete=complete)

    def answers(self) -> Mapping[str, Any]:
        """What it would be resumed with."""
        return self._world.portal.call(self._world.desk.answers, self.run, self._snapshot).values


@pytest.fixture
def stand(world: World) -> Stand:
    """A run that stands where the test says."""
    return Stand(world)


def test_nothing_is_resumed_before_all_is_answered(world: World, stand: Stand) -> None:
    """E-03: three action requests are three requests; one answered, two answered: no resume value; all three: one, in their order."""
    asked = stand.at("i", batched(1, 2, 3))
    assert [(r.position, r.tool, r.args, r.action_id) for r in asked] == [
        (0, "pay", {"amount": 1}, None),
        (1, "pay", {"amount": 2}, None),
        (2, "pay", {"amount": 3}, None),
    ]
    world.decide(asked[2], "reject", message="no")
    assert stand.answers() == {}
    world.decide(asked[0])
    assert stand.answers() == {}
    assert stand.at("i", batched(1, 2, 3)) == []
    world.decide(asked[1])
    assert stand.answers() == {
        "i": {"decisions": [{"type": "approve"}, {"type": "approve"}, {"type": "reject", "message": "no"}]}
    }


@pytest.mark.parametrize("complete", [True, False])
def test_an_id_that_comes_again_with_another_question(world: World, stand: Stand, complete: bool) -> None:
    """DESIGN §6: LangGraph re-uses ids. Other content is another question: the old one is taken back, its answers count for nothing."""
    first, second = stand.at("i", batched(1, 2))
    world.decide(first)
    again = stand.at("i", batched(1, 9), complete=complete)

    assert [(r.position, r.args) for r in again] == [(2, {"amount": 1}), (3, {"amount": 9})]
    assert [(r.id, r.status) for r in world.requests()[:2]] == [
        (first.id, "approved"),
        (second.id, "superseded"),
    ]
    world.decide(again[1])
    assert stand.answers() == {}, "the approval of 1 was given beside 2"
    world.decide(again[0])
    assert stand.answers() == {"i": {"decisions": [{"type": "approve"}, {"type": "approve"}]}}


def test_a_part_of_what_was_asked_is_another_question(world: World, stand: Stand) -> None:
    """DESIGN §6: the last of two calls, asked again alone under the same id, is not what was approved beside the other."""
    _, last = stand.at("i", batched(1, 2))
    world.decide(last)
    (again,) = stand.at("i", batched(2))
    assert stand.answers() == {}
    assert again.status == "pending"


def test_an_id_that_comes_again_with_the_same_question(world: World, stand: Stand) -> None:
    """DESIGN §6: after a crash the same is asked under the same id: it is not asked twice, and its answer counts."""
    (request,) = stand.at("i", "Which colour?")
    assert stand.at("i", "Which colour?") == []
    world.decide(request, "respond", message="blue")
    assert stand.at("i", "Which colour?") == []
    assert stand.answers() == {"i": "blue"}
    (other,) = stand.at("i", "Which size?")
    assert (stand.answers(), other.status) == ({}, "pending")
    assert stand.at("i", "Which colour?")[0].status == "pending", (
        "asked for the third time: what came between is not undone"
    )
