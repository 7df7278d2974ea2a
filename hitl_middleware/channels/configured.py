"""Which channels the environment configures, and who is who with them."""

from __future__ import annotations

from collections.abc import Iterator

from hitl_middleware.people import GroupSource, ListedPeople
from hitl_middleware.ports import Clock, Directory, ReviewChannel
from hitl_middleware.settings import ConfigFile


def configured_channels(config: ConfigFile) -> tuple[ReviewChannel, ...]:
    """Every channel of which something is set; none of its SDK is imported otherwise. Raises ``ChannelHalfConfigured``."""
    return tuple(_channels(config))


def _channels(config: ConfigFile) -> Iterator[ReviewChannel]:
    from hitl_middleware.channels.github.settings import GitHubSettings
    from hitl_middleware.channels.slack.settings import SlackSettings

    slack, github = SlackSettings.from_env(config.slack), GitHubSettings.from_env(config.github)
    if slack is not None:
        from hitl_middleware.channels.slack.channel import SlackChannel

        yield SlackChannel(slack, members=ListedPeople(config.people, config.groups).listed)
    if github is not None:
        from hitl_middleware.channels.github.channel import GitHubChannel

        yield GitHubChannel(github)


def configured_directory(config: ConfigFile, clock: Clock) -> Directory:
    """The people of ``hitl.toml``, with the groups that channels know. Raises ``ChannelHalfConfigured``."""
    return ListedPeople(
        config.people, config.groups, config.operators, sources=tuple(_sources(config, clock))
    )


def _sources(config: ConfigFile, clock: Clock) -> Iterator[GroupSource]:
    from hitl_middleware.channels.github.settings import GitHubSettings
    from hitl_middleware.channels.slack.settings import SlackSettings

    slack = SlackSettings.from_env(config.slack) if config.slack.user_groups else None
    github = GitHubSettings.from_env(config.github)
    if slack is not None:
        from hitl_middleware.channels.slack.groups import SlackGroups

        yield SlackGroups(slack, clock)
    if github is not None:
        from hitl_middleware.channels.github.client import GitHubClients
        from hitl_middleware.channels.github.people import GitHubGroups

        yield GitHubGroups(GitHubClients(github), clock)
