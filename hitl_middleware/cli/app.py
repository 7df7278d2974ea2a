"""The command tree. Nothing heavy is imported here: ``hitl --help`` answers at once."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from hitl_middleware.cli import actions, auditing, connect, database, demo, policies, requests, runs, serving
from hitl_middleware.cli.doctor import doctor
from hitl_middleware.cli.init import init

app = typer.Typer(
    name="hitl",
    help="Human decisions for LangGraph agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # a wrong word is answered with a sentence, not with a box
)
app.command("demo", short_help="See the whole loop here; no account, no key.")(demo.demo)
app.command("init", short_help="Make a new agent project.")(init)
app.command("serve", short_help="Serve API, channels, pages; run graphs.")(serving.serve)
app.command("sign-in", short_help="Print a link for this machine's browser.")(serving.sign_in)
app.command("worker", short_help="Run graphs and post messages, without HTTP.")(serving.worker)
app.command("doctor", short_help="Say what is out of order; --fix mends it.")(doctor)
app.add_typer(runs.app, name="runs", help="Runs of graphs.")
app.add_typer(requests.app, name="requests", help="What waits for a decision, and deciding it.")
app.add_typer(actions.app, name="actions", help="Acts and what became of them.")
app.add_typer(auditing.app, name="audit", help="Who did what, when; and proof that nobody changed it.")
app.add_typer(connect.app, name="connect", help="Check and complete what a channel needs.")
app.add_typer(policies.app, name="policy", help="Rules, tried on a call.")
app.add_typer(database.app, name="db", help="The database.")


def _tell_version(wanted: bool) -> None:
    if not wanted:
        return
    try:
        typer.echo(f"hitl {version('hitl-middleware')}")
    except PackageNotFoundError:  # run from its source
        typer.echo("hitl (not installed)")
    raise typer.Exit


@app.callback()
def _hitl(
    shown: Annotated[
        bool,
        typer.Option("--version", help="Print the version and stop.", is_eager=True, callback=_tell_version),
    ] = False,
) -> None:
    pass


def run() -> None:
    """Parse and do. A reader who stops listening (``| head``) is no error to talk about."""
    try:
        try:
            app()
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # else the interpreter complains as it ends
        raise SystemExit(1) from None
