"""Databases and the table of the measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
import structlog

from hitl_server.logs import configure_logs

from tests.bench.table import Table
from tests.kit.databases import Kind

_numbers = count(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What needs databases is measured on each kind."""
    if "new_bench_url" in metafunc.fixturenames:
        kinds = [pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgres)]
        metafunc.parametrize("bench_kind", kinds)


@pytest.fixture(scope="session", autouse=True)
def _logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Written as a server writes them: they are a part of what it costs."""
    with (tmp_path_factory.mktemp("log") / "log").open("w") as out:
        configure_logs(out)
        yield
        structlog.reset_defaults()


@pytest.fixture(scope="session")
def table(request: pytest.FixtureRequest) -> Iterator[Table]:
    """What this run has measured, told at its end."""
    found = Table()
    yield found
    if found.figures:
        found.finish(print)


@pytest.fixture
def new_bench_url(
    bench_kind: Kind, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[Callable[[], str]]:
    """Makes databases without any table."""
    with ExitStack() as stack:

        def make() -> str:
            if bench_kind == "sqlite":
                return f"sqlite:///{tmp_path}/{next(_numbers)}.db"
            url: str = stack.enter_context(request.getfixturevalue("postgres_server").bare())
            return url

        yield make
