"""The shipped resume-safety suite, pointed at this library and at LangChain and LangGraph alone: measured, not assumed."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from hitl_middleware.testing import resume_safety
from hitl_middleware.testing.resume_safety import ours, plain  # noqa: F401 – loaded once for both runs

from tests.kit.inner import Inner, run_inner

README = Path(__file__).parents[2] / "README.md"
SUITE = "hitl_middleware.testing.resume_safety"


def suite(folder: Path, *arguments: str) -> Inner:
    """The suite as its users start it."""
    return run_inner(folder, "--pyargs", SUITE, *arguments, plugins=["hitl_middleware.testing.plugin"])


def words(test: str) -> str:
    """A test's name as the table has it."""
    found = re.fullmatch(r"test_(\w+?)(?:\[(\w+)\])?", test)
    assert found is not None
    return found[1].replace("_", " ") + (f" ({found[2]})" if found[2] else "")


def test_the_table_is_what_is_measured(tmp_path):
    """E-02: this library keeps every promise of the suite; plain LangChain and LangGraph break exactly those the documentation names."""
    for name in ("ours", "plain"):
        (tmp_path / name).mkdir()
    mine = suite(tmp_path / "ours", "--runner", f"{SUITE}.ours:HitlRunner")
    stock = suite(tmp_path / "plain", f"--runner={SUITE}.plain:PlainRunner")
    assert list(mine.outcomes) == list(stock.outcomes), (
        "a test that broke around its hazard says nothing about it"
    )
    said = {"passed": "holds", "failed": "fails"}
    drawn = [
        f"    {words(test):<33} {said[mine.outcomes[test]]:<17} {said[stock.outcomes[test]]}"
        for test in mine.outcomes
    ]
    documented = inspect.cleandoc(resume_safety.__doc__ or "")
    assert "\n".join(drawn) in documented, "\n".join(drawn) + mine.output
    assert set(mine.outcomes.values()) == {"passed"}
    measured = (
        f"Of its {len(stock.outcomes)} hazards LangChain and LangGraph alone fail {stock.count('failed')}"
    )
    assert measured in README.read_text(encoding="utf-8").replace("\n", " ")
    for sentence in (
        "Two servers that were given the same yes performed the act twice.",
        "A late duplicate of the first answer approved the next question, which nobody had read.",
        "One yes, and a retry around the tool performed the act 3 times.",
    ):
        assert sentence in stock.output


def test_a_runner_that_is_missing_is_told(tmp_path):
    """E-04: without --runner, and with one that does not exist, the suite says what to give."""
    unsaid = suite(tmp_path, "-k", "yes_is_once")
    assert "say whose safety is tested with --runner my.module:Runner" in unsaid.output
    wrong = suite(tmp_path, "-k", "yes_is_once", "--runner", "hitl_middleware:Nobody")
    assert (
        "--runner hitl_middleware:Nobody: module 'hitl_middleware' has no attribute 'Nobody'" in wrong.output
    )
    assert {*unsaid.outcomes.values(), *wrong.outcomes.values()} == {"failed"}
