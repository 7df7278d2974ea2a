"""``hitl actions settle``."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from hitl_middleware.cli.context import As, Json, ask, local_identity, opened, speaks, voucher
from hitl_middleware.cli.output import as_json, say

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep ``settle`` a subcommand while it is the only one."""


@app.command("settle")
@speaks
def settle(
    action: Annotated[str, typer.Argument(help="Action id.", metavar="ACTION")],
    outcome: Annotated[
        Literal["done", "failed", "retry"],
        typer.Argument(help="retry: it certainly did not happen, do it now."),
    ],
    message: Annotated[str | None, typer.Option(help="Why you know.")] = None,
    result: Annotated[str | None, typer.Option(help="What the tool would have answered.")] = None,
    as_: As = None,
    json_: Json = False,
) -> None:
    """Say what became of an act whose outcome is unknown."""
    with opened() as hitl:
        settled = ask(
            hitl,
            hitl.settle,
            action,
            outcome,
            identity=as_ or local_identity(),
            vouched_by=voucher(as_),
            via="cli",
            message=message,
            result=result,
        )
    if json_:
        from hitl_server.schemas import action_out

        as_json(action_out(settled).model_dump(mode="json"))
    else:
        say(f"{settled.tool} ({settled.id}) is {settled.status}.")
