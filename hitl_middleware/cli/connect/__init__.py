"""``hitl connect slack|github``."""

from __future__ import annotations

import typer

from hitl_middleware.cli.connect.github import github
from hitl_middleware.cli.connect.slack import slack

app = typer.Typer(no_args_is_help=True)
app.command("slack", short_help="Check token, scopes, channel; post a test card.")(slack)
app.command("github", short_help="Check token, rights, webhook of a repository.")(github)
