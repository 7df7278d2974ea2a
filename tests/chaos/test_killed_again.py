"""Deaths that follow one another, deaths while nothing happens, and several acts at once."""

from __future__ import annotations

import httpx
import pytest

from tests.chaos.stage import ANN, BOB, Stage
from tests.kit.databases import on_each

pytestmark = pytest.mark.chaos


@on_each(
    "points",
    sqlite=[
        ("open.before", "post.after"),
        ("post.before", "post.after"),
        ("submit.before", "submit.after"),
        ("resume.before@2", "claim.before"),
        ("settle.after", "resume.after"),
    ],
    postgresql=[("resume.before@2", "claim.before")],
)
def test_killed_twice(stage: Stage, points: tuple[str, ...]):
    """DESIGN rules 2 and 6: two deaths in a row at different places change nothing: one act, one card, the run ends."""
    stage.die_at(*points)
    run = stage.begin(5)
    (request,) = stage.asked(run)
    stage.approve(request)
    detail = stage.ended(run)
    stage.shows(request, "Approved by @ann", "Executed")
    assert detail["actions"][0]["attempts"] == 1
    assert len(stage.paid()) == 1
    stage.check_at_the_end([request])
    assert stage.deaths == list(points)


@on_each("point", sqlite=["open.before", "open.after", "update.before"], postgresql=["open.after"])
def test_killed_while_the_doubt_is_told(stage: Stage, point: str):
    """DESIGN rule 2: the process that finds a dead claim dies, too, while it files the question: one question in the end."""
    stage.die_at("effect.after", point)
    run = stage.begin(5)
    (request,) = stage.asked(run)
    stage.approve(request)
    action = stage.in_doubt(run)
    stage.shows(request, "Approved by @ann", "Unknown")
    assert len([asked for asked in stage.run(run)["requests"] if asked["kind"] == "outcome"]) == 1
    stage.settle(action["id"], "done")
    assert stage.ended(run)["status"] == "succeeded"
    stage.shows(request, "Executed")
    assert stage.deaths == ["effect.after", point]
    assert len(stage.paid()) == 1
    stage.check_at_the_end([request])


@on_each("point", sqlite=["claim.after", "effect.after"], postgresql=["effect.after"])
def test_killed_again_at_the_retry(stage: Stage, point: str):
    """DESIGN rule 2: a retry is one more execution at most; where that dies, it is unknown again, and asked again."""
    stage.die_at("effect.before", point)
    run = stage.begin(5)
    (request,) = stage.asked(run)
    stage.approve(request)
    stage.settle(stage.in_doubt(run)["id"], "retry")
    stage.until("the retry dies", lambda: len(stage.deaths) == 2)
    action = stage.in_doubt(run)
    happened = 1 if point == "effect.after" else 0
    assert (action["attempts"], len(stage.paid())) == (2, happened)
    stage.shows(request, "Unknown")
    stage.settle(action["id"], "failed")
    assert stage.ended(run)["status"] == "succeeded"
    stage.shows(request, "Failed")
    assert len(stage.paid()) == happened
    stage.check_at_the_end([request])


def test_a_lost_post_is_found_though_the_request_has_changed(stage: Stage):
    """DESIGN §1, §6: killed after Slack took the card and before we knew; decided elsewhere meanwhile: that card is found and told."""
    stage.die_at("post.after")
    run = stage.begin(5)
    stage.until_dead()
    (request,) = stage.parked(run)
    stage.decide(request)
    assert stage.ended(run)["status"] == "succeeded"
    stage.shows(request, "Approved by @ann", "Executed")
    assert len(stage.paid()) == 1
    stage.check_at_the_end([request])


def test_killed_while_nothing_happens(stage: Stage):
    """DESIGN §1: a parked run outlives its server; a click at the dead one is lost aloud, the next one counts."""
    run = stage.begin(5)
    (request,) = stage.asked(run)
    (card,) = stage.cards(request)
    stage.kill()
    with pytest.raises(httpx.TransportError):
        stage.slack.click(ANN, card, text="Approve")
    assert stage.approve(request) == [True]
    assert stage.ended(run)["status"] == "succeeded"
    stage.shows(request, "Approved by @ann", "Executed")
    assert len(stage.paid()) == 1
    stage.check_at_the_end([request])


@on_each("point", sqlite=["lease.before", "lease.after", "open.before"], postgresql=["lease.after"])
def test_killed_at_the_first_look_after_the_click(stage: Stage, point: str):
    """DESIGN rule 6: killed while parked, then again as soon as the answered run is looked at: the decision stands, one act."""
    run = stage.begin(5)
    (request,) = stage.asked(run)
    stage.kill()
    stage.die_at(point)
    stage.approve(request)
    assert stage.ended(run)["status"] == "succeeded"
    stage.shows(request, "Approved by @ann", "Executed")
    assert stage.deaths == [point]
    assert len(stage.paid()) == 1
    stage.check_at_the_end([request])


@on_each("point", sqlite=["submit.before", "submit.after"], postgresql=["submit.after"])
def test_a_click_that_nobody_acknowledged(stage: Stage, point: str):
    """Rule 6, S-10: not stored, not acknowledged – the next click decides, whoever's; stored – the next is told who was first."""
    stage.die_at(point)
    run = stage.begin(5)
    (request,) = stage.asked(run)
    (card,) = stage.cards(request)
    with pytest.raises(httpx.TransportError):
        stage.slack.click(ANN, card, text="Approve")
    stored = point == "submit.after"
    stage.until_dead()
    stage.revive()
    assert stage.slack.click(BOB, card, text="Approve", stale=card).status == 200
    detail = stage.ended(run)
    assert detail["requests"][0]["decided_by"] == f"slack:{ANN if stored else BOB}"
    stage.shows(request, f"Approved by @{'ann' if stored else 'bob'}", "Executed")
    if stored:
        stage.until(
            "bob is told", lambda: [told for told in stage.slack.ephemerals if told.visible_to == BOB]
        )
        assert "by @ann" in stage.slack.ephemerals[-1].plain()
    assert len(stage.paid()) == 1
    stage.check_at_the_end([request])


@on_each("point", sqlite=["claim.after", "effect.before@2", "settle.after"], postgresql=["effect.before@2"])
def test_several_acts_of_one_turn(stage: Stage, point: str):
    """S-07, rule 2: killed among the acts of one turn: each approved one happens once, the one that waits goes on waiting.

    Whether the sibling of the act at which the process dies was begun is chance; whoever is asked what became of it looks and says so.
    """
    run = stage.begin(5, 6, 7)
    requests = stage.asked(run, 3)
    by_amount = {asked["args"]["amount"]: asked["id"] for asked in stage.run(run)["requests"]}
    stage.kill()
    stage.die_at(point)
    now, later = [by_amount[5], by_amount[6]], by_amount[7]
    for request in now:
        stage.approve(request)
    stage.all_executed(run, now)
    assert stage.asked(run) == [later]
    assert sorted(paid["amount"] for paid in stage.paid()) == [5, 6]
    stage.approve(later)
    assert stage.ended(run)["status"] == "succeeded"
    stage.shows(later, "Approved by @ann", "Executed")
    assert stage.deaths == [point]
    assert sorted(paid["amount"] for paid in stage.paid()) == [5, 6, 7]
    stage.check_at_the_end(requests)
