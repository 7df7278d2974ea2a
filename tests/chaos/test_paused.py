"""SIGSTOP, take-over by a second process, SIGCONT: the one that slept does nothing any more.

A frozen process may hold SQLite's one write lock, and then nobody can take over until it wakes. That is safe and not what is tested
here: such a try is thrown away and made again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from hitl_middleware.testing.fake_slack.faults import RateLimited

from tests.chaos.stage import ANN, Stage
from tests.kit.databases import BOTH, free_to_write, on_each
from tests.kit.lives import Life

pytestmark = pytest.mark.chaos

TRIES = 8

MakeStage = Callable[..., Stage]


@dataclass(frozen=True, slots=True)
class Frozen:
    """A process that was stopped in the middle of a run, and the stage it stands on, which is free for another one."""

    stage: Stage
    life: Life
    run: str

    def wake(self) -> None:
        """Let it go on, finish what it was about, and leave in order."""
        self.life.carry_on()
        self.life.leave()


def frozen(make_stage: MakeStage, point: str) -> Frozen:
    """A life that was stopped at ``point`` on its way to the act, with the database free to write. It was to pay 5, then 6."""
    for _ in range(TRIES):
        stage = make_stage(in_slack=False)
        stage.pause_at(point)
        run = stage.begin_with({"turns": [[5], [6]]})
        if point != "open.before":  # that is before anybody is asked
            (request,) = stage.parked(run)
            stage.decide(request)
        life = stage.set_aside()
        if _stopped(stage, life):
            return Frozen(stage, life, run)
        life.kill()
    msg = f"{TRIES} times it was stopped in the middle of writing"
    raise AssertionError(msg)


def _stopped(stage: Stage, life: Life) -> bool:
    for _ in range(400):
        if life.paused:
            break
        stage.tick()
    assert life.paused, f"it was not stopped:\n{life.told()}"
    return free_to_write(stage.database)


@on_each("point", sqlite=["open.before", "resume.before@2", "claim.before"], postgresql=["claim.before"])
def test_whoever_slept_before_the_claim_does_nothing(make_stage: MakeStage, point: str):
    """DESIGN rule 2: another process acts and parks the run at its next question; the sleeper neither acts nor takes that one back."""
    asleep = frozen(make_stage, point)
    stage, run = asleep.stage, asleep.run
    if point == "open.before":
        stage.decide(stage.parked(run)[0])
    stage.until_paid(5)
    (question,) = stage.parked(run)
    before = stage.run(run)
    asleep.wake()
    assert stage.run(run) == before
    assert [(paid["amount"], paid["pid"]) for paid in stage.paid()] == [(5, stage.revive().pid)]
    stage.decide(question)
    assert stage.ended(run)["status"] == "succeeded"
    assert [paid["amount"] for paid in stage.paid()] == [5, 6]
    stage.check_at_the_end([])


@pytest.mark.databases(*BOTH)
def test_whoever_slept_while_the_run_ended_does_not_open_it_again(make_stage: MakeStage):
    """DESIGN §3: another process brings the run to its end; nothing follows on that, whatever the sleeper had in mind."""
    asleep = frozen(make_stage, "resume.before@2")
    stage, run = asleep.stage, asleep.run
    stage.until_paid(5)
    stage.decide(stage.parked(run)[0])
    ended = stage.ended(run)
    asleep.wake()
    assert stage.run(run) == ended
    assert len(stage.events("run.succeeded")) == 1
    assert [paid["amount"] for paid in stage.paid()] == [5, 6]
    stage.check_at_the_end([])


@on_each("point", sqlite=["claim.after", "effect.before"], postgresql=["effect.before"])
def test_whoever_slept_on_its_claim_does_not_act(make_stage: MakeStage, point: str):
    """DESIGN rule 2: the claim of a sleeper becomes unknown; a person has it done by another process; the sleeper does not act."""
    asleep = frozen(make_stage, point)
    stage, run = asleep.stage, asleep.run
    action = stage.in_doubt(run)
    assert stage.paid() == []
    stage.settle(action["id"], "retry")
    stage.until_paid(5)
    (question,) = stage.parked(run)
    asleep.wake()
    assert [(paid["pid"], paid["attempt"]) for paid in stage.paid()] == [(stage.revive().pid, 2)]
    stage.decide(question)
    assert stage.ended(run)["status"] == "succeeded"
    assert [paid["amount"] for paid in stage.paid()] == [5, 6]
    stage.check_at_the_end([])


def test_a_late_owner_still_says_how_it_ended(make_stage: MakeStage):
    """DESIGN §3: it slept between the act and its word; people were asked; then it says what it knows, and nobody is asked any more."""
    asleep = frozen(make_stage, "settle.before")
    stage, run = asleep.stage, asleep.run
    stage.in_doubt(run)
    asleep.wake()
    (question,) = stage.until("the next act is asked about", lambda: _pending(stage, run, "tool_call"))
    stage.decide(question)
    detail = stage.ended(run)
    assert [action["status"] for action in detail["actions"]] == ["succeeded", "succeeded"]
    assert [request["status"] for request in detail["requests"]] == ["approved", "superseded", "approved"]
    assert [paid["amount"] for paid in stage.paid()] == [5, 6]
    stage.check_at_the_end([])


@on_each("said", sqlite=["done", "failed"], postgresql=["failed"])
def test_what_a_person_said_stands_against_a_late_owner(make_stage: MakeStage, said: str):
    """DESIGN §3: a person has settled it before the owner wakes up; their word stays, and it happened once."""
    asleep = frozen(make_stage, "settle.before")
    stage, run = asleep.stage, asleep.run
    action = stage.in_doubt(run)
    stage.settle(action["id"], said)
    (question,) = stage.until("the next act is asked about", lambda: _pending(stage, run, "tool_call"))
    asleep.wake()
    settled = stage.run(run)["actions"][0]
    assert (settled["status"], settled["settled_by"]) == (
        "succeeded" if said == "done" else "failed",
        f"slack:{ANN}",
    )
    stage.decide(question)
    assert stage.ended(run)["status"] == "succeeded"
    assert [paid["amount"] for paid in stage.paid()] == [5, 6]
    stage.check_at_the_end([])


def _pending(stage: Stage, run: str, kind: str) -> list[str] | None:
    """The run's open questions, once all of them are of this kind."""
    waiting = [asked for asked in stage.run(run)["requests"] if asked["status"] == "pending"]
    return (
        [asked["id"] for asked in waiting]
        if waiting and {asked["kind"] for asked in waiting} == {kind}
        else None
    )


