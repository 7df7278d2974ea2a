"""The delivery workflows on a GitHub, through PyGithub and HTTP: issue, branch, commits, pull request and merge – each once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hitl_middleware.clock import ManualClock
from hitl_middleware.testing.fake_github import (
    FakeGitHub,
)

from tests.kit.delivery import (
    BODY,
    GIVEN,
    SHOP,
    TITLE,
    acts,
    decided,
    done_once,
    served,
    shop,
    values,
)
from tests.kit.world import World

ALL = ["create_issue", "create_branch", "commit_files", "open_pull_request", "merge_pull_request"]
NOTE = "docs/changes/1-login-fails-on-safari.md"


@pytest.fixture
def github(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    """A shop on GitHub."""
    with shop(clock, monkeypatch) as fake:
        yield fake


# the ways through --------------------------------------------------------------------------------------------------------


def test_a_bug_from_the_issue_to_the_merge(world: World, github: FakeGitHub):
    """G-01, G-02, G-06: an issue is filed and carried along; feedback works at both steps; what was approved is what is merged."""
    served(world, "bugfix")
    world.begin_run("g", GIVEN, thread_id="t-1")
    (issue,) = github.issues
    url = f"{github.web_url}/{SHOP}/issues/1"
    first = world.only("step")
    assert first.step == "fix-review"
    assert first.labels == {"repository": SHOP, "issue": "1", "issue_url": url}
    assert (values(world)["task"]["issue"], values(world)["task"]["issue_url"]) == (1, url)
    assert github.seen(issue).text.strip() == BODY

    second = decided(world, "feedback", "name the browser")
    assert second is not None
    assert (second.step, second.round) == ("fix-review", 2)
    assert "+Revised after feedback: name the browser" in second.args["changes"]  # type: ignore[index]
    assert github.pulls == [], "nothing was written yet"

    merge = decided(world)
    assert merge is not None
    (pull,) = github.pulls
    head = github.branches(SHOP)[pull.head]
    assert (merge.step, merge.title, merge.description) == ("merge-approval", "Merge the pull request?", "")
    assert merge.labels == {
        "repository": SHOP, "issue": "1", "issue_url": url, "pull_request": "2", "head_sha": head,
    }  # fmt: skip
    assert merge.args == {
        "pull_request": f"{SHOP}#2 at {head[:7]}\n{github.web_url}/{SHOP}/pull/2",
        "summary": f"Revised after feedback: name the browser\n\n{TITLE}",
        "changes": second.args["changes"],  # type: ignore[index]
    }
    assert github.issue(SHOP, 2).body is not None
    assert github.issue(SHOP, 2).body.startswith("Closes #1.")  # type: ignore[union-attr]

    again = decided(world, "feedback", "and the version")
    assert again is not None
    assert (again.step, again.round) == ("fix-review", 1)
    merge = decided(world)
    assert merge is not None
    assert (merge.step, merge.round) == ("merge-approval", 2)
    assert merge.labels["head_sha"] == github.branches(SHOP)[pull.head] != head
    assert decided(world) is None
    done_once(world, github, commits=2)
    assert acts(world) == [(tool, "succeeded") for tool in [*ALL[:4], "commit_files", ALL[4]]]
    assert {action.decided_by for action in world.actions()} == {"policy"}
    assert github.issue(SHOP, 1).state == "closed"
    for words in ("name the browser", "and the version"):
        assert f"\nRevised after feedback: {words}\n" in github.files(SHOP)[NOTE]


@pytest.mark.databases("memory")
@pytest.mark.parametrize(
    ("module", "steps", "issue"),
    [
        ("standard", ["options-review", "plan-review", "pr-approval"], "1"),
        ("feature", ["design-review", "feature-plan-review", "feature-pr-approval"], "1"),
        ("coding", ["plan-approval", "pr-review"], "1"),
        ("coding_internal", ["plan-approval", "pr-review"], None),
    ],
)
def test_every_other_workflow(
    world: World, github: FakeGitHub, module: str, steps: list[str], issue: str | None
):
    """G-01, G-16: two rounds at each step, then approved to the merge; the internal pipeline files no issue and is decided all the same."""
    served(world, module)
    world.begin_run("g", GIVEN, thread_id="t-1")
    for step in steps:
        assert (world.only("step").step, world.only().round) == (step, 1)
        assert world.only().labels.get("issue") == issue
        again = decided(world, "feedback", "more, please")
        assert again is not None
        assert (again.step, again.round) == (step, 2)
        decided(world)
    assert [run.status for run in world.runs()] == ["succeeded"]
    assert [tool for tool, _ in acts(world)] == [*(ALL if issue else ALL[1:])[:-1], "commit_files", ALL[4]]
    (pull,) = github.pulls
    assert pull.merged_at is not None
    assert len([each for each in github.issues if not each.pull]) == (1 if issue else 0)


@pytest.mark.databases("memory")
def test_the_issue_of_the_label_is_used(world: World, github: FakeGitHub):
    """G-02: none is filed beside it; what the payload does not say is read. A second run on the thread has a pull request of its own."""
    issue = github.open_issue(SHOP, "ann", TITLE, BODY)
    served(world, "coding")
    for number, given in ((2, {"repository": SHOP, "issue": issue.number}), (3, {**GIVEN, "issue": "1"})):
        world.begin_run("g", given, thread_id="t-1")
        assert world.only().labels["issue_url"] == f"{github.web_url}/{SHOP}/issues/1"
        assert "pull_request" not in world.only().labels
        decided(world)
        assert world.only().labels["pull_request"] == str(number)
        decided(world, "reject", "not like this")
    assert [run.status for run in world.runs()] == ["succeeded", "succeeded"]
    assert [tool for tool, _ in acts(world)] == [*ALL[1:4], *ALL[1:4]]
    assert [each.merged_at for each in github.pulls] == [None, None]
    assert len({each.head for each in github.pulls}) == 2


# what others do meanwhile ------------------------------------------------------------------------------------------------


@pytest.mark.databases("memory")
def test_a_branch_that_moved_is_reviewed_again(world: World, github: FakeGitHub):
    """G-13: only the commit that was approved is merged; the next review shows the branch as it is, others' work included."""
    served(world, "bugfix")
    world.begin_run("g", GIVEN, thread_id="t-1")
    decided(world)
    (pull,) = github.pulls
    old = github.branches(SHOP)[pull.head]
    new = github.push(SHOP, "ann", pull.head, {"app/login.py": "def login():\n    return 1\n"})
    again = decided(world)
    assert again is not None
    assert again.step == "merge-approval"
    assert again.args["pull_request"].startswith(f"{SHOP}#2 at {new[:7]}\n")  # type: ignore[index]
    assert f"It was approved at {old[:7]} and not merged" in again.description
    assert again.labels["head_sha"] == new
    assert "-    pass\n+    return 1" in again.args["changes"]  # type: ignore[index]
    assert f"+++ b/{NOTE}" in again.args["changes"]  # type: ignore[index]
    failed = world.actions()[-1]
    assert (failed.tool, failed.status) == ("merge_pull_request", "failed")
    assert "Pull request #2 was not merged: its branch has moved on from" in str(failed.error)

    fix = decided(world, "feedback", "say thanks to ann")
    assert fix is not None
    assert "+    return 1" in fix.args["changes"], "her commit is a part of what is reviewed"  # type: ignore[index]
    decided(world)
    decided(world)
    assert world.runs()[0].status == "succeeded"
    assert github.files(SHOP)["app/login.py"] == "def login():\n    return 1\n"
    assert "say thanks to ann" in github.files(SHOP)[NOTE]


