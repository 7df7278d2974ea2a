"""What the log says of a run's way through people: what was posted, with what it went on, what could not be delivered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import structlog
from structlog.typing import EventDict

from hitl_graphs.human_approval import graph

from tests.kit.effects import Effects
from tests.kit.issue_stage import workflow
from tests.kit.models import asks, call, says, script
from tests.kit.wall import DOWN, GONE, Wall
from tests.kit.world import ANN, World

LABELS = {"repository": "acme/shop", "issue": "12"}


@pytest.fixture
def wall() -> Wall:
    """One place."""
    return Wall()


@pytest.fixture
def posting(make_world: Callable[..., World], wall: Wall, effects: Effects) -> World:
    """A world with that channel, a workflow with a step, and an agent with a gated tool."""
    world = make_world(channels=[wall])
    world.serve("flow", graph)
    world.serve("pay", world.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
    return world


def lines(world: World, event: str, do: Callable[[], object]) -> list[EventDict]:
    """The lines of one event while something is done, and all that follows from it."""
    with structlog.testing.capture_logs() as logs:
        do()
        world.step()
    return [line for line in logs if line["event"] == event]


def facts(line: EventDict, *names: str) -> list[Any]:
    """What a line says under these names."""
    return [line[name] for name in names]


def test_posted_and_resumed(posting: World) -> None:
    """O-03: run, repository, issue, step, request and decision, in the line of the card and in that of the run that goes on."""
    begin = lambda: posting.begin_run("flow", {"topic": "bees"}, labels=LABELS)  # noqa: E731 – what is done
    (card,) = lines(posting, "review card published", begin)
    request = posting.only()
    where = [request.run_id, "acme/shop", "12", "review-text", request.id]
    names = ("run", "repository", "issue", "step", "request")
    assert facts(card, *names, "status", "posted") == [*where, "pending", True]
    assert "decision" not in card
    with structlog.testing.capture_logs() as logs:
        posting.decide(request, "feedback", message="shorter")
        posting.step()
    (resumed,) = [line for line in logs if line["event"] == "run resumed"]
    assert facts(resumed, *names, "decision", "by") == [*where, "feedback", ANN]
    changed = [line for line in logs if line["event"] == "review card published"]
    assert facts(changed[0], *names, "decision", "posted") == [*where, "feedback", False]
    assert not [line for line in logs if "shorter" in str(line)], "no bodies"


def test_a_call(posting: World) -> None:
    """O-03: the tool's name stands where a step's would."""
    posting.begin_run("pay", asks(), labels=LABELS)
    request = posting.only()
    (resumed,) = lines(posting, "run resumed", lambda: posting.decide(request))
    assert facts(resumed, "request", "tool", "decision") == [request.id, "pay", "approve"]
    assert "step" not in resumed


def test_labels_do_not_hide_what_the_log_says(posting: World) -> None:
    """A label may have any name: it takes nothing away from a line, and stops no run."""
    names = {
        "event": "x",
        "run": "x",
        "level": "x",
        "self": "x",
        "request": "x",
        "exc_info": "x",
        "mine": "y",
    }
    run = posting.begin_run("flow", {"topic": "bees"}, labels=names)
    (resumed,) = lines(posting, "run resumed", lambda: posting.decide(posting.only()))
    assert facts(resumed, "run", "mine") == [run.id, "y"]
    assert posting.run_now(run).status == "succeeded"


def test_deliveries_that_fail(posting: World, wall: Wall) -> None:
    """G-14: tried again, given up: both say which request in which place, and why."""
    wall.refuse = DOWN
    (failed,) = lines(posting, "delivery failed", lambda: posting.begin_run("flow", {"topic": "bees"}))
    assert facts(failed, "channel", "error", "attempt", "retry_in") == ["wall", "the wall is down", 1, 1.0]
    wall.refuse = GONE
    (gave_up,) = lines(posting, "delivery gave up", lambda: posting.wait(2))
    assert facts(gave_up, "request", "error") == [posting.only().id, "there is no such place"]
    assert "retry_in" not in gave_up
    tell = lambda: posting.portal.call(_tell, posting)  # noqa: E731 – what is done
    wall.refuse = DOWN
    (notice,) = lines(posting, "notice failed", tell)
    assert facts(notice, "channel", "key", "error") == ["wall", "k", "the wall is down"]
    wall.refuse = GONE
    (notice,) = lines(posting, "notice gave up", lambda: posting.wait(100))
    assert notice["error"] == "there is no such place"


async def _tell(world: World) -> None:
    await world.tell(key="k", channel="wall", address="hall", body={"text": "hi"})


def test_deadlines(make_world: Callable[..., World]) -> None:
    """O-03, P-03: what a deadline did, to which request of which run and issue; the reminder before it, too."""
    world = make_world()
    hour = timedelta(hours=1)
    world.serve("flow", workflow(expires_in=hour, on_expiry="reject", remind=[hour / 2]))
    world.begin_run("flow", {"title": "The cart"}, labels=LABELS)
    request = world.only()
    where = [request.run_id, "acme/shop", "12", "plan-review", request.id]
    names = ("run", "repository", "issue", "step", "request")
    for event, status in (("request reminded", "pending"), ("request expired", "expired")):
        (line,) = lines(world, event, lambda: world.wait(1_800))
        assert facts(line, *names, "status", "deadline") == [*where, status, "2026-01-01T13:00:00+00:00"]
