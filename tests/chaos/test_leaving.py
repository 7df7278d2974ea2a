"""Processes that are told to leave (issue 5, item 7): what is under way is finished, the rest is another one's at once."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.chaos.stage import Stage

pytestmark = pytest.mark.chaos

LEASE = "60"
"""Longer than any test waits: nobody takes over what was not handed back."""


def test_told_to_leave(make_stage: Callable[..., Stage], tmp_path: Path) -> None:
    """O-09, issue 5: SIGTERM to a server with two runs under way. It answers no more, ends the run that ends in time, and leaves with 0.

    The other run is cut and its lease handed back: a second process takes it over at once, long before the lease would have run out.
    Told twice, a process ends at once.
    """
    turns = tmp_path / "turns"
    turns.mkdir()
    environ = {"TURNS": str(turns), "HITL_LEASE_SECONDS": LEASE, "HITL_STOP_SECONDS": "6"}
    stage = make_stage(graph=("slow", "./slowdesk.py:make_graph"), in_slack=False, environ=environ)
    shutil.copy(Path(__file__).with_name("slowdesk.py"), stage.folder)
    first = stage.revive()
    runs = {name: stage.begin_with({"name": name}) for name in ("short", "long")}
    stage.until("both are under way", lambda: begun(turns, "short") == begun(turns, "long") == [first.pid])
    first_url = stage.url

    os.kill(first.pid, signal.SIGTERM)
    stage.until_told(first, "stopping")
    (turns / "short.go").touch()
    assert first.death() == 0, first.told()
    assert (turns / "short.ended").read_text() == str(first.pid)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{first_url}/readyz", trust_env=False)

    stage.life = None
    second = stage.revive()
    assert stage.run(runs["short"])["status"] == "succeeded"
    stage.until("the other one is taken over", lambda: begun(turns, "long") == [first.pid, second.pid])
    assert begun(turns, "short") == [first.pid]

    os.kill(second.pid, signal.SIGTERM)
    stage.until_told(second, "stopping")
    os.kill(second.pid, signal.SIGINT)
    assert second.death() == 128 + signal.SIGINT


def begun(turns: Path, name: str) -> list[int]:
    """Which processes began this turn, in order."""
    file = turns / f"{name}.begun"
    return [int(line) for line in file.read_text().split()] if file.exists() else []
