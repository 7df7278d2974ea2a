"""The delivery workflows without a GitHub: what people are asked, how feedback works, and what a run says that cannot go on."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import pytest

from hitl_middleware.manifest import EXAMPLES
from hitl_middleware.records import ReviewRequest

from tests.kit.world import World, on

GIVEN = {
    "repository": "acme/shop",
    "issue": 12,
    "issue_url": "https://github.com/acme/shop/issues/12",
    "title": "Login fails on Safari",
    "body": "The form in app/login.py ends in a 500.",
}
UNCONFIGURED = "Stopped: GitHub is not configured, so nothing was done there."

WORKFLOWS = {
    "standard": ["options-review", "plan-review"],
    "bugfix": ["fix-review"],
    "feature": ["design-review", "feature-plan-review"],
    "coding": ["plan-approval"],
    "coding_internal": ["plan-approval"],
}
"""The human steps up to the pull request."""


@pytest.fixture(autouse=True)
def no_github(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is configured."""
    for name in ("GITHUB_TOKEN", "GITHUB_APP_ID", "GITHUB_WEBHOOK_SECRET", "HITL_MODEL"):
        monkeypatch.delenv(name, raising=False)


def begun(world: World, module: str, given: Any = None) -> Any:
    """A run of a workflow on thread ``t-1``, up to its first question; the graph."""
    world.serve("g", import_module(f"hitl_graphs.delivery.{module}").build_graph(world))
    world.begin_run("g", GIVEN if given is None else given, thread_id="t-1")
    return world.graphs._graphs["g"]


def answered(world: World, *how: str) -> ReviewRequest:
    """Answer the one open question; what is asked then."""
    kind, *words = how
    world.decide(world.only("step"), kind, **({"message": words[0]} if words else {}))  # type: ignore[arg-type]
    world.step()
    return world.only("step")


@pytest.mark.databases("memory")
@pytest.mark.parametrize(("module", "steps"), WORKFLOWS.items())
def test_every_step_asks_and_takes_feedback(world: World, module: str, steps: Sequence[str]):
    """G-01, G-06, G-16: without GitHub a run suspends and is decided elsewhere; feedback shows in round 2; then it says why it stops."""
    begun(world, module)
    for step in steps:
        request = world.only("step")
        assert (request.step, request.round, request.notes) == (step, 1, ())
        assert request.labels == {
            "repository": "acme/shop",
            "issue": "12",
            "issue_url": "https://github.com/acme/shop/issues/12",
        }
        assert request.args
        assert all(
            isinstance(text, str) and "Login fails" in text for text in list(request.args.values())[:1]
        )
        again = answered(world, "feedback", "mention the cookie")
        assert (again.step, again.round) == (step, 2)
        assert again.args != request.args
        assert any(
            "Revised after feedback: mention the cookie" in text for text in (again.args or {}).values()
        )
        assert again.notes == ("Round 1: local:ann asked for a revision: mention the cookie",)
        world.decide(again)
        world.step()
    (run,) = world.runs()
    assert (run.status, world.pending(), world.actions()) == ("failed", [], [])
    assert str(run.error).startswith(UNCONFIGURED)
    assert "Set GITHUB_TOKEN" in str(run.error)


@pytest.mark.databases("memory")
def test_rejecting_stops_with_the_reason(world: World):
    """G-06: nothing follows; the reason stands in the state."""
    graph = begun(world, "bugfix")
    world.decide(world.only(), "reject", message="not worth it")
    world.step()
    assert world.runs()[0].status == "succeeded"
    values = graph.get_state(on()).values
    assert (values["fix_review"]["decision"], values["fix_review"]["message"]) == ("reject", "not worth it")
    assert not values.get("problem")
    assert world.actions() == []


@pytest.mark.databases("memory")
def test_the_last_round_takes_no_feedback(world: World):
    """G-06: a loop ends: in round 10 it is approve or reject, and the card says so."""
    begun(world, "bugfix")
    for _ in range(9):
        answered(world, "feedback", "once more")
    request = world.only()
    assert request.round == 10
    assert request.plan.allowed_decisions == ("approve", "reject")
    assert request.notes[-1] == "Round 10 is the last one: feedback is not taken any more"


@pytest.mark.databases("memory")
def test_a_second_run_on_the_thread_begins_anew(world: World):
    """G-02: a second label runs on the same thread; of the run before nothing is left, also where that one failed."""
    graph = begun(world, "standard")
    answered(world, "feedback", "take 2")
    assert answered(world, "approve").step == "plan-review"
    world.decide(world.only())
    world.step()
    assert world.runs()[0].status == "failed"

    world.begin_run("g", {"repository": "acme/shop", "title": "Add a search"}, thread_id="t-1")
    request = world.only()
    assert (request.step, request.round, request.notes) == ("options-review", 1, ())
    assert request.labels == {"repository": "acme/shop"}
    values = graph.get_state(on()).values
    assert values["task"] == {
        "repository": "acme/shop", "issue": None, "issue_url": None, "title": "Add a search", "body": "", "base": None,
    }  # fmt: skip
    left = {key for key, value in values.items() if value is not None}
    assert left == {"task", "analysis", "options"}
    assert "Login" not in str(request.args)


@pytest.mark.databases("memory")
@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"title": "Login fails"}, "InputUnusable: The input does not fit: there is no repository in it."),
        ({"repository": "acme/shop", "issue": 12}, "without GitHub configured the issue cannot be read"),
    ],
)
def test_an_unusable_input_fails_the_run_with_a_sentence(world: World, given: Any, sentence: str):
    """E-04: nobody is asked, nothing is done."""
    begun(world, "coding", given)
    (run,) = world.runs()
    assert (run.status, world.requests(), world.actions()) == ("failed", [], [])
    assert sentence in str(run.error)


def test_the_shipped_names(monkeypatch: pytest.MonkeyPatch):
    """G-01: each workflow is served under its name, with its human steps, and loads without any setting."""
    from pathlib import Path

    from hitl_middleware import Hitl
    from hitl_middleware.manifest import load_graph, read_manifest

    monkeypatch.setenv("HITL_DATABASE_URL", "memory://")
    manifest = read_manifest(Path(__file__).parents[2] / "langgraph.json")
    assert manifest == EXAMPLES
    steps = {
        "sdlc-standard": {"options-review", "plan-review", "pr-approval"},
        "sdlc-bugfix": {"fix-review", "merge-approval"},
        "sdlc-feature": {"design-review", "feature-plan-review", "feature-pr-approval"},
        "coding-pipeline": {"plan-approval", "pr-review"},
        "coding-pipeline-internal": {"plan-approval", "pr-review"},
    }
    try:
        for name, names in steps.items():
            graph = load_graph(name, manifest[name], Path()).graph
            assert graph.get_name() == name
            assert {each for each in graph.nodes if each.endswith(("review", "approval"))} == names
    finally:
        Hitl.from_env().stop()
