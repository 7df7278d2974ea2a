"""``hitl connect slack``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_middleware.cli.connect.told import heard, print_json, replace_file, text_of, write_secrets
from hitl_middleware.cli.context import USAGE, Json, fail, speaks
from hitl_middleware.cli.output import say

if TYPE_CHECKING:
    from hitl_middleware.channels.finding import Finding
    from hitl_middleware.channels.slack.settings import SlackSettings

LINES = """\
SLACK_BOT_TOKEN=xoxb-…            OAuth & Permissions → Bot User OAuth Token
SLACK_SIGNING_SECRET=…            Basic Information → Signing Secret; Slack then calls your server
SLACK_APP_TOKEN=xapp-…            instead of it: Basic Information → App-Level Tokens; your server then calls Slack"""


@speaks
def slack(
    channel: Annotated[
        str | None, typer.Option(help="Where cards go that no route names: id or name.", metavar="CHANNEL")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing, and write what is missing.")] = False,
    test_card: Annotated[
        bool, typer.Option("--test-card/--no-test-card", help="Post a card and change it.")
    ] = True,
    env_file: Annotated[Path, typer.Option(help="Where secrets are written that you type in.")] = Path(
        ".env"
    ),
    json_: Json = False,
) -> None:
    """Check token, scopes, channel and the way in; post a test card; write what is missing."""
    from hitl_middleware.settings import load_config, load_settings

    asks = sys.stdin.isatty() and not yes and not json_
    path = load_settings().config
    typed = _typed() if asks else {}
    os.environ.update(typed)
    settings = _settings(path, channel)
    found = _looked(settings, test_card=test_card, aloud=not json_)
    good = all(each.ok for each in found)
    written: list[str] = []
    if good:
        chosen = channel if channel and load_config(path).slack.channel != channel else None
        written = _written(path, chosen, env_file, typed, asks=asks)
    if json_:
        print_json(found, written, ok=good)
    elif good:
        for name in written:
            say(f"Written: {name}")
        say("Slack is connected. Start: hitl serve")
    if not good:
        raise typer.Exit(USAGE)


def _typed() -> dict[str, str]:
    """The secrets that are not set, as somebody types them in unseen."""
    typed: dict[str, str] = {}
    if not os.environ.get("SLACK_BOT_TOKEN", "").strip():
        typed["SLACK_BOT_TOKEN"] = typer.prompt("Bot token (xoxb-…)", hide_input=True).strip()
    if not any(os.environ.get(name, "").strip() for name in ("SLACK_SIGNING_SECRET", "SLACK_APP_TOKEN")):
        secret = typer.prompt(
            "Signing secret (empty: Socket Mode)", hide_input=True, default="", show_default=False
        )
        if secret.strip():
            typed["SLACK_SIGNING_SECRET"] = secret.strip()
        else:
            typed["SLACK_APP_TOKEN"] = typer.prompt("App-level token (xapp-…)", hide_input=True).strip()
    return typed


def _settings(path: Path, channel: str | None) -> SlackSettings:
    from hitl_middleware.channels.slack.manifest import manifest_path
    from hitl_middleware.channels.slack.settings import SlackSettings
    from hitl_middleware.settings import load_config

    settings = SlackSettings.from_env(load_config(path).slack)
    if settings is None:
        fail(f"Nothing of Slack is set. Make an app from {manifest_path()}, then set:\n{LINES}")
    return settings.model_copy(update={"channel": channel}) if channel else settings


def _looked(settings: SlackSettings, *, test_card: bool, aloud: bool) -> list[Finding]:
    import asyncio

    from hitl_middleware.channels.slack.connect import findings

    return asyncio.run(heard(findings(settings, test_card=test_card), aloud=aloud))


def _written(
    path: Path, channel: str | None, env_file: Path, typed: dict[str, str], *, asks: bool
) -> list[str]:
    """Write what was not there; the names of the files."""
    from hitl_middleware.channels.slack.setup_files import with_channel

    written: list[str] = []
    if channel is not None and (not asks or typer.confirm(f"Write [slack] channel to {path}?", default=True)):
        replace_file(path, with_channel(text_of(path), channel), mode=0o644)
        written.append(str(path))
        if os.environ.get("HITL_SLACK_CHANNEL", channel) != channel:
            typer.echo(
                f"HITL_SLACK_CHANNEL names another channel, and comes before {path}: unset it.", err=True
            )
    return written + write_secrets(env_file, typed, asks=asks)
