"""A process that dies in the middle of a node that asks twice, on a database that others go on with."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from hitl_middleware import ask, failpoints
from hitl_middleware.clock import ManualClock

from tests.kit.dying import die
from tests.kit.flows import Plan, asking
from tests.kit.world import World

BETWEEN = "between"
"""Instead of a failpoint: the process is killed in the node, when the first answer is there and the second question is not asked yet."""


def asking_world(url: str, at: dt.datetime, book: str, *, dies: bool = False) -> World:
    """A world that serves graph ``two``: one node that asks for a name and then for a colour, and writes both into ``book``."""

    def node(state: Plan) -> Plan:
        name = ask("Name?")
        if dies:
            die()
        colour = ask("Colour?")
        with Path(book).open("a", encoding="utf-8") as out:
            out.write(f"{name} {colour}\n")
        return {"done": [name, colour]}

    world = World(url, clock=ManualClock(at))
    world.serve("two", asking(node).compile())
    return world


def step_and_die_asking(url: str, at: dt.datetime, book: str, where: str) -> None:
    """Do what is due on ``url``, and be killed at a failpoint or between the two questions."""
    world = asking_world(url, at, book, dies=where == BETWEEN)
    if where != BETWEEN:
        failpoints._PLAN = failpoints._parse(f"{where}=kill")
    world.step()
