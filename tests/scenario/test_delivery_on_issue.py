"""A bug, from its label to the merge: people decide on the issue and on the pull request, everything over signed HTTP."""

from __future__ import annotations

import pytest

from hitl_graphs.delivery.bugfix import build_graph

from tests.kit.issue_stage import SHOP, github_stage
from tests.kit.world import World

BODY = "As @meg saw, the form in `app/login.py` ends in a 500, see #7. Fixes #8."


@pytest.mark.databases("memory")
def test_a_bug_is_mended_by_comments_and_reviews(world: World, monkeypatch: pytest.MonkeyPatch):
    """G-01 to G-06, G-13: two rounds by command, one by a review that wants changes; only a review of the newest commit merges it."""
    monkeypatch.delenv("HITL_MODEL", raising=False)
    with github_stage(world, monkeypatch, graph=build_graph(world)) as stage:
        issue = stage.opened("Login fails on Safari", BODY)
        (run,) = world.runs()
        assert (run.status, run.requester) == ("suspended", "github:bob")
        assert world.only().labels["issue"] == str(issue.number)
        assert [each for each in stage.fake.issues if not each.pull] == [stage.fake.issue(SHOP, issue.number)]

        stage.says("ann", "/feedback name the browser\nand its version")
        first, second = stage.cards()
        assert "Revision requested by @ann" in stage.reads(first)
        assert "Revised after feedback: name the browser\nand its version" in stage.reads(second)
        assert "+As @meg saw, the form in `app/login.py` ends in a 500, see #7." in stage.reads(second)
        assert stage.fake.pulls == []

        stage.says("ann", "/approve")
        (pull,) = stage.fake.pulls
        old = stage.fake.branches(SHOP)[pull.head]
        assert f"#2 at {old[:12]}" in stage.reads(stage.cards()[-1])

        stage.clock.advance(1)  # GitHub tells times in whole seconds
        stage.fake.review(SHOP, 2, "ann", "request_changes", "Thank Meg, too.")
        world.step()
        assert world.only().step == "fix-review"
        assert "+Revised after feedback: Thank Meg, too." in stage.reads(stage.cards()[-1])
        stage.says("meg", "/approve")
        new = stage.fake.branches(SHOP)[pull.head]
        assert new != old

        stage.clock.advance(1)
        stage.fake.review(SHOP, 2, "meg", "approve", commit_id=old)
        world.step()
        assert (world.only().step, world.only().labels["head_sha"]) == ("merge-approval", new)
        stage.fake.review(SHOP, 2, "meg", "approve", "Lovely.")
        world.step()

        assert [each.status for each in world.runs()] == ["succeeded"]
        assert world.pending() == []
        assert stage.fake.pull(SHOP, 2).merged_at is not None
        assert stage.fake.issue(SHOP, issue.number).state == "closed"
        (note,) = [path for path in stage.fake.files(SHOP) if path.startswith("docs/changes/")]
        for words in ("name the browser and its version", "Thank Meg, too."):
            assert words in stage.fake.files(SHOP)[note]
        assert len(stage.cards()) == 5
        assert len([each for each in stage.notes() if "Resumed" in each]) == 3
        proposal = stage.fake.seen(stage.fake.issue(SHOP, 2).body or "")
        assert "As @meg saw" in proposal.text
        assert (proposal.mentions, proposal.references) == ((), (("", issue.number),)), (
            "quoted words tell nobody"
        )
