"""A world that serves a delivery workflow on a fake GitHub with a shop in it, and processes of it that die."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest

from hitl_middleware import failpoints
from hitl_middleware.clock import ManualClock
from hitl_middleware.records import ReviewRequest
from hitl_middleware.testing.fake_github import FakeGitHub

from tests.kit.world import World, on

SHOP = "acme/shop"
FILES = {"README.md": "# shop\n", "app/login.py": "def login():\n    pass\n"}
TITLE, BODY = "Login fails on Safari", "The form in app/login.py ends in a 500. It worked last week."
GIVEN = {"repository": SHOP, "title": TITLE, "body": BODY}


@contextmanager
def shop(clock: ManualClock, patch: pytest.MonkeyPatch) -> Iterator[FakeGitHub]:
    """A shop on GitHub; the workflows act as its bot, with their script."""
    patch.delenv("HITL_MODEL", raising=False)
    with FakeGitHub(now=lambda: clock.now().timestamp()) as fake:
        fake.repository(SHOP, files=FILES)
        fake.person("ann", permission="write")
        for name, value in fake.environ.items():
            patch.setenv(name, value)
        yield fake


def served(world: World, module: str, author: Any = None) -> None:
    """Have the world serve a workflow as ``g``."""
    world.serve("g", import_module(f"hitl_graphs.delivery.{module}").build_graph(world, author))


def values(world: World) -> dict[str, Any]:
    """The state of thread ``t-1``."""
    found: dict[str, Any] = world.graphs._graphs["g"].get_state(on()).values
    return found


def decided(world: World, kind: Any = "approve", message: str | None = None) -> ReviewRequest | None:
    """Answer the one open question; what is asked then, if anything."""
    world.decide(world.only("step"), kind, message=message)
    world.step()
    asked = world.pending("step")
    return asked[0] if asked else None


def acts(world: World) -> list[tuple[str, str]]:
    """What was done on GitHub, in order: tool and status."""
    return [(action.tool, action.status) for action in world.actions()]


def step_and_die(url: str, at: dt.datetime, environ: Mapping[str, str], module: str, where: str) -> None:
    """Carry the workflow's run on, in a process of its own, and be killed (``effect.after=kill``)."""
    os.environ |= environ
    world = World(url, clock=ManualClock(at))
    served(world, module)
    failpoints._PLAN = failpoints._parse(where)
    world.step()


def done_once(world: World, github: FakeGitHub, *, commits: int = 1) -> None:
    """All of it is there, and none of it twice."""
    (run,) = world.runs()
    assert (run.status, run.error) == ("succeeded", None)
    assert [each.title for each in github.issues if not each.pull] == [TITLE]
    (pull,) = github.pulls
    assert pull.merged_at is not None
    assert set(github.branches(SHOP)) == {"main", pull.head}
    marked = [each for each in github.log(SHOP) if "Hitl-Change:" in each.message]
    assert len(marked) == commits
    assert len([each for each in github.log(SHOP) if each.message.startswith("Merge pull request")]) == 1
    assert values(world)["merged"] == github.branches(SHOP)["main"]
