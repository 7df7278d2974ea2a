"""The server's part of the pytest plugin: the fixture ``hitl_server``, the real HTTP server over the fixture ``hitl``.

def test_ann_approves_in_slack(hitl, hitl_server, fake_slack, effects):
    fake_slack.add_user("U024BE7LH", name="ann")
    ...                                             # the agent asks
    hitl.step()                                     # the card is posted
    (card,) = fake_slack.messages
    fake_slack.click("U024BE7LH", card, text="Approve")
    hitl.step()                                     # the run goes on
    effects.assert_once("refund")
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hitl_middleware.testing.still import StillHitl
    from hitl_server.serve import RunningServer


@pytest.fixture
def hitl_server(request: pytest.FixtureRequest, hitl: StillHitl) -> Iterator[RunningServer]:
    """The server (``hitl_server.url``) over ``hitl``, which still moves only when told to; ``fake_slack`` and ``fake_github`` know it."""
    from hitl_server.serve import running_server

    with running_server(hitl, graphs={}) as server:
        if "fake_slack" in request.fixturenames:
            request.getfixturevalue("fake_slack").connect(f"{server.url}/slack/events")
        if "fake_github" in request.fixturenames:
            request.getfixturevalue("fake_github").connect(f"{server.url}/github/webhooks")
        yield server
