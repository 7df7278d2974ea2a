"""Fixtures of the tests that kill."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hitl_middleware.testing.fake_slack import FakeSlack

from tests.chaos.stage import Stage
from tests.kit.forks import warm_up


@pytest.fixture(scope="session", autouse=True)
def warm() -> None:
    """The stack is imported once, before anything is timed."""
    warm_up()


@pytest.fixture
def slack() -> Iterator[FakeSlack]:
    """A Slack in this process, which nobody kills."""
    with FakeSlack(give_up_after=10) as fake:
        yield fake


@pytest.fixture
def make_stage(
    new_url: Callable[[], str], tmp_path: Path, slack: FakeSlack
) -> Iterator[Callable[..., Stage]]:
    """Makes stages; whatever they leave running is gone afterwards."""
    made: list[Stage] = []

    def make(**options: Any) -> Stage:
        folder = tmp_path / f"stage-{len(made) + 1}"
        folder.mkdir()
        made.append(Stage(folder, new_url(), slack, **options))
        return made[-1]

    yield make
    for stage in made:
        stage.close()


@pytest.fixture
def stage(make_stage: Callable[..., Stage]) -> Stage:
    """A database and its Slack, with the pay desk."""
    return make_stage()
