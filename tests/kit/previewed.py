"""A server with the Slack simulator: a gated payment, a workspace in which Ann and Bob may decide it and Eve may not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from hitl_middleware.channels.configured import configured_channels
from hitl_middleware.clock import SystemClock
from hitl_middleware.crew import crew_of
from hitl_middleware.settings import ConfigFile
from hitl_middleware.testing.fake_slack import FakeSlack
from hitl_server.preview import SlackSeen, preview_router

from tests.kit.effects import Effects
from tests.kit.served import ANN, BOB, Served, served
from tests.kit.world import World

CHANNEL: Final = "C0REVIEWS1"
USER, OTHER, EVE = ANN.removeprefix("slack:"), BOB.removeprefix("slack:"), "U0EVE12345"


@contextmanager
def slack_previewed(monkeypatch: pytest.MonkeyPatch, **rules: Any) -> Iterator[tuple[Served, FakeSlack]]:
    """The server, which moves only when told to, and the workspace, which knows it. ``rules``: of what is asked."""
    with FakeSlack() as fake:
        for user, name in ((USER, "ann"), (OTHER, "bob"), (EVE, "eve")):
            fake.add_user(user, name=name)
        fake.add_channel(CHANNEL, "reviews")
        for variable, value in fake.environ.items():
            monkeypatch.setenv(variable, value)
        monkeypatch.setenv("HITL_SLACK_CHANNEL", CHANNEL)
        # Slack signs with the time that is.
        world: Any = World(clock=SystemClock(), channels=configured_channels(ConfigFile()))  # type: ignore[arg-type]  # nobody turns it
        router = preview_router(slack=SlackSeen(fake=fake, people={USER: "may decide", EVE: "may not"}))
        with served(world, Effects(), routers=(router,), **rules) as found:
            world._crew = crew_of(world)  # as ``start`` does elsewhere: now it is known where cards link to
            fake.connect(f"{found.url}/slack/events")
            yield found, fake
