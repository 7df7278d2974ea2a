"""Whoever watches is watched: a world that is well is found well, and each thing that can be wrong with it is found and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.storm.checker import COLUMNS, judge
from tests.chaos.storm.outside import Decided, Entry, Heard, Settled
from tests.chaos.storm.seen import ActionSeen, CardSeen, RequestSeen, RunSeen, Seen

ANN = "slack:U0ANN"

ACTION = ActionSeen(
    id="a-1", status="succeeded", request="q-1", key="k-1", amount=7, attempts=2, settled_by=None
)
REQUEST = RequestSeen(
    id="q-1", status="approved", kind="tool_call", decided_by=ANN, issue=None, delivered={"slack": "shown"}
)
STEP = RequestSeen(
    id="q-2", status="revised", kind="step", decided_by="github:ann", issue=4, delivered={"github": "shown"}
)
OUTCOME = RequestSeen(id="q-3", status="answered", kind="outcome", decided_by=ANN, issue=None, delivered={})
TILL = RunSeen(
    id="r-1", status="succeeded", issue=None, error=None, requests=(REQUEST, OUTCOME), actions=(ACTION,)
)
FIX = RunSeen(id="r-2", status="succeeded", issue=4, error=None, requests=(STEP,))


def well(**changes: Any) -> Seen:
    """A world in which a payment was in doubt once, and a step was sent back once. ``changes`` are to what was heard."""
    heard = Heard(
        runs=["r-1"],
        labelled=[4],
        decided=[Decided("q-1", "approve", ANN), Decided("q-1"), Decided("q-2", "feedback", "github:ann")],
        settled=[Settled("a-1", "retry")],
        commands=[31],
        doubts={"a-1/1"},
        shown={"a-1/1"},
    )
    cards = {
        "q-1": [CardSeen("slack", "Approved by @ann – Executed", open=False)],
        "q-2": [CardSeen("github", "Revision requested by @ann", open=False)],
    }
    return Seen(
        runs=(TILL, FIX),
        books=(Entry("k-1", 7),),
        heard=replace(heard, **changes),
        cards=cards,
        reacted=frozenset({31}),
    )


def with_action(**changes: Any) -> Seen:
    """Another act."""
    return replace(well(), runs=(replace(TILL, actions=(replace(ACTION, **changes),)), FIX))


def with_request(**changes: Any) -> Seen:
    """Another request."""
    return replace(well(), runs=(replace(TILL, requests=(replace(REQUEST, **changes), OUTCOME)), FIX))


def with_cards(**changes: Any) -> Seen:
    """Other cards."""
    return replace(well(), cards={**well().cards, **changes})


def test_a_world_that_is_well():
    """Nothing is found in it, and what there was is counted."""
    verdict = judge(well())
    assert (verdict.good, verdict.told()) == (True, "")
    counts = verdict.counts
    assert (counts["runs"], counts["requests"], counts["acts"], counts["unknown"]) == (2, 3, 1, 1)


BROKEN: dict[str, tuple[str, Callable[[], Seen]]] = {
    "paid twice": ("twice", lambda: replace(well(), books=(Entry("k-1", 7), Entry("k-1", 7)))),
    "paid by nobody's leave": ("twice", lambda: replace(well(), books=(Entry("k-1", 7), Entry(None, 7)))),
    "a run that is gone": ("lost", lambda: replace(well(), runs=(FIX,))),
    "a label without a run": ("lost", lambda: replace(well(), runs=(TILL,))),
    "a run that failed": (
        "lost",
        lambda: replace(well(), runs=(TILL, replace(FIX, status="failed", error="?"))),
    ),
    "a run that waits for nobody": (
        "lost",
        lambda: replace(well(), runs=(TILL, replace(FIX, status="suspended"))),
    ),
    "a decision that is not in effect": ("lost", lambda: with_request(decided_by="slack:U0BOB")),
    "a decision that became another": ("lost", lambda: with_request(status="rejected")),
    "a click that was heard and forgotten": (
        "lost",
        lambda: replace(with_request(status="pending"), heard=Heard(decided=[Decided("q-1")])),
    ),
    "a decision that was not there when somebody looked": (
        "lost",
        lambda: well(forgotten=["a decision of request q-1 was acknowledged, and was not there"]),
    ),
    "a command that nobody heeded": ("lost", lambda: replace(well(), reacted=frozenset())),
    "an act that is said to be done and is not": ("lost", lambda: replace(well(), books=())),
    "an act with other arguments": ("lost", lambda: replace(well(), books=(Entry("k-1", 8),))),
    "an act that is said to have failed and was done": ("lost", lambda: with_action(status="failed")),
    "an act that was denied and done": ("lost", lambda: with_action(status="denied")),
    "an act that nobody knows": ("lost", lambda: replace(well(), books=(Entry("k-1", 7), Entry("k-2", 7)))),
    "a run that does not end": (
        "stuck",
        lambda: replace(well(), runs=(TILL, replace(FIX, status="running"))),
    ),
    "a request that waits": ("stuck", lambda: with_request(status="pending")),
    "an act that is never settled": ("stuck", lambda: with_action(status="unknown")),
    "a doubt that nobody could see": ("unseen", lambda: well(shown=set())),
    "a doubt that is still there, unseen": (
        "unseen",
        lambda: replace(
            with_action(status="unknown"), heard=Heard(doubts={"a-1/2"}, shown={"a-1/1"}, labelled=[4])
        ),
    ),
    "a card that says something else": (
        "untrue",
        lambda: with_cards(**{"q-1": [CardSeen("slack", "Approved by @ann – Unknown", open=False)]}),
    ),
    "a card with a button on it": (
        "untrue",
        lambda: with_cards(**{"q-1": [CardSeen("slack", "Approved by @ann – Executed", open=True)]}),
    ),
    "two cards": ("untrue", lambda: with_cards(**{"q-1": [*well().cards["q-1"]] * 2})),
    "no card": ("untrue", lambda: with_cards(**{"q-2": []})),
    "a step's card that is behind": (
        "untrue",
        lambda: with_cards(**{"q-2": [CardSeen("github", "Waiting for a decision", open=False)]}),
    ),
    "a server that ended by itself": ("broken", lambda: well(troubles=["server-1 ended by itself (1)"])),
    "a chain with a hole in it": ("audit", lambda: replace(well(), audit="event 7 does not follow event 6")),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_wrong_is_found(what: str):
    """Issue 5: a world with exactly one thing wrong is not called well, and what is wrong stands in its column."""
    column, broken = BROKEN[what]
    verdict = judge(broken())
    assert not verdict.good
    assert verdict.wrong[column], verdict.told()


def test_every_column_is_proved():
    """A column that nothing can fill proves nothing."""
    assert {column for column, _ in BROKEN.values()} == set(COLUMNS)


def test_a_card_that_was_given_up_is_no_lie():
    """G-14: what could not be delivered is known as such, counted, and no untruth; its run is held to all the same."""
    seen = replace(with_request(delivered={"slack": "failed"}), cards={"q-2": well().cards["q-2"]})
    verdict = judge(seen)
    assert (verdict.good, verdict.counts["given up"]) == (True, 1)
