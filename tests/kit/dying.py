"""Processes that die in the middle, on a database that others go on with."""

from __future__ import annotations

import datetime as dt
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langchain_core.tools import BaseTool

from hitl_middleware import failpoints
from hitl_middleware.clock import ManualClock

from tests.kit.effects import Effects
from tests.kit.forks import fork
from tests.kit.models import asks, call, says, script
from tests.kit.world import World, on

KILLED = -signal.SIGKILL
BODY = "body"
"""Instead of a failpoint: the process is killed in the tool's body, after the effect."""


def in_process(what: Callable[..., None], *args: Any) -> int:
    """Do ``what`` in a process of its own; its exit code."""
    process = fork(what, *args)
    process.join(60)
    code = process.exitcode
    process.close()
    assert code is not None
    return code


def die() -> None:
    """As ``kill -9`` does it: nothing is tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)


def tools_of(effects: Effects) -> list[BaseTool]:
    """``pay``, which is gated, and ``look``, which is not."""
    return [effects.pay_tool(), effects.look_tool()]


def world_at(url: str, at: dt.datetime, book: str, *, turn: str = "pay") -> tuple[World, Effects]:
    """A world that serves graph ``a``: one turn with a call of ``pay`` or ``look``, effects written to ``book``."""
    world, effects = World(url, clock=ManualClock(at)), Effects(file=Path(book))
    one = call("pay", amount=7) if turn == "pay" else call("look", what="it")
    world.serve("a", world.agent(tools_of(effects), script(says(one))))
    return world, effects


def step_and_die(url: str, at: dt.datetime, book: str, where: str) -> None:
    """Do what is due on ``url``, and be killed at a failpoint (``settle.after``) or in the tool's body."""
    world, effects = world_at(url, at, book)
    if where == BODY:
        effects.then = die
    else:
        failpoints._PLAN = failpoints._parse(f"{where}=kill")
    world.step()


def start_and_die(url: str, at: dt.datetime, book: str, thread: str, attached: bool) -> None:
    """Begin a run, driven by us or by its caller, and be killed in the middle of a tool that nobody has to approve."""
    world, effects = world_at(url, at, book, turn="look")
    effects.then = die
    if attached:
        graph = world.attach(world.agent(tools_of(effects), script(says(call("look", what="it")))), "a")
        # Else LangGraph may still be writing the step before while the tool dies, and there is nothing to come again to.
        graph.invoke(asks(), on(thread), durability="sync")
    else:
        world.begin_run("a", asks(), thread_id=thread)


def park_and_die(url: str, at: dt.datetime, book: str, thread: str) -> None:
    """A caller's process is killed after its run has parked, before the request is stored."""
    world, effects = world_at(url, at, book)
    failpoints._PLAN = failpoints._parse("open.before=kill")
    graph = world.attach(world.agent(tools_of(effects), script(says(call("pay", amount=7)))), "a")
    graph.invoke(asks(), on(thread))