@pytest.mark.databases("memory")
def test_a_commit_that_came_in_between_is_kept(world: World, github: FakeGitHub):
    """What was shown is what runs: the change is made on top of what people saw, or it is shown again; nobody's push is lost."""
    served(world, "bugfix")
    world.begin_run("g", GIVEN, thread_id="t-1")
    decided(world)
    decided(world, "feedback", "say more")
    (pull,) = github.pulls
    new = github.push(SHOP, "ann", pull.head, {"app/login.py": "def login():\n    return 1\n"})
    again = decided(world)
    assert again is not None
    assert again.step == "fix-review"
    assert f"The branch has moved on to {new[:7]} since this was proposed" in again.description
    assert "+    return 1" in again.args["changes"]  # type: ignore[index]
    assert acts(world)[-1] == ("commit_files", "failed")
    merge = decided(world)
    assert merge is not None
    assert (merge.step, merge.description) == ("merge-approval", "")
    decided(world)
    assert world.runs()[0].status == "succeeded"
    assert github.files(SHOP)["app/login.py"] == "def login():\n    return 1\n"
    assert "say more" in github.files(SHOP)[NOTE]


@pytest.mark.databases("memory")
@pytest.mark.parametrize(("deed", "status"), [("merge", "succeeded"), ("close", "failed")])
def test_what_people_did_by_hand(world: World, github: FakeGitHub, deed: str, status: str):
    """S-09: merged by somebody is merged; closed ends the run with GitHub's own words."""
    served(world, "bugfix")
    world.begin_run("g", GIVEN, thread_id="t-1")
    decided(world)
    if deed == "merge":
        github.merge(SHOP, 2, "ann")
    else:
        github.close_issue(SHOP, 2, "ann")
    assert decided(world) is None
    (run,) = world.runs()
    assert run.status == status
    if deed == "merge":
        assert values(world)["merged"] == github.branches(SHOP)["main"]
    else:
        refused = "merge_pull_request failed: Refused: GitHub refused to merge pull request #2 (405)"
        assert values(world)["problem"].startswith(refused)
        assert values(world)["problem"] in str(run.error)


@pytest.mark.databases("memory")
def test_what_cannot_be_merged_is_decided_again(world: World, github: FakeGitHub):
    """S-09, G-06: in conflict with its base: the act failed, and people who look again are told why."""
    served(world, "bugfix")
    world.begin_run("g", GIVEN, thread_id="t-1")
    decided(world)
    github.push(SHOP, "ann", "main", {NOTE: "something else\n"})
    again = decided(world)
    assert again is not None
    assert again.step == "merge-approval"
    assert "It was approved and could not be merged." in again.description
    assert "not mergeable" in again.description
    assert acts(world)[-1] == ("merge_pull_request", "failed")
    decided(world, "reject", "somebody else was faster")
    assert world.runs()[0].status == "succeeded"
