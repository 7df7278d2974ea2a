"""``hitl runs list|show|start``."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hitl_middleware.cli.context import Cursor, Json, Limit, ask, fail, local_identity, opened, speaks
from hitl_middleware.cli.output import as_json, facts, say, table

if TYPE_CHECKING:
    from hitl_middleware.records import Action

app = typer.Typer(no_args_is_help=True)


@app.command("list")
@speaks
def list_(
    limit: Limit = 50,
    cursor: Cursor = None,
    json_: Json = False,
) -> None:
    """Newest first."""
    with opened() as hitl:
        page = ask(hitl, hitl.views.runs, limit=limit, cursor=cursor)
    if json_:
        from hitl_server.schemas import runs_out

        as_json(runs_out(page).model_dump(mode="json"))
        return
    table(
        ["RUN", "GRAPH", "STATUS", "SINCE (UTC)", "THREAD"],
        [(r.id, r.graph, r.status, f"{r.created_at:%Y-%m-%d %H:%M:%S}", r.thread_id) for r in page.items],
        empty="No runs yet.",
    )


@app.command("show")
@speaks
def show(
    key: Annotated[
        str, typer.Argument(help="Run id, or the thread of a run that has not ended.", metavar="RUN")
    ],
    json_: Json = False,
) -> None:
    """One run with its requests and acts."""
    with opened() as hitl:
        detail = ask(hitl, hitl.views.run, key)
    if json_:
        from hitl_server.schemas import run_detail_out

        as_json(run_detail_out(detail).model_dump(mode="json"))
        return
    run = detail.run
    facts(
        f"{run.graph}  {run.id}",
        {
            "status": run.status,
            "thread": run.thread_id,
            "requester": run.requester,
            "error": run.error,
            **run.labels,
        },
    )
    asked = {request.action_id: request for request in detail.requests if request.kind == "tool_call"}
    rows: list[tuple[str, ...]] = [
        (request.code, request.title, request.status, "", "")
        for request in detail.requests
        if request.action_id is None or request.kind != "tool_call"
    ]
    for action in detail.actions:
        request = asked.get(action.id)
        rows.append(
            (
                request.code if request else "–",
                request.title if request else action.tool,
                request.status if request else _unasked(action),
                action.status,
                action.error or action.result_text or "",
            )
        )
    if rows:
        typer.echo()
        table(["CODE", "WHAT", "REQUEST", "ACT", "RESULT"], rows, empty="")
    else:
        say("  It has asked nobody and done nothing that needs a record.")


@app.command("start")
@speaks
def start(
    graph: Annotated[str, typer.Argument(help="A graph of langgraph.json.")],
    input_: Annotated[str, typer.Option("--input", help="The graph's input as JSON; - reads it from stdin.")],
    thread: Annotated[str | None, typer.Option(help="Thread id; new by default.")] = None,
    requester: Annotated[str | None, typer.Option(help="Who asked for it, e.g. slack:U024BE7LH.")] = None,
    on_new_input: Annotated[
        Literal["enqueue", "supersede", "refuse"], typer.Option(help="What to do where the thread is busy.")
    ] = "enqueue",
    json_: Json = False,
) -> None:
    """Store a run; a running server or worker takes it up."""
    from hitl_middleware.errors import UnknownGraph
    from hitl_middleware.manifest import read_manifest

    try:
        given = json.loads(sys.stdin.read() if input_ == "-" else input_)
    except ValueError as error:
        fail(f"--input: not JSON ({error})")
    with opened() as hitl:
        elsewhere = hitl.agent_server.graphs() if hitl.agent_server is not None else ()
        known = dict.fromkeys([*read_manifest(hitl.settings.manifest), *elsewhere])
        if graph not in known:
            raise UnknownGraph(name=graph, known=", ".join(known) or "none")
        run = ask(
            hitl,
            hitl.callers.start,
            graph,
            given,
            thread_id=thread,
            requester=requester,
            started_by=local_identity(),
            on_new_input=on_new_input,
        )
    if json_:
        from hitl_server.schemas import run_out

        as_json(run_out(run).model_dump(mode="json"))
    else:
        behind = " behind the run of its thread" if run.status == "queued" else ""
        say(
            f"Run {run.id} of {graph} is stored{behind}. A running server or worker takes it up; hitl runs show says how it goes."
        )


def _unasked(action: Action) -> str:
    """What is said of an act about which nobody was asked."""
    if action.plan.verdict == "record":
        return "on record"
    return "refused" if action.decided_by == "policy" else ""
