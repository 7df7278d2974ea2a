"""``hitl connect slack``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_middleware.cli.context import USAGE, Json, fail, speaks
from hitl_middleware.cli.output import as_json, say

if TYPE_CHECKING:
    from hitl_middleware.channels.slack.connect import Finding
    from hitl_middleware.channels.slack.settings import SlackSettings

app = typer.Typer(no_args_is_help=True)

LINES = """\
SLACK_BOT_TOKEN=xoxb-…            OAuth & Permissions → Bot User OAuth Token
SLACK_SIGNING_SECRET=…            Basic Information → Signing Secret; Slack then calls your server
SLACK_APP_TOKEN=xapp-…            instead of it: Basic Information → App-Level Tokens; your server then calls Slack"""


@app.callback()
def _group() -> None:
    """Keep ``slack`` a subcommand while it is the only one."""


@app.command("slack")
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
        as_json({"ok": good, "checks": [_plain(each) for each in found], "written": written})
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
    from hitl_middleware.channels.slack.settings import SlackSettings
    from hitl_middleware.settings import load_config

    settings = SlackSettings.from_env(load_config(path).slack)
    if settings is None:
        fail(f"Nothing of Slack is set. Make an app from server/slack-manifest.yaml, then set:\n{LINES}")
    return settings.model_copy(update={"channel": channel}) if channel else settings


def _looked(settings: SlackSettings, *, test_card: bool, aloud: bool) -> list[Finding]:
    import asyncio

    from hitl_middleware.channels.slack.connect import findings

    async def look() -> list[Finding]:
        found: list[Finding] = []
        async for each in findings(settings, test_card=test_card):
            found.append(each)
            if aloud:
                say(f"{'✓' if each.ok else '✗'} {each.says}")
                if each.mend:
                    say(f"  → {each.mend}")
        return found

    return asyncio.run(look())


def _written(
    path: Path, channel: str | None, env_file: Path, typed: dict[str, str], *, asks: bool
) -> list[str]:
    """Write what was not there; the names of the files."""
    from hitl_middleware.channels.slack.setup_files import with_channel, with_variables

    written: list[str] = []
    if channel is not None and (not asks or typer.confirm(f"Write [slack] channel to {path}?", default=True)):
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        _replace(path, with_channel(text, channel), mode=0o644)
        written.append(str(path))
        if os.environ.get("HITL_SLACK_CHANNEL", channel) != channel:
            typer.echo(
                f"HITL_SLACK_CHANNEL names another channel, and comes before {path}: unset it.", err=True
            )
    if typed and typer.confirm(f"Write {', '.join(typed)} to {env_file}?", default=True):
        text = env_file.read_text(encoding="utf-8") if env_file.exists() else ""
        _replace(env_file, with_variables(text, typed), mode=0o600)
        written.append(str(env_file))
        say(
            f"{env_file} holds secrets: keep it out of version control. Load it with: set -a; . ./{env_file}; set +a"
        )
    return written


def _replace(path: Path, text: str, *, mode: int) -> None:
    """A kill leaves the old file or the new one; an old one keeps its mode, unless that lets others read secrets."""
    before = path.stat().st_mode & 0o777 if path.exists() else mode
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.chmod(before & mode if mode == 0o600 else before)
    new.replace(path)


def _plain(finding: Finding) -> dict[str, object]:
    return {"check": finding.what, "ok": finding.ok, "says": finding.says, "mend": finding.mend}
