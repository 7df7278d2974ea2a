"""Fixtures for the tests of the spine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hitl_middleware.clock import ManualClock

from tests.kit.effects import Effects
from tests.kit.postgres import Postgres, postgres
from tests.kit.world import World


@pytest.fixture
def clock() -> ManualClock:
    """Time, turned by hand."""
    return ManualClock()


@pytest.fixture(params=["memory", "sqlite"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh database."""
    return "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/hitl.db"


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A fresh database that several processes (or several ``Hitl``) can share."""
    return f"sqlite:///{tmp_path}/hitl.db"


@pytest.fixture
def make_world(clock: ManualClock, kept_open: ExitStack) -> Iterator[Callable[..., World]]:
    """Makes worlds that share one clock, and stops them in the end."""
    made: list[World] = []

    def make(url: str = "memory://", **options: Any) -> World:
        world = World(url, **({"clock": clock} | options))
        made.append(world)
        return world

    yield make
    for world in reversed(made):
        world.stop()


@pytest.fixture
def world(make_world: Callable[..., World], url: str) -> World:
    """A ``Hitl`` that moves only when it is told to, on memory and on SQLite."""
    return make_world(url)


@pytest.fixture
def quick(make_world: Callable[..., World]) -> World:
    """The same in memory only: where the database makes no difference."""
    return make_world()


@pytest.fixture
def effects() -> Effects:
    """What was really done."""
    return Effects()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """The PostgreSQL of this process's tests, started when the first one asks for it."""
    with postgres() as server:
        yield server


@pytest.fixture
def kept_open() -> Iterator[ExitStack]:
    """What a test's databases need until everything else of the test is closed; whoever closes connections in the end depends on it."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def postgres_url(kept_open: ExitStack, postgres_server: Postgres) -> str:
    """A fresh database on PostgreSQL, with our tables in it."""
    return kept_open.enter_context(postgres_server.fresh())
