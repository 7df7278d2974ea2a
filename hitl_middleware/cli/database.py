"""``hitl db upgrade``."""

from __future__ import annotations

import typer

from hitl_middleware.cli.context import Json, speaks
from hitl_middleware.cli.output import as_json, say

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``upgrade`` a subcommand while it is the only one."""


@app.command("upgrade")
@speaks
def upgrade(json_: Json = False) -> None:
    """Bring the schema of HITL_DATABASE_URL to this version."""
    from hitl_middleware.settings import load_settings
    from hitl_middleware.stores import migrations

    url = load_settings().database_url
    before = migrations.current(url)
    migrations.upgrade(url)
    after = migrations.current(url)
    if json_:
        as_json({"before": before, "after": after})
    elif before == after:
        say(f"The database is at revision {after}.")
    else:
        say(f"Upgraded from {before or 'empty'} to {after}.")
