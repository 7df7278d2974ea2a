"""``--runner`` as fixtures. The option itself is declared by ``hitl_middleware.testing.plugin``: here it would come too late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hitl_middleware.testing.resume_safety.process import load
from hitl_middleware.testing.resume_safety.scene import MakeRunner, Runner, Scene


@pytest.fixture(scope="session")
def spec(request: pytest.FixtureRequest) -> str:
    """The runner's name: ``module:attribute``."""
    given = request.config.getoption("--runner", default=None)
    if not given:
        msg = "resume_safety: say whose safety is tested with --runner my.module:Runner (and -p hitl_middleware.testing.plugin)"
        raise pytest.UsageError(msg)
    return str(given)


@pytest.fixture(scope="session")
def make(spec: str) -> MakeRunner:
    """The runner's factory."""
    try:
        return load(spec)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """All that outlives a process."""
    return tmp_path


@pytest.fixture
def open_runner(make: MakeRunner) -> Iterator[Callable[[Scene], Runner]]:
    """Makes runners, each as another process would, and closes them in the end."""
    opened: list[Runner] = []

    def one(scene: Scene) -> Runner:
        opened.append(make(scene))
        return opened[-1]

    yield one
    for runner in reversed(opened):
        runner.close()
