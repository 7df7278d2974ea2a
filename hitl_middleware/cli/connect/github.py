"""``hitl connect github``."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hitl_middleware.cli.connect.told import (
    heard,
    print_json,
    replace_file,
    say_finding,
    text_of,
    write_secrets,
)
from hitl_middleware.cli.context import USAGE, Json, fail, speaks
from hitl_middleware.cli.output import say

if TYPE_CHECKING:
    from hitl_middleware.channels.finding import Finding
    from hitl_middleware.channels.github.client import GitHubClients
    from hitl_middleware.channels.github.connect import Place
    from hitl_middleware.channels.github.settings import GitHubSettings
    from hitl_middleware.settings import ConfigFile

SECRET = "GITHUB_WEBHOOK_SECRET"  # noqa: S105 – the variable's name
LINES = """\
GITHUB_TOKEN=github_pat_…         a fine-grained token of a machine user, made for the repository
GITHUB_APP_ID=…                   instead of it: a GitHub App that is installed on the repository, with
GITHUB_APP_PRIVATE_KEY_PATH=…     its private key
GITHUB_WEBHOOK_SECRET=…           of the webhook; without it issues are re-read"""


@dataclass(slots=True)
class _Asked:
    """What the command was asked to do. ``typed``: secrets that were typed in or made, and are set nowhere yet."""

    repository: str
    webhook: str | None
    path: Path
    env_file: Path
    config: ConfigFile
    yes: bool
    asks: bool
    aloud: bool
    typed: dict[str, str] = field(default_factory=dict)

    @property
    def polls(self) -> bool:
        """Whether answers are found by re-reading alone."""
        return self.webhook is None and not (self.config.github.webhook and _is_set(SECRET))


@speaks
def github(
    repository: Annotated[str, typer.Argument(help="The repository, as in acme/shop.", metavar="OWNER/REPO")],
    webhook: Annotated[
        str | None,
        typer.Option(help="Make the webhook, or mend it: your server's public address.", metavar="URL"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing, and write what is missing.")] = False,
    env_file: Annotated[
        Path, typer.Option(help="Where secrets are written that you type in or that are made.")
    ] = Path(".env"),
    json_: Json = False,
) -> None:
    """Check token or App, repository, permissions, people and the webhook; write what is missing."""
    from hitl_middleware.channels.github.hook import address
    from hitl_middleware.channels.github.words import is_repository
    from hitl_middleware.settings import load_config, load_settings

    name = re.sub(r"^https?://[^/]+/|/$|\.git$", "", repository.strip())
    if not is_repository(name):
        fail(f"{repository!r} is no repository: give owner and name, as in acme/shop")
    path = load_settings().config
    asked = _Asked(
        repository=name,
        webhook=address(webhook) if webhook else None,
        path=path,
        env_file=env_file,
        config=load_config(path),
        yes=yes,
        asks=sys.stdin.isatty() and not yes and not json_,
        aloud=not json_,
    )
    settings = _settings(asked)
    found, place = asyncio.run(_looked(settings, asked))
    good = all(each.ok for each in found)
    written = _written(asked, place) if good else []
    if json_:
        print_json(found, written, ok=good)
    elif good:
        for file in written:
            say(f"Written: {file}")
        say(f"{name} is connected. Start: hitl serve")
    if not good:
        raise typer.Exit(USAGE)


# who we are ----------------------------------------------------------------------------------------------------------


def _settings(asked: _Asked) -> GitHubSettings:
    from hitl_middleware.channels.github.settings import GitHubSettings

    if not asked.config.github.enabled:
        fail(f"{asked.path} says enabled = false under [github]; take that line out to use GitHub")
    if asked.asks and not any(_is_set(name) for name in ("GITHUB_TOKEN", "GITHUB_APP_ID")):
        asked.typed["GITHUB_TOKEN"] = typer.prompt("Token (github_pat_…)", hide_input=True).strip()
    if asked.webhook is not None:
        _be_hooked(asked)
    os.environ.update(asked.typed)
    config = asked.config.github.model_copy(update={"webhook": not asked.polls})
    nothing = not any(_is_set(name) for name in ("GITHUB_TOKEN", "GITHUB_APP_ID"))
    settings = None if nothing else GitHubSettings.from_env(config)
    if settings is None:
        fail(f"Nothing of GitHub is set. Set:\n{LINES}")
    return settings


def _be_hooked(asked: _Asked) -> None:
    """Where a webhook is to be made it has a secret, and is not switched off."""
    if not asked.config.github.webhook:
        fail(f"{asked.path} says webhook = false under [github]; take that line out to use a webhook")
    if _is_set(SECRET):
        return
    if not asked.yes and not asked.asks:
        fail(
            f"{SECRET} is not set. Set it to a long random text, or give --yes to have one made and written down."
        )
    asked.typed[SECRET] = secrets.token_hex(32)


def _is_set(name: str) -> bool:
    return bool(os.environ.get(name, "").strip())


# looking -------------------------------------------------------------------------------------------------------------


async def _looked(settings: GitHubSettings, asked: _Asked) -> tuple[list[Finding], Place | None]:
    """Everything that is found, and the place if it could be reached."""
    from hitl_middleware.channels.finding import Finding
    from hitl_middleware.channels.github import connect
    from hitl_middleware.channels.github.client import GitHubClients
    from hitl_middleware.channels.github.questions import sentence
    from hitl_middleware.errors import DeliveryFailed

    clients = GitHubClients(settings)
    look = connect.Look(clients, asked.repository, connect.named_in(_deciding(asked.config)))
    try:
        found = await heard(look.findings(), aloud=asked.aloud)
        if look.place is None:
            return found, None
        try:
            hook = await _hook(clients, look.place, asked, well=all(each.ok for each in found))
        except DeliveryFailed as error:
            hook = Finding(
                "webhook", ok=False, says=sentence(error), mend="Run it again once that is mended."
            )
        if asked.aloud:
            say_finding(hook)
        return [*found, hook], look.place
    finally:
        await clients.close()


def _deciding(config: ConfigFile) -> frozenset[str]:
    """Whoever hitl.toml lets decide, by what name ever."""
    named = [config.github.approvers, config.operators, *config.groups.values(), *config.people.values()]
    return frozenset(name for names in named for name in names)


async def _hook(clients: GitHubClients, place: Place, asked: _Asked, *, well: bool) -> Finding:
    """The webhook; made or mended where that is wanted and all else is ``well``, so that its secret is not lost."""
    from hitl_middleware.channels.finding import Finding
    from hitl_middleware.channels.github import hook

    if asked.polls:
        seconds = asked.config.github.poll_seconds
        says = f"Without a webhook: issues of pending requests are re-read every {seconds:g} s."
        return Finding("webhook", ok=True, says=says)
    url = asked.webhook or _own_address()
    finding, there = await hook.look(clients, place, url)
    as_it_should = finding.ok and finding.checked and SECRET not in asked.typed
    unheard = (
        finding.mend is not None and asked.yes
    )  # its deliveries are refused: perhaps it has another secret
    if asked.webhook is None or not well or (as_it_should and not unheard):
        return finding
    what = f"{'Make' if there is None else 'Mend'} the webhook {asked.webhook}"
    secret = f" and write its secret to {asked.env_file}" if SECRET in asked.typed else ""
    if asked.asks and not typer.confirm(f"{what}{secret}?", default=True):
        return finding
    if not asked.asks and not asked.yes:
        return Finding("webhook", ok=False, says=finding.says, mend="Give --yes to have it made.")
    return await hook.make(clients, place, asked.webhook, os.environ[SECRET].strip(), there)


def _own_address() -> str | None:
    from hitl_middleware.channels.github.hook import address
    from hitl_middleware.settings import load_settings

    url = load_settings().public_url
    return address(url) if url else None


# writing -------------------------------------------------------------------------------------------------------------


def _written(asked: _Asked, place: Place | None) -> list[str]:
    """Write what was not there; the names of the files."""
    from hitl_middleware.channels.github.setup_files import with_example
    from hitl_middleware.channels.setup_files import with_setting

    before = text_of(asked.path)
    text = with_setting(before, "github", "webhook", value=False) if asked.polls else before
    text = with_example(text, place.name if place is not None else asked.repository)
    written: list[str] = []
    if text != before and (
        not asked.asks
        or typer.confirm(f"Write [github] and an example trigger to {asked.path}?", default=True)
    ):
        replace_file(asked.path, text, mode=0o644)
        written.append(str(asked.path))
    # A secret that GitHub was given and nobody else knows is not asked about again.
    return written + write_secrets(asked.env_file, asked.typed, asks=asked.asks and SECRET not in asked.typed)
