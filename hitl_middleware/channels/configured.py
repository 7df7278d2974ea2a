"""Which channels the environment configures."""

from __future__ import annotations

from hitl_middleware.ports import ReviewChannel
from hitl_middleware.settings import ConfigFile


def configured_channels(config: ConfigFile) -> tuple[ReviewChannel, ...]:
    """Every channel of which something is set; none of its SDK is imported otherwise. Raises ``ChannelHalfConfigured``."""
    from hitl_middleware.channels.slack.settings import SlackSettings

    slack = SlackSettings.from_env(config.slack)
    if slack is None:
        return ()
    from hitl_middleware.channels.slack.channel import SlackChannel

    return (SlackChannel(slack),)
