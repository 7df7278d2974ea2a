"""Processes that are told to leave (issue 5, item 7): what is under way is finished, the rest is another one's at once."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.chaos.stage import SERVE, Stage
from tests.kit.databases import on_each
from tests.kit.lives import Life

pytestmark = pytest.mark.chaos

LEASE = "60"
"""Longer than any test waits: nobody takes over what was not handed back."""


@on_each("role", sqlite=["serve"], postgresql=["worker"])
def test_told_to_leave(make_stage: Callable[..., Stage], tmp_path: Path, role: str) -> None:
    """O-09, issue 5: SIGTERM to a server or a worker with two runs under way. It ends the run that ends in time, and leaves with 0.

    The other run is cut and its lease handed back: a second process takes it over at once, long before the lease would have run out.
    Told twice, a process ends at once.
    """
    turns = tmp_path / "turns"
    turns.mkdir()
    environ = {"TURNS": str(turns), "HITL_LEASE_SECONDS": LEASE, "HITL_STOP_SECONDS": "10"}
    stage = make_stage(graph=("slow", "./slowdesk.py:make_graph"), in_slack=False, environ=environ)
    shutil.copy(Path(__file__).with_name("slowdesk.py"), stage.folder)
    first = one_more(stage, role)
    runs = {name: stage.begin_with({"name": name}) for name in ("short", "long")}
    stage.until("both are under way", lambda: begun(turns, "short") == begun(turns, "long") == [first.pid])
    url = stage.url

    os.kill(first.pid, signal.SIGTERM)
    stage.until_told(first, "stopping")
    (turns / "short.go").touch()
    assert first.death() == 0, first.told()
    assert (turns / "short.ended").read_text() == str(first.pid)
    if role == "serve":
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{url}/readyz", trust_env=False)
    second = one_more(stage, role)
    assert stage.run(runs["short"])["status"] == "succeeded"
    stage.until("the other one is taken over", lambda: begun(turns, "long") == [first.pid, second.pid])
    assert begun(turns, "short") == [first.pid]

    os.kill(second.pid, signal.SIGTERM)
    stage.until_told(second, "stopping")
    os.kill(second.pid, signal.SIGINT)
    assert second.death() == 128 + signal.SIGINT


def one_more(stage: Stage, role: str) -> Life:
    """One more process that runs graphs: the server that is asked from now on, or a worker beside a server that runs none."""
    if role == "serve":
        stage.life = None
        return stage.revive()
    if stage.life is None:
        stage.life = stage.start(words=(*SERVE, "--no-worker"))
        stage.listen_to(stage.life.line() or stage.life.told())
    worker = stage.start(words=("worker",))
    assert worker.line() == "Working on: slow"
    return worker


def begun(turns: Path, name: str) -> list[int]:
    """Which processes began this turn, in order."""
    file = turns / f"{name}.begun"
    return [int(line) for line in file.read_text().split()] if file.exists() else []
