"""The server under test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from typing import Any

import pytest

from hitl_middleware.settings import ConfigFile

from tests.kit.effects import Effects
from tests.kit.served import TOKEN, Served, served, with_token
from tests.kit.sign_in import CONFIG, opened
from tests.kit.world import World


@pytest.fixture(autouse=True, scope="module")
def _no_channels() -> Iterator[None]:
    """Whatever the machine has set is not for these servers."""
    with pytest.MonkeyPatch.context() as environment:
        for name in [name for name in os.environ if name.startswith(("SLACK_", "HITL_", "GITHUB_"))]:
            environment.delenv(name)
        yield


@pytest.fixture(scope="module")
def unchanged() -> Iterator[Served]:
    """One server for all tests of a module that are refused and so change nothing; it has one pending request."""
    world = World()
    with served(world, Effects()) as opened:
        opened.asked()
        yield opened


@pytest.fixture
def serve(make_world: Callable[..., World], effects: Effects) -> Iterator[Callable[..., Served]]:
    """Starts servers, and stops them in the end. ``world``: on which; ``config``: hitl.toml; else as ``served``."""
    with ExitStack() as stack:

        def start(
            *,
            world: World | None = None,
            config: ConfigFile | None = None,
            token: str | None = None,
            locked: bool = False,
            **options: Any,
        ) -> Served:
            world = world or make_world(config=config)
            if locked:
                with_token(world)
            opened: AbstractContextManager[Served] = served(
                world, effects, token=token or (TOKEN if locked else None), **options
            )
            return stack.enter_context(opened)

        yield start


@pytest.fixture
def open_server(serve: Callable[..., Served]) -> Served:
    """Without tokens: for whoever sits at the machine."""
    return serve()


@pytest.fixture
def locked_server(serve: Callable[..., Served]) -> Served:
    """With HITL_API_TOKEN, which its client sends."""
    return serve(locked=True)


@pytest.fixture(scope="module")
def _one_open() -> Iterator[Served]:
    with served(World(), Effects()) as server:
        yield server


@pytest.fixture(scope="module")
def _one_locked() -> Iterator[Served]:
    with served(with_token(World()), Effects(), token=TOKEN) as server:
        yield server


@pytest.fixture
def open_desk(_one_open: Served) -> Iterator[Served]:
    """As ``open_server``, one for all tests of a module: nothing waits when a test begins, and what was before is long ago."""
    yield _one_open
    _cleared(_one_open)


@pytest.fixture
def locked_desk(_one_locked: Served) -> Iterator[Served]:
    """The same, as ``locked_server``."""
    yield _one_locked
    _cleared(_one_locked)


def _cleared(server: Served) -> None:
    """Nothing waits there any more, nothing is remembered of what was done."""
    server.effects.first = server.effects.then = None
    for request in server.world.pending():
        if request.kind != "outcome":
            may = request.plan.allowed_decisions
            server.world.decide(
                request, "reject" if "reject" in may else "respond", message="The day is over."
            )
        elif request.action_id is not None:
            server.world.say(server.world.portal.call(server.world.views.action, request.action_id), "failed")
    server.world.step()
    server.effects.done.clear()
    server.world.time.advance(60)


@pytest.fixture(scope="module")
def locked() -> Iterator[Served]:
    """With a token, people, and one request that waits; the client has no credentials."""
    with opened(with_token(World(config=CONFIG))) as server:
        server.http.headers["Authorization"] = f"Bearer {TOKEN}"
        server.asked()
        del server.http.headers["Authorization"]
        yield server


@pytest.fixture(scope="module")
def unlocked() -> Iterator[Served]:
    """For whoever sits at the machine."""
    with opened(World(config=CONFIG)) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_cookies(request: pytest.FixtureRequest) -> None:
    """Every test begins signed out."""
    for name in {"locked", "unlocked"} & set(request.fixturenames):
        server: Served = request.getfixturevalue(name)
        server.http.cookies.clear()
        server.world.time.advance(60)
