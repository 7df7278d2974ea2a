"""Which services people sign in with: from the environment and ``[sign_in]``. Nothing is asked of anybody here, and no client is loaded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import SecretStr

from hitl_middleware.channels.github.settings import GITHUB_API
from hitl_middleware.channels.slack.settings import SLACK_API
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.settings import ConfigFile

Name = Literal["github", "slack"]

CREDENTIALS: Final[Mapping[Name, tuple[str, str]]] = {
    "github": ("HITL_SIGN_IN_GITHUB_ID", "HITL_SIGN_IN_GITHUB_SECRET"),
    "slack": ("HITL_SIGN_IN_SLACK_ID", "HITL_SIGN_IN_SLACK_SECRET"),
}
"""The variables with an OAuth app's client id and secret. Names of our own: other programs have apps there, too."""

GITHUB_WEB: Final = "https://github.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """One service. ``web``: where people go; ``api``: where we ask, with no slash at its end; ``team``: Slack's workspace."""

    name: Name
    title: str
    client_id: str
    client_secret: SecretStr
    web: str
    api: str
    team: str | None = None


def configured_providers(config: ConfigFile, environ: Mapping[str, str] = os.environ) -> tuple[Provider, ...]:
    """Those that are configured. Raises ``ConfigurationError`` for one in part, with both ways out."""
    found = (_github(environ), _slack(config, environ))
    return tuple(provider for provider in found if provider is not None)


def _github(environ: Mapping[str, str]) -> Provider | None:
    credentials = _credentials("github", "GitHub", environ)
    if credentials is None:
        return None
    api = (environ.get("GITHUB_API_URL", "").strip() or GITHUB_API).rstrip("/")
    # A server of one's own has its pages where its API is, below which that has a path.
    web = GITHUB_WEB if api == GITHUB_API else api.removesuffix("/api/v3")
    client_id, secret = credentials
    return Provider(
        name="github", title="GitHub", client_id=client_id, client_secret=secret, web=web, api=api
    )


def _slack(config: ConfigFile, environ: Mapping[str, str]) -> Provider | None:
    credentials = _credentials("slack", "Slack", environ)
    if credentials is None:
        return None
    if config.sign_in.slack_team is None:
        msg = (
            'HITL_SIGN_IN_SLACK_ID is set, but not whose people may sign in with Slack. Put slack_team = "T…" (the workspace\'s id) '
            "under [sign_in] in hitl.toml, or unset HITL_SIGN_IN_SLACK_ID and HITL_SIGN_IN_SLACK_SECRET."
        )
        raise ConfigurationError(msg)
    api = (environ.get("SLACK_API_URL", "").strip() or SLACK_API).rstrip("/")
    client_id, secret = credentials
    return Provider(
        name="slack",
        title="Slack",
        client_id=client_id,
        client_secret=secret,
        web=api.removesuffix("/api"),
        api=api,
        team=config.sign_in.slack_team,
    )


def _credentials(name: Name, title: str, environ: Mapping[str, str]) -> tuple[str, SecretStr] | None:
    variables = CREDENTIALS[name]
    client_id, secret = (environ.get(variable, "").strip() for variable in variables)
    if client_id and secret:
        return client_id, SecretStr(secret)
    if not client_id and not secret:
        return None
    present, missing = variables if client_id else reversed(variables)
    msg = (
        f"Sign-in with {title} is configured in part: {present} is set, but {missing} is not. "
        f"Set it, or unset {present}: then nobody signs in with {title}."
    )
    raise ConfigurationError(msg)
