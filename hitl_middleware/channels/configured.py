"""Which channels the environment configures, and who is who with them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

from hitl_middleware.errors import ChannelHalfConfigured, ConfigurationError
from hitl_middleware.people import GroupSource, ListedPeople
from hitl_middleware.ports import Clock, Directory, ReviewChannel
from hitl_middleware.settings import ConfigFile

if TYPE_CHECKING:
    from hitl_middleware.channels.github.settings import GitHubSettings


def configured_channels(config: ConfigFile) -> tuple[ReviewChannel, ...]:
    """Every channel of which something is set; none of its SDK is imported otherwise.

    Raises ``ChannelHalfConfigured``, and ``ConfigurationError`` where the SDK is not installed: else the first card would find that out.
    """
    return tuple(_channels(config))


def _channels(config: ConfigFile) -> Iterator[ReviewChannel]:
    from hitl_middleware.channels.slack.settings import SlackSettings

    slack, github = SlackSettings.from_env(config.slack), _github(config)
    if slack is not None:
        _needs("slack_bolt", "Slack", extra="slack")
        from hitl_middleware.channels.slack.channel import SlackChannel

        yield SlackChannel(slack, members=ListedPeople(config.people, config.groups).listed)
    if github is not None:
        _needs("github", "GitHub", extra="github")
        from hitl_middleware.channels.github.channel import GitHubChannel

        yield GitHubChannel(github)


def _needs(module: str, channel: str, *, extra: str) -> None:
    if find_spec(module) is None:
        msg = f"{channel} is configured, and what speaks to it is not installed. Install: pip install 'hitl-middleware[{extra}]'"
        raise ConfigurationError(msg)


def _github(config: ConfigFile) -> GitHubSettings | None:
    """GitHub's settings. A token alone, of which ``hitl.toml`` says nothing, is that of another program: half the shells of developers
    have one, and a first agent must run there. (A server does not guess: it stops, and names both ways out.)
    """
    from hitl_middleware.channels.github.settings import GitHubSettings

    try:
        return GitHubSettings.from_env(config.github)
    except ChannelHalfConfigured as error:
        alone = error.facts.get("present") == "GITHUB_TOKEN"
        if alone and not config.triggers and config.github == type(config.github)():
            return None
        raise


def configured_directory(config: ConfigFile, clock: Clock) -> Directory:
    """The people of ``hitl.toml``, with the groups that channels know. Raises ``ChannelHalfConfigured``."""
    return ListedPeople(
        config.people, config.groups, config.operators, sources=tuple(_sources(config, clock))
    )


def _sources(config: ConfigFile, clock: Clock) -> Iterator[GroupSource]:
    from hitl_middleware.channels.slack.settings import SlackSettings

    slack = SlackSettings.from_env(config.slack) if config.slack.user_groups else None
    github = _github(config)
    if slack is not None:
        from hitl_middleware.channels.slack.groups import SlackGroups

        yield SlackGroups(slack, clock)
    if github is not None:
        from hitl_middleware.channels.github.client import GitHubClients
        from hitl_middleware.channels.github.people import GitHubGroups

        yield GitHubGroups(GitHubClients(github), clock)
