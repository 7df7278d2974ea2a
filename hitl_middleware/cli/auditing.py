"""``hitl audit verify|export``."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hitl_middleware.cli.context import Json, ask, fail, opened, speaks
from hitl_middleware.cli.output import as_json, say

if TYPE_CHECKING:
    from hitl_middleware.hitl import Hitl
    from hitl_middleware.records import AuditEvent

app = typer.Typer(no_args_is_help=True)
BROKEN = 1
"""Exit code of ``verify`` when the chain does not hold."""


@app.command("verify")
@speaks
def verify(json_: Json = False) -> None:
    """Recompute the hash chain over every event."""
    from hitl_middleware import audit

    with opened() as hitl:
        ask(hitl, audit.seal, hitl.store)
        found = ask(hitl, audit.verify, hitl.store)
    holds = found.problem is None
    if json_:
        as_json({"ok": holds, "checked": found.checked, "unsealed": found.unsealed, "problem": found.problem})
    elif holds:
        say(f"The chain holds: {found.checked} events, each linked to the one before.")
    else:
        say(f"The chain is broken: {found.problem}.")
    if not holds:
        raise typer.Exit(BROKEN)


Format = Literal["jsonl", "agentack"]


@app.command("export", short_help="Every event, as JSON lines or as a trace.")
@speaks
def export(
    to: Annotated[Path | None, typer.Option(help="A file; stdout by default.")] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="agentack: a trace for `agentack check`, without arguments.")
    ] = "jsonl",
    run: Annotated[str | None, typer.Option(help="Only what belongs to this run.", metavar="RUN")] = None,
    json_: Json = False,  # noqa: ARG001 – every command has --json; this one prints nothing else
) -> None:
    """Every sealed event as one JSON object a line, with its number and hash; or as a trace that others check."""
    from hitl_middleware import agentack, audit

    with opened() as hitl, contextlib.ExitStack() as stack:
        ask(hitl, audit.seal, hitl.store)
        if run is not None and not ask(hitl, hitl.views.audit, run_id=run, limit=1):
            ask(hitl, hitl.views.run, run)  # an id that is nobody's is told, before a file is written
        try:
            file = None if to is None else stack.enter_context(to.open("w", encoding="utf-8"))
        except OSError as error:
            fail(f"--to: {error.strerror}: {to}")
        events = _events(hitl, run)
        lines = (
            (audit.exported(event) for event in events)
            if format_ == "jsonl"
            # All of it at once: whether a claim was given back is said later.
            else agentack.trace(tuple(events), session=run or "hitl-audit")
        )
        for line in lines:
            typer.echo(json.dumps(line, ensure_ascii=False), file=file)


def _events(hitl: Hitl, run: str | None) -> Iterator[AuditEvent]:
    after = 0
    while events := ask(hitl, hitl.views.audit, after=after, run_id=run):
        yield from events
        after = events[-1].seq or after
