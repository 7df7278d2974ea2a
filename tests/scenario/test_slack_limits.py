"""Slack's limit of one message a second in a channel, met by an agent that asks a lot at once (S-14, G-14)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hitl_middleware.channels.slack.channel import SlackChannel
from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.clock import ManualClock
from hitl_middleware.testing import FakeSlack

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.world import World

CHANNEL, MANY = "C0REVIEWS1", 20


@pytest.mark.databases("memory")
def test_every_card_is_posted_once(
    make_world: Callable[..., World], clock: ManualClock, effects: Effects
) -> None:
    """S-14, G-14: each request has its card in the end, none has two, and none was given up."""
    with FakeSlack(now=lambda: clock.now().timestamp()) as slack:
        slack.add_channel(CHANNEL, "reviews")
        slack.limit_posts(at_once=2)
        given = {
            "bot_token": slack.bot_token,
            "signing_secret": "s",
            "api_url": slack.url,
            "channel": CHANNEL,
        }
        world = make_world(channels=[SlackChannel(SlackSettings.model_validate(given))])
        calls = [call("pay", amount=number) for number in range(MANY)]
        world.serve("a", world.agent([effects.pay_tool()], script(says(*calls))))
        world.begin_run("a", asks())
        for _ in range(300):
            if len(slack.messages) == MANY:
                break
            world.wait(1)
            world.step()
        shown = [each.metadata["event_payload"]["request_id"] for each in slack.messages if each.metadata]
        assert sorted(shown) == sorted(request.id for request in world.pending())
        assert len(set(shown)) == MANY
        views = [world.portal.call(world.views.request, request.id) for request in world.pending()]
        assert {card.gave_up for view in views for card in view.cards} == {False}
