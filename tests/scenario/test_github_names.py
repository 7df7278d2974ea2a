"""One issue under several names: in other letter case, and in a repository that was renamed meanwhile (G-02, G-05, G-07, G-12)."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import pytest

from hitl_middleware.records import ReviewRequest
from hitl_middleware.testing.fake_github import Comment, Issue

from tests.kit.issue_stage import SHOP, US, GitHubStage, github_stage
from tests.kit.world import World

pytestmark = pytest.mark.databases("memory")
STORE = "acme/store"


@pytest.fixture
def stage(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubStage]:
    """With a webhook; ``zoe`` may rename."""
    with github_stage(world, monkeypatch) as stage:
        stage.fake.person("zoe", permission="admin")
        yield stage


def begun(stage: GitHubStage, repository: str, issue: Issue, graph: str = "fix") -> ReviewRequest:
    """A run about an issue, whose repository somebody typed; what it asks."""
    labels = {"repository": repository, "issue": str(issue.number)}
    start = functools.partial(stage.world.start_run, graph, {"title": "it"}, labels=labels)
    run = stage.world.portal.call(start)
    stage.world.step()
    stage.issues.append(issue)
    return next(each for each in stage.world.pending() if each.run_id == run.id)


def renamed(stage: GitHubStage) -> None:
    """The shop is a store from now on."""
    stage.fake.rename_repository(SHOP, "zoe", "store")


def says(stage: GitHubStage, who: str, body: str, repository: str = SHOP) -> Comment:
    """Somebody comments on issue 1."""
    comment = stage.fake.comment(repository, 1, who, body)
    stage.world.step()
    return comment


def later(stage: GitHubStage) -> None:
    """Until the conversation has been read again."""
    stage.clock.advance(61)
    stage.world.step()


def answers(stage: GitHubStage, repository: str = SHOP) -> list[str]:
    """What was said back, first lines; no card."""
    ours = [each for each in stage.fake.comments(repository, 1) if each.user == US]
    return [text.partition("\n")[0] for text in map(stage.reads, ours) if not text.startswith("Do this?")]


def test_another_letter_case(stage: GitHubStage) -> None:
    """G-02, G-08: to GitHub it is the same repository. The command counts at once, and nobody is told that nothing waits."""
    begun(stage, "ACME/Shop", stage.fake.open_issue(SHOP, "bob", "Cart"))
    command = says(stage, "ann", "/approve")
    assert stage.world.runs()[0].status == "succeeded"
    later(stage)
    assert stage.reactions(command) == {"eyes", "rocket"}
    assert [text.split(" – ")[0] for text in answers(stage)] == ["✅ Resumed"]


def test_two_spellings_are_two_requests_in_one_place(stage: GitHubStage) -> None:
    """G-07: a bare command names neither; a code names one, however its repository is spelled."""
    issue = stage.fake.open_issue(SHOP, "bob", "Cart")
    first, second = begun(stage, SHOP, issue), begun(stage, "ACME/Shop", issue, "second")
    says(stage, "ann", "/approve")
    later(stage)
    assert {each.id for each in stage.world.pending()} == {first.id, second.id}
    (said,) = answers(stage)
    assert "2 requests wait here" in said
    says(stage, "ann", f"/approve {second.code}")
    later(stage)
    assert [each.id for each in stage.world.pending()] == [first.id]
    says(stage, "ann", "/approve")
    assert stage.world.pending() == []


@pytest.mark.parametrize("heard", [True, False])
def test_renamed_while_something_waits(stage: GitHubStage, heard: bool) -> None:
    """G-02, G-12: deliveries bear the new name, the request the old one. Told or re-read, the command counts once; the card follows."""
    stage.opened()
    renamed(stage)
    if not heard:
        stage.fake.lose_deliveries(1)
    command = says(stage, "ann", "/approve", STORE)
    later(stage)
    assert stage.world.runs()[0].status == "succeeded"
    assert stage.reactions(command) == {"eyes", "rocket"}
    assert [text.split(" – ")[0] for text in answers(stage, STORE)] == ["✅ Resumed"]
    (card,) = [each for each in stage.fake.comments(STORE, 1) if stage.reads(each).startswith("Do this?")]
    assert "Approved by @ann" in stage.reads(card)


def test_renamed_between_two_requests(stage: GitHubStage) -> None:
    """G-07: one was asked before and one after; both wait in one place, and a bare command decides neither, told or re-read."""
    issue = stage.opened()
    renamed(stage)
    begun(stage, STORE, issue, "second")
    says(stage, "ann", "/approve", STORE)
    later(stage)
    assert len(stage.world.pending()) == 2
    (said,) = answers(stage, STORE)
    assert "2 requests wait here" in said


def test_what_was_written_before_stays_unanswered(stage: GitHubStage) -> None:
    """G-12: for a renamed repository all comments come back, not only new ones. Commands of last month are nobody's business."""
    issue = stage.fake.open_issue(SHOP, "bob", "Cart")
    stage.fake.lose_deliveries(1)
    stage.fake.comment(SHOP, issue.number, "ann", "/approve")
    stage.clock.advance(30 * 86_400)
    begun(stage, SHOP, issue)
    renamed(stage)
    later(stage)
    assert answers(stage, STORE) == []
    assert stage.world.only().status == "pending"


def test_two_repositories_with_one_number_stay_two(stage: GitHubStage) -> None:
    """G-07: issue 1 of another repository is another place, and what GitHub says of names is not asked every time."""
    stage.opened()
    stage.fake.repository("acme/other")
    other = stage.fake.open_issue("acme/other", "bob", "Door")
    begun(stage, "acme/other", other, "second")
    for _ in range(5):
        later(stage)
    asked = [each for each in stage.fake.calls if each.path in {"/repos/acme/shop", "/repos/acme/other"}]
    assert len(asked) == 2
    says(stage, "ann", "/approve", "acme/other")
    assert {run.graph: run.status for run in stage.world.runs()} == {
        "fix": "suspended",
        "second": "succeeded",
    }