def test_whoever_slept_while_posting_does_not_post_a_second_card(make_stage: MakeStage):
    """DESIGN §6: it slept before its second try to post (Slack had asked to slow down); another process posts; one card."""
    for _ in range(TRIES):
        stage = make_stage()
        stage.slack.fail("chat.postMessage", RateLimited(1))
        stage.pause_at("post.before@2")
        run = stage.begin(5)
        life = stage.set_aside()
        if _stopped(stage, life):
            break
    else:
        pytest.fail(f"{TRIES} times it was stopped in the middle of writing")
    (request,) = stage.asked(run)
    life.carry_on()
    life.leave()
    assert len(stage.cards(request)) == 1
    stage.approve(request)
    assert stage.ended(run)["status"] == "succeeded"
    stage.shows(request, "Approved by @ann", "Executed")
    stage.check_at_the_end([request])


@pytest.mark.databases(*BOTH)
def test_whoever_slept_while_updating_does_not_unsay_the_truth(make_stage: MakeStage):
    """DESIGN §1: it slept before it wrote an older version onto a card; another process wrote the newest; that one stays."""
    for _ in range(TRIES):
        stage = make_stage()
        stage.pause_at("update.before")
        run = stage.begin(5)
        (request,) = stage.asked(run)
        stage.say_more(run)
        life = stage.set_aside()
        if _stopped(stage, life):
            break
    else:
        pytest.fail(f"{TRIES} times it was stopped in the middle of writing")
    stage.approve(request)
    stage.shows(request, "Approved by @ann", "Executed")
    life.carry_on()
    life.leave()
    stage.shows(request, "Approved by @ann", "Executed")
    stage.check_at_the_end([request])
