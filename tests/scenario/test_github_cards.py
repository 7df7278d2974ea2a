"""A run that belongs to an issue is asked about there: the library as the environment configures it, the real PyGithub, a fake GitHub."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from langgraph.graph import END, START, StateGraph
from typing_extensions import TypedDict

from hitl_middleware import human_step, label_run, route
from hitl_middleware.actions import Decision, DecisionType
from hitl_middleware.channels.github import words
from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import NotAllowed
from hitl_middleware.hitl import Graph
from hitl_middleware.records import ReviewRequest
from hitl_middleware.settings import load_settings
from hitl_middleware.testing.fake_github import Comment, FakeGitHub, LostReply, SecondaryLimit
from hitl_middleware.testing.still import StillHitl

from tests.kit.github_stage import SHOP, fake

__all__ = ["fake"]

HERE = {"repository": SHOP, "issue": "1"}


class State(TypedDict, total=False):
    """A plan for an issue, and what was said of it."""

    labels: dict[str, str]
    plan: str
    review: Any


def planning() -> Graph:
    """Says what it is about, plans, and asks."""

    def plan(state: State) -> State:
        label_run(**state.get("labels", {}))
        return {"plan": "Keep the coupon in the session."}

    builder = StateGraph(State)
    builder.add_node("plan", plan)
    builder.add_node("plan-review", human_step("Review the plan", show=["plan"], into="review"))
    builder.add_edge(START, "plan")
    builder.add_edge("plan", "plan-review")
    builder.add_conditional_edges("plan-review", route("review", approve=END, reject=END, feedback="plan"))
    return builder.compile()


@pytest.fixture
def hitl(
    fake: FakeGitHub, clock: ManualClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> Iterator[StillHitl]:
    """Everything from the environment; ann may write, rob may read; issue 1 is ann's."""
    for name in [name for name in os.environ if name.startswith(("HITL_", "SLACK_", "GITHUB_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    for name, value in {**fake.environ, "HITL_DATABASE_URL": "memory://"}.items():
        monkeypatch.setenv(name, value)
    fake.open_issue(SHOP, "ann", "Cart forgets its coupon")
    still = StillHitl(load_settings(), clock=clock)
    still.serve("planning", planning())
    still.start()
    yield still
    still.stop()


def ask(hitl: StillHitl, labels: dict[str, str] = HERE) -> ReviewRequest:
    """Start a run about an issue; what it asks."""
    hitl.begin_run("planning", {"labels": labels})
    (request,) = hitl.pending()
    return request


def decide(
    hitl: StillHitl, request: ReviewRequest, kind: DecisionType, who: str = "github:ann", **more: Any
) -> None:
    """Somebody's answer, and everything that follows from it."""
    decision = Decision(type=kind, **more)
    hitl.portal.call(lambda: hitl.submit(request.id, decision, identity=who, via="test"))
    hitl.step()


def cards(fake: FakeGitHub) -> list[Comment]:
    """Living comments."""
    return [each for each in fake.comments(SHOP, 1) if words.card_in(each.body)]


def confirmations(fake: FakeGitHub) -> list[str]:
    """One-off comments, as they are read."""
    return [fake.seen(each).text for each in fake.comments(SHOP, 1) if words.notice_in(each.body)]


def test_one_comment_lives_through_the_whole_request(hitl, fake):
    """G-03, G-04: asked on the issue, edited in place when it is decided, confirmed once; a second round is a second comment."""
    request = ask(hitl)
    (card,) = cards(fake)
    shown = fake.seen(card).text
    for word in ("Review the plan", "Keep the coupon", request.code, "/approve", "/reject", "/feedback"):
        assert word in shown
    decide(hitl, request, "feedback", message="Not in the session: in the basket.")
    (again,) = hitl.pending()
    assert again.round == 2
    decide(hitl, again, "approve")
    assert cards(fake)[0].id == card.id
    first, second = (fake.seen(each).text for each in cards(fake))
    assert "Revision requested" in first
    assert "Approved" in second
    assert len(confirmations(fake)) == 2
    assert "in the basket" in confirmations(fake)[0]


def test_lost_replies_leave_one_comment_each(hitl, fake):
    """G-14: every answer to every post is lost; there is still one card and one confirmation, and the card is true."""
    fake.fail("POST", "*/comments", LostReply())
    request = ask(hitl)
    hitl.wait(60)
    hitl.step()
    fake.fail("POST", "*/comments", LostReply())
    fake.fail("PATCH", "*", LostReply())
    decide(hitl, request, "approve")
    for _ in range(3):
        hitl.wait(60)
        hitl.step()
    assert len(cards(fake)) == len(confirmations(fake)) == 1
    assert "Approved" in fake.seen(cards(fake)[0]).text
    assert fake.faults == []


def test_github_away_all_the_time(hitl, fake):
    """G-14: the run is suspended and decided elsewhere all the same; the comment appears when GitHub returns, and tells it."""
    with fake.unreachable():
        request = ask(hitl)
        decide(hitl, request, "reject", "local:ann", message="Not this week.")
        assert hitl.pending() == []
    assert fake.comments(SHOP, 1) == []
    hitl.wait(600)
    hitl.step()
    (card,) = cards(fake)
    assert "Rejected" in fake.seen(card).text
    assert len(confirmations(fake)) == 1


def test_a_limit_is_kept(hitl, fake):
    """G-14: GitHub is left alone for as long as it says, then the comment is posted."""
    fake.fail("POST", "*/comments", SecondaryLimit(retry_after=45))
    ask(hitl)
    asked = len(fake.calls)
    hitl.wait(44)
    hitl.step()
    assert len(fake.calls) == asked
    hitl.wait(2)
    hitl.step()
    assert len(cards(fake)) == 1


def test_without_an_issue_nothing_is_missing(hitl, fake):
    """G-16: a run that names no issue suspends without error, is not asked about on GitHub, and is decided elsewhere."""
    request = ask(hitl, {})
    assert request.plan.approvers == ("api",)
    decide(hitl, request, "approve", "local:ann")
    assert hitl.pending() == []
    assert fake.calls == []


def test_who_may_write_may_decide(hitl, fake):
    """G-09: where no policy says who, whoever may write in the repository; asked of GitHub, others are told who."""
    request = ask(hitl)
    assert request.plan.approvers == ("api", "github:role:write")
    for who in ("github:rob", "github:max", "slack:U024BE7LH"):
        with pytest.raises(NotAllowed, match="github:role:write"):
            decide(hitl, request, "approve", who)
    decide(hitl, request, "approve", "github:Ann")
    assert hitl.pending() == []
