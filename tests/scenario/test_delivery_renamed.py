"""A repository that is renamed while a workflow is at it (G-01): what is said to be done is done, and what is shown is all there is."""

from __future__ import annotations

import pytest

from hitl_middleware.clock import ManualClock
from hitl_middleware.testing.fake_github import ServerError

from tests.kit.delivery import GIVEN, SHOP, acts, decided, served, shop, values
from tests.kit.world import World

pytestmark = pytest.mark.databases("memory")
STORE = "acme/store"


def test_the_workflow_goes_on_there(world: World, clock: ManualClock, monkeypatch: pytest.MonkeyPatch):
    """G-01, rule 4: each act is done where the repository is now. GitHub answers a write to the old name with a redirect, no error."""
    with shop(clock, monkeypatch) as github:
        served(world, "bugfix")
        world.begin_run("g", GIVEN, thread_id="t-1")
        github.person("zoe", permission="admin")
        github.rename_repository(SHOP, "zoe", "store")
        merge = decided(world)
        assert merge is not None
        (pull,) = github.pulls
        assert set(github.branches(STORE)) == {"main", pull.head}

        # Somebody else's commit, in a folder: what is shown anew is read from the trees, all their levels.
        github.push(STORE, "ann", pull.head, {"app/login.py": "def login():\n    return 1\n"})
        again = decided(world)
        assert again is not None
        assert "+    return 1" in again.args["changes"]  # type: ignore[index]
        decided(world)
        assert world.runs()[0].status == "succeeded"
        assert values(world)["merged"] == github.branches(STORE)["main"]
        assert [status for tool, status in acts(world) if tool != "merge_pull_request"] == ["succeeded"] * 4


def test_a_redirect_is_not_taken_for_an_act(
    world: World, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
):
    """Rule 4: where the present name cannot be asked for and the write is sent on, nobody says that it was done."""
    with shop(clock, monkeypatch) as github:
        served(world, "bugfix")
        world.begin_run("g", GIVEN, thread_id="t-1")
        github.person("zoe", permission="admin")
        github.rename_repository(SHOP, "zoe", "store")
        github.fail("GET", f"/repos/{SHOP}", ServerError())
        decided(world)
        first = next(action for action in world.actions() if action.tool == "create_branch")
        assert first.status != "succeeded"
