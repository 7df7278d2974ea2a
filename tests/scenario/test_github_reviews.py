"""A review decides what waits about a pull request, pinned to the commit that was shown (G-13)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.kit.databases import BOTH
from tests.kit.issue_stage import SHOP, GitHubStage, github_stage, workflow
from tests.kit.world import World

pytestmark = pytest.mark.databases("memory")
on_both = pytest.mark.databases(*BOTH)


@pytest.fixture
def make_stage(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., GitHubStage]]:
    """Stages with options."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(github_stage(world, monkeypatch, **options))


@pytest.fixture
def about() -> dict[str, str]:
    """Labels of the pull request's run; filled in by ``reviewed``."""
    return {}


@pytest.fixture
def reviewed(make_stage: Callable[..., GitHubStage], about: dict[str, str]) -> GitHubStage:
    """A run that asks about pull request 1, at the commit that is its head."""
    stage = make_stage(graph=workflow(about=about))
    stage.fake.branch(SHOP, "meg", "fix")
    head = stage.fake.push(SHOP, "meg", "fix", {"cart.py": "coupon = True\n"}, "Keep the coupon")
    pull = stage.fake.open_pull(SHOP, "meg", "fix", "Keep the coupon")
    about.update(pull_request=str(pull.number), head_sha=head)
    stage.opened()
    stage.clock.advance(1)  # GitHub tells times in whole seconds
    return stage


@on_both
def test_a_review_that_approves(reviewed: GitHubStage, about: dict[str, str]) -> None:
    """G-13: by somebody who may, of the commit that is shown: the step is approved with the review's words."""
    reviewed.fake.review(SHOP, int(about["pull_request"]), "ann", "approve", "Good.")
    reviewed.world.step()
    assert reviewed.world.runs()[0].status == "succeeded"
    review = reviewed.state()["review"]
    assert (review["decision"], review["message"], review["by"]) == ("approve", "Good.", "github:ann")
    assert "Approved by @ann" in reviewed.reads(reviewed.cards()[0])


TAKES = [(("approve", "reject", "feedback"), "feedback"), (("approve", "reject"), "reject")]


@pytest.mark.parametrize(("decisions", "wanted"), TAKES)
def test_a_review_that_wants_changes(
    make_stage: Callable[..., GitHubStage], about: dict[str, str], decisions: Any, wanted: str
) -> None:
    """G-13: feedback with its words where the step takes that, else a rejection."""
    stage = make_stage(graph=workflow(about=about, decisions=decisions))
    stage.fake.branch(SHOP, "meg", "fix")
    head = stage.fake.push(SHOP, "meg", "fix", {"cart.py": "coupon = True\n"}, "Keep the coupon")
    pull = stage.fake.open_pull(SHOP, "meg", "fix", "Keep the coupon")
    about.update(pull_request=str(pull.number), head_sha=head)
    stage.opened()
    first = stage.world.only()
    stage.clock.advance(1)
    stage.fake.review(SHOP, pull.number, "ann", "request_changes", "A test is missing.")
    stage.world.step()
    decided = next(each for each in stage.world.requests() if each.id == first.id)
    assert decided.decision is not None
    assert (decided.decision.type, decided.decision.message) == (wanted, "A test is missing.")


def test_a_review_of_another_commit(reviewed: GitHubStage, about: dict[str, str]) -> None:
    """G-13: pinned to the commit: somebody pushed meanwhile, and the review of the new head decides nothing; it is told so."""
    number = int(about["pull_request"])
    reviewed.fake.push(SHOP, "meg", "fix", {"cart.py": "import os\n"}, "One more thing")
    reviewed.fake.review(SHOP, number, "ann", "approve")
    reviewed.world.step()
    assert reviewed.world.only().status == "pending"
    (note,) = reviewed.notes(number)
    assert about["head_sha"][:12] in note


def test_a_review_that_may_be_older_than_the_question(
    make_stage: Callable[..., GitHubStage], about: dict[str, str]
) -> None:
    """G-12, G-13: nobody decides on what they have not seen: a review of the very second in which it was asked decides nothing."""
    stage = make_stage(graph=workflow(about=about))
    stage.clock.advance(0.5)
    stage.fake.branch(SHOP, "meg", "fix")
    head = stage.fake.push(SHOP, "meg", "fix", {"cart.py": "coupon = True\n"}, "Keep the coupon")
    pull = stage.fake.open_pull(SHOP, "meg", "fix", "Keep the coupon")
    about.update(pull_request=str(pull.number), head_sha=head)
    stage.opened()
    stage.fake.review(SHOP, pull.number, "ann", "approve")
    stage.world.step()
    assert stage.world.only().status == "pending"


def test_reviews_that_do_not_count(reviewed: GitHubStage, about: dict[str, str]) -> None:
    """G-09, G-13: of somebody without the right (told so), of a bot, that only comments, that was dismissed by the time it is read."""
    number = int(about["pull_request"])
    reviewed.fake.bot("helper[bot]", permission="write")
    reviewed.fake.review(SHOP, number, "helper[bot]", "approve")
    reviewed.fake.review(SHOP, number, "ann", "comment", "/approve")
    reviewed.world.step()
    assert reviewed.notes(number) == []
    reviewed.fake.review(SHOP, number, "eve", "approve")
    gone = reviewed.fake.review(SHOP, number, "ann", "approve")
    reviewed.fake.dismiss_review(gone, "meg")
    reviewed.world.step()
    assert reviewed.world.only().status == "pending"
    (note,) = reviewed.notes(number)
    assert "not yours to decide" in note


def test_a_review_whose_delivery_is_lost(reviewed: GitHubStage, about: dict[str, str]) -> None:
    """G-12, G-13: re-reading finds reviews, too."""
    reviewed.fake.lose_deliveries()
    reviewed.fake.review(SHOP, int(about["pull_request"]), "ann", "approve")
    reviewed.clock.advance(31)
    reviewed.world.step()
    assert reviewed.world.runs()[0].status == "succeeded"


def test_a_command_on_the_pull_request(reviewed: GitHubStage, about: dict[str, str]) -> None:
    """G-05: what waits about a pull request is decided on it as on the issue."""
    reviewed.says("ann", "/approve", number=int(about["pull_request"]))
    assert reviewed.world.runs()[0].status == "succeeded"
