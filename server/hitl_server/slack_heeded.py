"""Slack beside the route, while a process runs: its stored events are acted on, and Socket Mode is listened to.

Socket Mode has a loop of its own: Slack's traffic must not wait for the database's, nor the other way round.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from hitl_middleware.channels.slack.settings import SlackSettings
from hitl_middleware.hitl import Hitl
from hitl_middleware.portal import Portal
from hitl_server.metrics import Meter
from hitl_server.slack_desk import HitlSlackDesk


@contextlib.contextmanager
def slack_heeded(hitl: Hitl, meter: Meter | None = None) -> Iterator[None]:
    """Act on events, and listen over Socket Mode where SLACK_APP_TOKEN is set; what was taken is acknowledged before the block ends.

    Raises ``ChannelHalfConfigured``. Several processes may listen: Slack gives each envelope to one of them.
    """
    settings = SlackSettings.from_env(hitl.config.slack)
    if settings is None:
        yield
        return
    from hitl_middleware.channels.slack.heed import Heed

    desk = HitlSlackDesk(hitl, meter)
    hitl.inbox.handle("slack", Heed(settings, desk).act)
    if settings.app_token is None:
        yield
        return
    from hitl_middleware.channels.slack.intake import Intake
    from hitl_middleware.channels.slack.socket import SocketMode

    socket = SocketMode(settings, Intake(settings, desk))
    portal = Portal("hitl-slack")
    try:
        portal.call(socket.start)
        yield
    finally:
        portal.call(socket.stop)
        portal.stop()
