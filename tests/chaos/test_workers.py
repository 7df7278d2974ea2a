"""A front and its workers, each a process: who was paused acts no more, who is killed is followed, who is slow keeps what it holds."""

from __future__ import annotations

import datetime as dt
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.chaos.paydesk import POUNDS
from tests.chaos.stage import LEASE, STOP, Stage
from tests.kit.databases import BOTH, free_to_write
from tests.kit.lives import Life

pytestmark = [pytest.mark.chaos, pytest.mark.databases(*BOTH)]

TRIES = 8

TAKEN_OVER_WITHIN = 5.0
"""Seconds, with leases of one."""

FRONT = ("serve", "--port", "0", "--no-worker")
WORKER = ("worker",)

MakeStage = Callable[..., Stage]


def fronted(make_stage: MakeStage, **options: Any) -> Stage:
    """A stage whose server runs no graph."""
    stage = make_stage(in_slack=False, **options)
    stage.life = stage.start(words=FRONT)
    url = stage.life.line()
    assert url is not None, stage.life.told()
    stage.listen_to(url)
    return stage


def working(stage: Stage, failpoints: str = "") -> Life:
    """A worker that has begun."""
    worker = stage.start(failpoints, words=WORKER)
    assert worker.line(), worker.told()
    return worker


def until_stopped(stage: Stage, worker: Life) -> None:
    """Wait until it does nothing any more."""
    stage.until("it sleeps", lambda: worker.paused)


def stopped(stage: Stage, worker: Life) -> None:
    """Stop it from outside, where it holds nobody up."""
    for _ in range(200):
        os.kill(worker.pid, signal.SIGSTOP)
        until_stopped(stage, worker)
        if free_to_write(stage.database):
            return
        worker.carry_on()
        stage.tick()
    pytest.fail("it was always in the middle of writing")


def asleep(make_stage: MakeStage, point: str) -> tuple[Stage, Life, str]:
    """A worker that was stopped at ``point`` on its way to its act, and holds nobody up; its stage and its run."""
    for _ in range(TRIES):
        stage = fronted(make_stage)
        sleeper = working(stage, f"{point}{STOP}")
        run = stage.begin(5)
        stage.decide(stage.parked(run)[0])
        until_stopped(stage, sleeper)
        if free_to_write(stage.database):
            return stage, sleeper, run
        sleeper.kill()
    pytest.fail(f"{TRIES} times it was stopped in the middle of writing")


@pytest.mark.parametrize("point", ["claim.before", "effect.before"])
def test_a_worker_that_wakes_up_late_does_nothing(make_stage: MakeStage, point: str):
    """Rule 2, O-09: it sleeps before its act (SIGSTOP), another takes over and acts; woken (SIGCONT) it does nothing, and leaves."""
    stage, sleeper, run = asleep(make_stage, point)
    other = working(stage)
    if point == "effect.before":
        stage.settle(stage.in_doubt(run)["id"], "retry")
    ended = stage.ended(run)
    sleeper.carry_on()
    sleeper.leave()
    assert [(paid["amount"], paid["pid"]) for paid in stage.paid()] == [(5, other.pid)]
    assert stage.run(run) == ended
    other.leave()
    stage.check_at_the_end([])


def test_a_worker_that_is_killed_in_the_middle_of_a_resume_is_followed(make_stage: MakeStage):
    """Issue 5, O-09: killed between the resume and the act; another worker has acted within 5 s by the database's time; no act twice."""
    stage = fronted(make_stage)
    first = working(stage, "claim.before=kill")
    run = stage.begin(5)
    (request,) = stage.parked(run)
    second = working(stage)
    stopped(stage, second)  # so that it is the first that takes it up
    stage.decide(request)
    assert first.death() == -signal.SIGKILL
    second.carry_on()
    detail = stage.ended(run)
    assert (detail["status"], detail["actions"][0]["attempts"]) == ("succeeded", 1)
    assert [(paid["amount"], paid["pid"]) for paid in stage.paid()] == [(5, second.pid)]
    second.leave()
    resumed, *_, claimed = stage.events("run.resumed", "action.claimed")
    assert (resumed["kind"], claimed["kind"]) == ("run.resumed", "action.claimed")
    assert _seconds(resumed, claimed) <= TAKEN_OVER_WITHIN
    stage.check_at_the_end([])


def test_a_worker_whose_tools_block_keeps_what_it_holds(make_stage: MakeStage):
    """Rule 2: one tool blocks its thread and one the graph's loop for three leases; nobody else takes over, nothing is in doubt."""
    stage = fronted(make_stage, environ={"PAY_FOR": str(3 * LEASE)})
    workers = [working(stage), working(stage)]
    run = stage.begin(5, POUNDS)
    for request in stage.parked(run):
        stage.decide(request)
    detail = stage.ended(run)
    assert [(act["status"], act["attempts"]) for act in detail["actions"]] == [("succeeded", 1)] * 2
    assert sorted(paid["amount"] for paid in stage.paid()) == [5, POUNDS]
    for worker in workers:
        worker.leave()
    assert stage.events("action.unknown") == []
    stage.check_at_the_end([])


def _seconds(first: Any, then: Any) -> float:
    return (dt.datetime.fromisoformat(then["at"]) - dt.datetime.fromisoformat(first["at"])).total_seconds()
