"""Where GitHub is and how we prove who we are to each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Self

from pydantic import (
    AnyHttpUrl,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from hitl_middleware.channels.github import words
from hitl_middleware.channels.variables import Secret, Text
from hitl_middleware.errors import ChannelHalfConfigured, ConfigurationError
from hitl_middleware.settings import GitHubConfig

GITHUB_API: Final = "https://api.github.com"

_APP_ID: Final = re.compile(r"[A-Za-z0-9.]{1,64}")
"""A GitHub App's number or its client id (``Iv23…``); GitHub takes both as issuer."""


class GitHubSettings(BaseModel):
    """One token, or one GitHub App and all its installations.

    ``token``: a personal access token; otherwise ``app_id`` and ``private_key`` (PEM). ``webhook_secrets``: those a delivery may be signed
    with, the present one first and during rotation the previous one, too; none: the webhook is off, answers are found by re-reading.
    ``api_url`` has no slash at its end. ``approvers`` and ``poll_seconds`` are those of ``hitl.toml`` (``settings.GitHubConfig``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    token: SecretStr | None = None
    app_id: str | None = None
    private_key: SecretStr | None = None
    webhook_secrets: tuple[SecretStr, ...] = ()
    api_url: str = GITHUB_API
    approvers: tuple[str, ...] = GitHubConfig().approvers
    poll_seconds: float = GitHubConfig().poll_seconds

    @model_validator(mode="after")
    def _one_identity(self) -> Self:
        if (self.token is None) == (self.app_id is None) or (self.app_id is None) != (
            self.private_key is None
        ):
            msg = "either token, or app_id and private_key"
            raise ValueError(msg)
        return self

    @classmethod
    def from_env(cls, config: GitHubConfig | None = None) -> Self | None:
        """The settings from the environment and ``[github]``; ``None``: the channel is off, or no credential and no secret is set.

        Reads the file that ``GITHUB_APP_PRIVATE_KEY_PATH`` names, and nothing else. Raises ``ChannelHalfConfigured`` for a part without
        what belongs to it, ``ConfigurationError`` for what contradicts itself or makes no sense; no message contains a secret.
        """
        config = config or GitHubConfig()
        if not config.enabled:
            return None
        env = _Environment()
        identity = _identity(env)
        secrets = tuple(filter(None, (env.webhook_secret, env.webhook_secret_previous)))
        if not identity and not secrets:
            return None
        if not identity:
            present = "GITHUB_WEBHOOK_SECRET" if env.webhook_secret else "GITHUB_WEBHOOK_SECRET_PREVIOUS"
            raise _half(
                present,
                "GITHUB_TOKEN",
                f"Set GITHUB_TOKEN (or GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY), or unset {present} to switch the channel off.",
            )
        if config.webhook and env.webhook_secret is None:
            raise _half(
                _named(env),
                "GITHUB_WEBHOOK_SECRET",
                "Set it to the secret of the webhook; or, where GitHub cannot reach this server, put webhook = false under [github] in "
                "hitl.toml, and issues are re-read instead; or, where "
                f"{_named(env)} is there for other programs, put enabled = false there.",
            )
        return cls(
            **identity,
            webhook_secrets=secrets if config.webhook else (),
            api_url=_api_url(env.api_url),
            approvers=tuple(map(_approver, config.approvers)),
            poll_seconds=config.poll_seconds,
        )


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(extra="ignore", hide_input_in_errors=True)

    token: Secret = Field(default=None, validation_alias="GITHUB_TOKEN")
    app_id: Text = Field(default=None, validation_alias="GITHUB_APP_ID")
    private_key: Secret = Field(default=None, validation_alias="GITHUB_APP_PRIVATE_KEY")
    private_key_path: Text = Field(default=None, validation_alias="GITHUB_APP_PRIVATE_KEY_PATH")
    webhook_secret: Secret = Field(default=None, validation_alias="GITHUB_WEBHOOK_SECRET")
    webhook_secret_previous: Secret = Field(default=None, validation_alias="GITHUB_WEBHOOK_SECRET_PREVIOUS")
    api_url: Text = Field(default=None, validation_alias="GITHUB_API_URL")


def _identity(env: _Environment) -> dict[str, Any]:
    """``token``, or ``app_id`` and ``private_key``; empty: nothing of it is set."""
    app = {
        "GITHUB_APP_ID": env.app_id,
        "GITHUB_APP_PRIVATE_KEY": env.private_key,
        "GITHUB_APP_PRIVATE_KEY_PATH": env.private_key_path,
    }
    named = [name for name, value in app.items() if value is not None]
    if env.token is None:
        return _app(env, named) if named else {}
    if named:
        msg = (
            f"GITHUB_TOKEN and {named[0]} are both set, and they are different identities. "
            f"Unset GITHUB_TOKEN to act as the GitHub App, or unset {named[0]} to act as the token's user."
        )
        raise ConfigurationError(msg)
    return {"token": env.token}


def _app(env: _Environment, named: Sequence[str]) -> dict[str, Any]:
    off = f"(or use GITHUB_TOKEN alone), or unset {named[0]} to switch the channel off."
    if env.app_id is None:
        raise _half(named[0], "GITHUB_APP_ID", f"Set it to the number of the GitHub App {off}")
    if len(named) == 1:
        ways = f"Set it to the key's text, or GITHUB_APP_PRIVATE_KEY_PATH to its file {off}"
        raise _half(named[0], "GITHUB_APP_PRIVATE_KEY", ways)
    if len(named) == 3:
        msg = "GITHUB_APP_PRIVATE_KEY and GITHUB_APP_PRIVATE_KEY_PATH are both set. Keep one of them."
        raise ConfigurationError(msg)
    if not _APP_ID.fullmatch(env.app_id):
        msg = "GITHUB_APP_ID is neither an App's number nor its client id. Both stand on the App's settings page."
        raise ConfigurationError(msg)
    return {"app_id": env.app_id, "private_key": _private_key(env, named[1])}


def _private_key(env: _Environment, variable: str) -> SecretStr:
    if env.private_key is not None:
        # Where a variable cannot hold lines, they are joined by a backslash and an n.
        text = env.private_key.get_secret_value().replace("\\n", "\n")
    else:
        path = Path(env.private_key_path or "").expanduser()
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            msg = f"{variable}: {path} cannot be read: {why}"
            raise ConfigurationError(msg) from None
    if not re.search(r"^-----BEGIN (?:RSA )?PRIVATE KEY-----\s", text, re.MULTILINE):
        msg = (
            f"{variable} holds no private key. It begins with -----BEGIN RSA PRIVATE KEY-----; "
            "generate one on the App's settings page. In a variable, \\n may stand for a new line."
        )
        raise ConfigurationError(msg)
    return SecretStr(text.strip() + "\n")


def _api_url(text: str | None) -> str:
    url = (text or GITHUB_API).rstrip("/")
    try:
        TypeAdapter(AnyHttpUrl).validate_python(url)
    except ValidationError:
        msg = "GITHUB_API_URL is not an http(s) address. Leave it out for github.com; a GitHub Enterprise Server has https://HOST/api/v3."
        raise ConfigurationError(msg) from None
    return url


def _approver(name: str) -> str:
    """``name``, unless it is of GitHub and nobody's there: a role with a slip of the pen in it would let nobody decide."""
    known = words.login_of(name) or words.team_of(name) or words.role_of(name) or words.is_assignee(name)
    if known or not name.lower().startswith(words.PREFIX):
        return name
    roles = ", ".join(f"{words.ROLE_PREFIX}{role}" for role in words.ROLES)
    msg = (
        f"[github] approvers: {name[:100]!r} is nobody on GitHub. A person is github:ann, a team github:acme/architects, a role one of "
        f"{roles}, {words.ASSIGNEE}."
    )
    raise ConfigurationError(msg)


def _named(env: _Environment) -> str:
    return "GITHUB_TOKEN" if env.token is not None else "GITHUB_APP_ID"


def _half(present: str, missing: str, ways_out: str) -> ChannelHalfConfigured:
    message = f"GitHub is configured in part: {present} is set but {missing} is not. {ways_out}"
    return ChannelHalfConfigured(message, channel="GitHub", present=present, missing=missing)
