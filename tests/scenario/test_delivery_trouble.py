"""The delivery workflows on a GitHub in trouble: answers that are lost, refused or senseless, and deaths – each act once all the same."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hitl_middleware.clock import ManualClock
from hitl_middleware.testing.fake_github import (
    FakeGitHub,
    Fault,
    Garbage,
    LostReply,
    Refused,
    ServerError,
    ServerErrorAfterAccepting,
)

from tests.kit.delivery import (
    GIVEN,
    SHOP,
    acts,
    decided,
    done_once,
    served,
    shop,
    step_and_die,
    values,
)
from tests.kit.dying import KILLED, in_process
from tests.kit.world import LEASE, World

ALL = ["create_issue", "create_branch", "commit_files", "open_pull_request", "merge_pull_request"]


@pytest.fixture
def github(clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    """A shop on GitHub."""
    with shop(clock, monkeypatch) as fake:
        yield fake


WRITES = [
    ("POST", f"/repos/{SHOP}/issues"),
    ("POST", f"/repos/{SHOP}/git/refs"),
    ("PATCH", f"/repos/{SHOP}/git/refs/*"),
    ("POST", f"/repos/{SHOP}/pulls"),
    ("PUT", f"/repos/{SHOP}/pulls/2/merge"),
]


@pytest.mark.databases("memory")
@pytest.mark.parametrize("fault", [LostReply(), ServerErrorAfterAccepting()], ids=lambda f: type(f).__name__)
def test_lost_answers_do_nothing_twice(world: World, github: FakeGitHub, fault: Fault):
    """G-01, rule 2: of every act the answer is lost; GitHub itself says that it is done, nobody is asked, nothing happens twice."""
    for method, path in WRITES:
        github.fail(method, path, fault)
    served(world, "bugfix")
    world.begin_run("g", GIVEN, thread_id="t-1")
    decided(world)
    decided(world)
    assert github.faults == []
    done_once(world, github)
    assert [(a.tool, a.status, a.settled_by) for a in world.actions()] == [
        (t, "succeeded", "reconcile") for t in ALL
    ]
    assert {request.kind for request in world.requests()} == {"step"}


@pytest.mark.databases("memory")
def test_an_act_that_did_not_arrive_is_begun_again(world: World, github: FakeGitHub):
    """Rule 2: GitHub shows nothing of it, so it failed; the next attempt is an action of its own. Of an issue a person has to say so."""
    for method, path in WRITES:
        github.fail(method, path, ServerError(502))
    served(world, "bugfix")
    world.begin_run("g", GIVEN, thread_id="t-1")
    assert world.only().kind == "outcome", (
        "an issue may still be on its way, and two of them would be two discussions"
    )
    world.say(world.actions()[0], "retry")
    world.step()
    decided(world)
    decided(world)
    done_once(world, github)
    assert acts(world)[0] == ("create_issue", "succeeded")
    assert acts(world)[1:] == [(tool, status) for tool in ALL[1:] for status in ("failed", "succeeded")]


@pytest.mark.databases("memory")
def test_an_issue_that_came_after_all_is_not_filed_twice(world: World, github: FakeGitHub):
    """Rule 2: the answer was lost and GitHub could not be asked; whoever says "retry" is spared a second issue."""
    github.fail("POST", "*/issues", LostReply())
    github.fail("GET", "*/issues", ServerError(503), times=3)
    served(world, "bugfix")
    world.begin_run("g", GIVEN, thread_id="t-1")
    assert (world.only().kind, world.only().labels) == ("outcome", {"repository": SHOP})
    github.recover()
    world.say(world.actions()[0], "retry")
    world.step()
    assert [each.number for each in github.issues] == [1]
    assert values(world)["task"]["issue"] == 1
    assert world.only().step == "fix-review"


@pytest.mark.databases("memory")
@pytest.mark.parametrize(
    ("method", "path", "sentence"),
    [
        (
            "POST",
            "*/issues",
            "create_issue failed: Refused: GitHub refused to file an issue in acme/shop (403)",
        ),
        (
            "POST",
            "*/git/refs",
            "create_branch failed: Refused: GitHub refused to create the branch hitl/1-login",
        ),
        (
            "POST",
            "*/pulls",
            "open_pull_request failed: Refused: GitHub refused to open a pull request for hitl/1",
        ),
        ("GET", "*/branches/*", "GitHub refused to look at acme/shop (403): Resource not accessible"),
    ],
)
def test_what_github_refuses_ends_the_run(
    world: World, github: FakeGitHub, method: str, path: str, sentence: str
):
    """S-09, E-04: no second attempt, no loop: the run fails with the reason, and so stands the act on record."""
    github.fail(method, path, Refused(403))
    served(world, "bugfix")
    world.begin_run("g", GIVEN, thread_id="t-1")
    while world.pending():
        decided(world)
    (run,) = world.runs()
    assert run.status == "failed"
    assert sentence in str(run.error)
    assert sentence in values(world)["problem"]
    assert len([status for _, status in acts(world) if status == "failed"]) == (method == "POST")


@pytest.mark.databases("memory")
def test_an_answer_that_makes_no_sense(world: World, github: FakeGitHub):
    """G-14: a proxy's page in place of GitHub's words is as good as no answer: people are told; what was to be done is looked up."""
    github.fail("GET", "*/branches/main", Garbage())
    github.fail("PUT", "*/merge", Garbage())
    served(world, "bugfix")
    world.begin_run("g", GIVEN, thread_id="t-1")
    assert "The repository could not be read" in world.only("step").description
    seeing = decided(world)
    assert seeing is not None
    assert seeing.step == "fix-review"
    assert "This was proposed before the repository could be read. Now it could." in seeing.description
    merge = decided(world)
    assert merge is not None
    assert merge.description == ""
    decided(world)
    done_once(world, github)
    assert [status for tool, status in acts(world) if tool == "merge_pull_request"] == ["failed", "succeeded"]


@pytest.mark.databases("memory")
@pytest.mark.parametrize("revised", [False, True])
def test_github_away_for_a_while(world: World, github: FakeGitHub, revised: bool):
    """G-14, G-16: people are asked all the same, and told what could not be looked at; before anything is written it is looked at."""
    github.push(SHOP, "ann", "main", {"docs/changes/7-login-fails-on-safari.md": "old\n"})
    with github.unreachable():
        served(world, "bugfix")
        world.begin_run("g", {**GIVEN, "issue": 7}, thread_id="t-1")
        blind = world.only("step")
        assert "The repository could not be read, so every file is shown as new." in blind.description
        assert "-old" not in blind.args["changes"]  # type: ignore[index]
        still = decided(world, "feedback", "more")
        assert still is not None
        assert still.description == blind.description
    seeing = decided(world, "feedback", "and more") if revised else decided(world)
    assert seeing is not None
    assert seeing.step == "fix-review"
    assert "could not be read" not in seeing.description
    assert ("Now it could" in seeing.description, seeing.round) == ((False, 3) if revised else (True, 1))
    assert "-old" in seeing.args["changes"]  # type: ignore[index]
    assert world.actions() == []
    merge = decided(world)
    assert merge is not None
    assert merge.step == "merge-approval"

    with github.unreachable():
        decided(world)
        assert world.only().kind == "outcome", "it may have been merged"
    world.say(world.actions()[-1], "retry")
    world.step()
    assert world.runs()[0].status == "succeeded"
    assert github.pull(SHOP, merge_number := int(merge.labels["pull_request"])).merged_at is not None, (
        merge_number
    )


@pytest.mark.databases("sqlite")
def test_killed_after_an_effect(world: World, github: FakeGitHub, url: str):
    """G-01, rule 2: SIGKILL after an effect and before it is settled: the next process finds what was done and goes on."""

    def die(where: str) -> None:
        at, environ = world.time.now(), github.environ
        assert in_process(step_and_die, url, at, environ, "bugfix", where) == KILLED
        world.wait(3 * LEASE)
        world.step()

    served(world, "bugfix")
    world.begin_run("g", GIVEN, thread_id="t-1")
    world.decide(world.only("step"))
    die("effect.after=kill@2")
    world.decide(world.only("step"))
    die("effect.after=kill")
    done_once(world, github)
    found = {action.tool for action in world.actions() if action.settled_by == "reconcile"}
    assert found == {"commit_files", "merge_pull_request"}
    assert acts(world) == [(tool, "succeeded") for tool in ALL]
    assert {request.kind for request in world.requests()} == {"step"}, "nobody was asked what became of it"
