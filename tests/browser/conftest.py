"""One browser and one server for all of these tests."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.kit.browser import Visitor, chromium_here, visiting
from tests.kit.databases import sqlite_in
from tests.kit.office import Office, opened

Visit = Callable[..., Awaitable[Visitor]]

expect.set_options(timeout=15_000)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser."""
    async with chromium_here() as browser:
        yield browser


@pytest.fixture(scope="session")
def _open_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(sqlite_in(tmp_path_factory.mktemp("office"))) as office:
        yield office


@pytest.fixture
def office(_open_office: Office) -> Iterator[Office]:
    """The server, at which nothing waits."""
    _open_office.world.time.advance(60)
    yield _open_office
    _open_office.cleared()
    _open_office.done.clear()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(chromium: Browser, office: Office) -> AsyncIterator[Visit]:
    """Makes visitors (as ``visiting``), and looks in the end whether all went well in their browsers."""
    made: list[Visitor] = []
    async with AsyncExitStack() as stack:

        async def visit(identity: str | None = None, **options: Any) -> Visitor:
            secret = office.signed_in(identity) if identity else None
            visitor = await stack.enter_async_context(visiting(chromium, office.url, secret, **options))
            made.append(visitor)
            return visitor

        yield visit
    for visitor in made:
        visitor.checked()
