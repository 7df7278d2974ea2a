"""Where Slack is and how we prove who we are to each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from hitl_middleware.channels.variables import Secret, Text
from hitl_middleware.errors import ChannelHalfConfigured, ConfigurationError
from hitl_middleware.settings import Dm, Reactions, SlackConfig

SLACK_API: str = "https://slack.com/api/"


class SlackSettings(BaseModel):
    """One app in one workspace. The signing secret lets Slack in over HTTP, the app token over Socket Mode.

    ``routes``, ``dm``, ``reactions`` and ``user_groups`` are those of ``hitl.toml`` (``settings.SlackConfig``). ``channel`` is where
    everything goes that no route names; without it each approver gets a direct message.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    bot_token: SecretStr
    signing_secret: SecretStr | None = None
    app_token: SecretStr | None = None
    api_url: str = SLACK_API
    channel: str | None = None
    routes: Mapping[str, str] = Field(default_factory=dict)
    dm: Dm = False
    reactions: Reactions = False
    user_groups: bool = False

    @classmethod
    def from_env(cls, config: SlackConfig | None = None) -> Self | None:
        """The settings from the environment and ``[slack]``; ``None``: no token and no secret is set, the channel is off.

        Raises ``ChannelHalfConfigured`` for a token without its secret or a secret without its token.
        """
        env, config = _Environment(), config or SlackConfig()
        way_in = env.signing_secret or env.app_token
        if env.bot_token is None and way_in is None:
            return None
        if env.bot_token is None:
            present = "SLACK_SIGNING_SECRET" if env.signing_secret else "SLACK_APP_TOKEN"
            raise ChannelHalfConfigured(channel="Slack", present=present, missing="SLACK_BOT_TOKEN")
        if way_in is None:
            msg = (
                "Slack is configured in part: SLACK_BOT_TOKEN is set but neither SLACK_SIGNING_SECRET nor SLACK_APP_TOKEN is. Set the "
                "first for HTTP, or the second for Socket Mode, which needs no public address; without SLACK_BOT_TOKEN Slack is off."
            )
            missing = "SLACK_SIGNING_SECRET"
            raise ChannelHalfConfigured(msg, channel="Slack", present="SLACK_BOT_TOKEN", missing=missing)
        try:
            TypeAdapter(AnyHttpUrl).validate_python(env.api_url or SLACK_API)
        except ValidationError:
            msg = "SLACK_API_URL is not an http(s) address. Leave it out for Slack's own."
            raise ConfigurationError(msg) from None
        return cls(
            bot_token=env.bot_token,
            signing_secret=env.signing_secret,
            app_token=env.app_token,
            api_url=env.api_url or SLACK_API,
            channel=env.channel or config.channel,
            routes=config.routes,
            dm=config.dm,
            reactions=config.reactions,
            user_groups=config.user_groups,
        )


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    bot_token: Secret = Field(default=None, validation_alias="SLACK_BOT_TOKEN")
    signing_secret: Secret = Field(default=None, validation_alias="SLACK_SIGNING_SECRET")
    app_token: Secret = Field(default=None, validation_alias="SLACK_APP_TOKEN")
    api_url: Text = Field(default=None, validation_alias="SLACK_API_URL")
    channel: Text = Field(default=None, validation_alias="HITL_SLACK_CHANNEL")
