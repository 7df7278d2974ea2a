"""Fixtures for the tests of the spine."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from hypothesis import HealthCheck, settings

from hitl_middleware.clock import ManualClock

from tests.kit.databases import ONLY, Kind, has_cases_of_its_own, kinds_of, sqlite_in
from tests.kit.effects import Effects
from tests.kit.postgres import Postgres, postgres
from tests.kit.world import World

if TYPE_CHECKING:
    from hitl_middleware.testing.fake_slack import FakeSlack

    from tests.kit.agent_server import DevServer

# How fast a busy machine draws examples says nothing about what is tested; and where a change is judged, luck has no say.
settings.register_profile(
    "ours",
    settings.get_profile("default"),
    deadline=None,
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ours")

# What the tests talk to is on this machine: a proxy that somebody needs for the rest of the world is none for it.
_here = ",".join(
    filter(None, (os.environ.get("NO_PROXY"), os.environ.get("no_proxy"), "127.0.0.1,localhost"))
)
os.environ["NO_PROXY"] = os.environ["no_proxy"] = _here

# Many people have one in their shell, for other programs; here it would configure half a channel.
os.environ.pop("GITHUB_TOKEN", None)


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """What sets up this process's log for itself (a server, a notebook's Debugger) leaves it to the next test as it was."""
    before = structlog.is_configured()
    yield
    if not before:
        structlog.reset_defaults()


@pytest.fixture
def clock() -> ManualClock:
    """Time, turned by hand."""
    return ManualClock()


def pytest_collection_finish() -> None:
    """The whole stack is a quarter of a million objects that stay; to walk through them took a fifth of the tests' processor time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 20, 20)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that needs a database runs on each kind that it is for."""
    if "database_kind" in metafunc.fixturenames and not has_cases_of_its_own(metafunc):
        metafunc.parametrize("database_kind", kinds_of(metafunc), indirect=True, scope="module")


@pytest.fixture(scope="module")
def database_kind(request: pytest.FixtureRequest) -> Kind:
    """Which kind of database."""
    found: Kind = request.param
    return found


@pytest.fixture
def new_url(
    database_kind: Kind, request: pytest.FixtureRequest, tmp_path: Path, kept_open: ExitStack
) -> Callable[[], str]:
    """Makes databases; several processes (or several ``Hitl``) can share one, unless it is memory."""
    return _maker(database_kind, request, tmp_path, kept_open)


def _maker(
    kind: Kind, request: pytest.FixtureRequest, tmp_path: Path, kept_open: ExitStack
) -> Callable[[], str]:
    def make() -> str:
        if kind == "memory":
            return "memory://"
        if kind == "sqlite":
            return sqlite_in(Path(mkdtemp(dir=tmp_path, prefix="database-")))
        server: Postgres = request.getfixturevalue("postgres_server")
        return kept_open.enter_context(server.fresh())

    return make


@pytest.fixture
def anywhere(request: pytest.FixtureRequest, tmp_path: Path, kept_open: ExitStack) -> Callable[[], str]:
    """Makes databases where it makes no difference which: in memory, unless ``HITL_TEST_DATABASES`` names one."""
    kind = ONLY[0] if ONLY else "memory"
    return _maker(kind, request, tmp_path, kept_open)


@pytest.fixture
def url(new_url: Callable[[], str]) -> str:
    """A fresh database."""
    return new_url()


@pytest.fixture(scope="module")
def module_url(
    database_kind: Kind, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """One database for all tests of a module."""
    if database_kind == "sqlite":
        yield sqlite_in(tmp_path_factory.mktemp("database"))
    else:
        with request.getfixturevalue("postgres_server").fresh() as url:
            yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """A fresh database on SQLite, for tests outside the scenarios that need one on disk."""
    return sqlite_in(tmp_path)


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
    """A ``Hitl`` that moves only when it is told to."""
    return make_world(url)


@pytest.fixture
def quick(make_world: Callable[..., World], anywhere: Callable[[], str]) -> World:
    """The same in memory only: where the database makes no difference."""
    return make_world(anywhere())


@pytest.fixture
def effects() -> Effects:
    """What was really done."""
    return Effects()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """The PostgreSQL of this process's tests, started when the first one asks for it."""
    with postgres() as server:
        yield server


@pytest.fixture(scope="session")
def agents_slack() -> Iterator[FakeSlack]:
    """The workspace of whoever decides what runs on the Agent Server."""
    from hitl_middleware.testing.fake_slack import FakeSlack

    with FakeSlack() as slack:
        slack.add_user("U024BE7LH", name="ann")
        slack.add_channel("C0REVIEWS1", "reviews")
        yield slack


@pytest.fixture(scope="session")
def agent_server(tmp_path_factory: pytest.TempPathFactory, agents_slack: FakeSlack) -> Iterator[DevServer]:
    """An Agent Server with our app mounted, started when the first test asks for it."""
    from tests.kit.agent_server import desk_server

    with desk_server(tmp_path_factory.mktemp("agent-server"), agents_slack) as server:
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
