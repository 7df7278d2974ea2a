"""Settings: ``HITL_*`` variables, and ``hitl.toml`` for people, groups and routing. Reading them does no network and no database."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from hitl_middleware.errors import ConfigurationError

DEFAULT_DATABASE = "sqlite:///.hitl/hitl.db"
DispatcherName = Literal["local", "procrastinate"]
MAX_PENDING = 50
"""More than a person reads before they click without reading; less would hinder a model that does its work in one turn."""


class Settings(BaseSettings):
    """What the environment says. Every variable is ``HITL_`` and the field's name in capitals."""

    model_config = SettingsConfigDict(env_prefix="HITL_", frozen=True, extra="ignore")

    database_url: str = DEFAULT_DATABASE
    """``sqlite:///path`` (relative to the working directory), ``memory://`` or ``postgresql://…``; the driver is ours to choose."""
    dispatcher: DispatcherName | None = None
    """Who carries wake-ups: ``procrastinate`` (PostgreSQL; many processes) or ``local``; unset: what the database is best served by."""
    public_url: str | None = None
    """Where people reach this server, ``https://host``; cards link there."""
    api_token: SecretStr | None = None
    """Bearer token of machines. With it every route but the public ones wants credentials, on loopback too."""
    lease_seconds: float = Field(default=30.0, gt=0, le=3600)
    """A worker that has been silent for this long is taken for dead."""
    stop_seconds: float = Field(default=40.0, gt=0, le=3600)
    """How long a process that is told to stop may take for what is under way. Whoever stops it has to wait a little longer."""
    default_approvers: Annotated[tuple[str, ...], NoDecode] = ()
    """Who decides what no policy speaks of, comma-separated; unset: the API token and operators."""
    max_pending: int = Field(default=MAX_PENDING, ge=1)
    """How many requests of one thread may be open at a time; further calls are refused and nobody is asked."""
    agent_server_url: str | None = None
    """A LangGraph Agent Server on which graphs run, in place of this process; which ones, ``[agent_server]`` says."""
    config: Path = Path("hitl.toml")
    manifest: Path = Path("langgraph.json")

    @field_validator("default_approvers", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("public_url", mode="after")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        """A link without its scheme is none: Slack refuses the whole card, and the callback of a sign-in leads nowhere."""
        if not value:
            return None
        parts = urlsplit(value)
        if parts.scheme.lower() not in {"http", "https"} or not parts.hostname:
            msg = "is not an address: it has the form https://hitl.example.com"
            raise ValueError(msg)
        return value

    @field_validator("api_token", mode="after")
    @classmethod
    def _not_empty(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value is not None and value.get_secret_value() else None


VARIABLES: Final = frozenset(
    {
        *(f"HITL_{name.upper()}" for name in Settings.model_fields),
        "HITL_FAILPOINTS", "HITL_MODEL", "HITL_SIGN_IN_GITHUB_ID", "HITL_SIGN_IN_GITHUB_SECRET", "HITL_SIGN_IN_SLACK_ID",
        "HITL_SIGN_IN_SLACK_SECRET", "HITL_SLACK_CHANNEL",
    }
)  # fmt: skip
"""Every variable of ours, also those that channels, sign-in and graphs read."""


def misspelt(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Variables that nobody reads, each with the one that it was probably meant to be. Others may begin with ``HITL_``, too."""
    unread = (name for name in environ if name.startswith("HITL_") and name not in VARIABLES)
    close = ((name, difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.85)) for name in sorted(unread))
    return {name: found[0] for name, found in close if found}


class TokenConfig(BaseModel):
    """``[tokens.<name>]``: a further API token. ``token_env`` names the variable that holds it, so no secret stands in the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    token_env: str
    acts_for: tuple[str, ...] = ()
    """Identities (or ``"*"``) this token may name as ``reviewer``."""


Dm = bool | Literal["only"]
Reactions = bool | tuple[str, ...]


class SlackConfig(BaseModel):
    """``[slack]``: where cards go, and what counts as an answer.

    ``channel``: where everything goes that has no route; HITL_SLACK_CHANNEL comes first. ``routes``: a tool's or a step's name,
    ``risk:<risk>`` or ``graph:<name>`` → channel. ``dm``: approvers also get a direct message each (``true``), or get it in place of
    the channel (``"only"``). ``reactions``: 👍 and ❌ on a card count, everywhere (``true``) or in these channels. ``user_groups``:
    approvers may be user groups of Slack (``slack:S…``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    channel: str | None = None
    routes: dict[str, str] = Field(default_factory=dict)
    dm: Dm = False
    reactions: Reactions = False
    user_groups: bool = False


class GitHubConfig(BaseModel):
    """``[github]``: who may decide, and how answers come in.

    ``approvers``: who decides, for runs that belong to an issue, what no policy speaks of. ``webhook = false``: GitHub cannot reach this
    server; answers are found by re-reading alone and no secret is needed. ``poll_seconds``: how often the issues of pending requests
    are re-read, with a webhook, too: GitHub does not repeat a delivery that failed. ``enabled = false``: the channel is off, whatever the
    environment says; many machines have a ``GITHUB_TOKEN`` for other programs.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = True
    approvers: tuple[str, ...] = ("github:role:write",)
    poll_seconds: float = Field(default=30.0, gt=0, le=3600, allow_inf_nan=False)
    webhook: bool = True


class TriggerConfig(BaseModel):
    """``[[triggers]]``: a run begins when somebody puts ``label`` on an issue.

    ``repositories``: only there (``["acme/shop"]``; empty: wherever the webhook comes from). ``input``: name → dotted path into GitHub's
    payload (``{repository = "repository.full_name", issue = "issue.number"}``); empty: repository, issue, issue_url, title and body.
    ``requester``: whose wish the run is, who therefore does not approve it. ``on_new_input``: what becomes of another label while the
    issue's run waits.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    event: Literal["issues.labeled"] = "issues.labeled"
    label: str = Field(min_length=1, max_length=200)
    graph: str = Field(min_length=1)
    repositories: tuple[str, ...] = ()
    input: dict[str, str] = Field(default_factory=dict)
    requester: Literal["author", "labeller"] = "author"
    on_new_input: Literal["enqueue", "supersede", "refuse"] = "enqueue"


class AgentServerConfig(BaseModel):
    """``[agent_server]``: which graphs live on the Agent Server that HITL_AGENT_SERVER_URL names; left out: those of ``langgraph.json``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    graphs: tuple[str, ...] | None = None


class SignInConfig(BaseModel):
    """``[sign_in]``: who may come in with a browser. Operators may, and whom the file or a request that waits names as a reviewer.

    ``viewers``: names of ``[people]``, identities or groups who see everything and decide nothing there. ``hours``: how long a session
    lasts. ``slack_team``: the workspace whose people Slack's sign-in lets in (``T…``).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    viewers: tuple[str, ...] = ()
    hours: float = Field(default=12.0, gt=0, le=24 * 30, allow_inf_nan=False)
    slack_team: str | None = Field(default=None, pattern=r"^[TE][A-Z0-9]{1,30}$")


class ConfigFile(BaseModel):
    """``hitl.toml``. ``api_acts_for``: identities (or ``"*"``) that HITL_API_TOKEN may name as ``reviewer``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    people: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    operators: tuple[str, ...] = ()
    api_acts_for: tuple[str, ...] = ()
    tokens: dict[str, TokenConfig] = Field(default_factory=dict)
    slack: SlackConfig = SlackConfig()
    triggers: tuple[TriggerConfig, ...] = ()
    github: GitHubConfig = GitHubConfig()
    agent_server: AgentServerConfig = AgentServerConfig()
    sign_in: SignInConfig = SignInConfig()


def load_settings() -> Settings:
    """From the environment. Raises ``ConfigurationError`` with the variable's name."""
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigurationError(_sentence("HITL_", error)) from None


def load_config(path: Path) -> ConfigFile:
    """From ``hitl.toml``; a missing file is an empty one. Raises ``ConfigurationError`` with the key."""
    try:
        raw: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ConfigFile()
    except tomllib.TOMLDecodeError as error:
        msg = f"{path}: {error}"
        raise ConfigurationError(msg) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(unreadable(path, error)) from None
    try:
        return ConfigFile.model_validate(raw)
    except ValidationError as error:
        raise ConfigurationError(_sentence(f"{path}: ", error)) from None


def unreadable(path: Path, error: OSError | UnicodeDecodeError) -> str:
    """Why a file of settings cannot be read, in a sentence."""
    why = error.strerror or type(error).__name__ if isinstance(error, OSError) else "it is not text in UTF-8"
    return f"{path} cannot be read: {why}"


def _sentence(where: str, error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    why = _WHY.get(first["type"]) or first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        why = _unknown(first["loc"])
    return f"{where}{name.upper() if where == 'HITL_' else name}: {why}"


_WHY: Final[Mapping[str, str]] = {
    "tuple_type": 'must be a list: ["…"]',
    "dict_type": "must be a table",
    "model_type": "must be a table",
}
"""Where TOML's words are others than Python's, by pydantic's name of the error."""


def _unknown(place: tuple[int | str, ...]) -> str:
    """What to write in place of a key of ``hitl.toml`` that is none."""
    *tables, key = place
    model: type[BaseModel] = ConfigFile
    if tables:
        annotation = ConfigFile.model_fields[str(tables[0])].annotation
        kinds = (annotation, *get_args(annotation))
        model = next(kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel))
    close = difflib.get_close_matches(str(key), model.model_fields, n=1)
    if close:
        return f"there is no such key. Did you mean {close[0]}?"
    return f"there is no such key here. There are: {', '.join(model.model_fields)}."
