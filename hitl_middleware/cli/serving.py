"""``hitl serve`` and ``hitl worker``."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from hitl_middleware.cli.context import Json, local_identity, opened, speaks
from hitl_middleware.cli.output import say


@speaks
def serve(
    host: Annotated[
        str, typer.Option(help="Where to listen; beyond loopback HITL_API_TOKEN or sign-in must be set up.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: chosen by the system.")] = 8100,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Also run graphs and post messages.")
    ] = True,
    json_: Json = False,
) -> None:
    """Serve API, Slack, GitHub and pages; run and resume the graphs of langgraph.json, until stopped."""
    from hitl_middleware.hitl import Hitl
    from hitl_server.serve import serve as serve_forever

    def line(url: str) -> str:
        return json.dumps({"url": url}) if json_ else url

    serve_forever(Hitl.from_env(), host=host, port=port, worker=worker, sits_here=local_identity(), line=line)


@speaks
def worker(json_: Json = False) -> None:
    """Run and resume graphs, post messages; no HTTP. Until stopped."""
    from hitl_middleware.hitl import Hitl
    from hitl_server.serve import work_forever

    hitl = Hitl.from_env()

    def begun() -> None:
        graphs = list(hitl.all_graphs.graphs())
        say(json.dumps({"graphs": graphs}) if json_ else f"Working on: {', '.join(graphs) or 'no graph'}")

    work_forever(hitl, begun=begun)


@speaks
def sign_in(json_: Json = False) -> None:
    """Print a link that is good once: whoever sits at the machine of `hitl serve` signs in with it, as an operator."""
    from hitl_server.serve import MINUTES, one_time_link

    with opened() as hitl:
        link = one_time_link(hitl, local_identity())
    words = (
        f"Open {link} on this machine, at the address that hitl serve printed (good once, {MINUTES} minutes)"
    )
    say(json.dumps({"sign_in": link}) if json_ else words)
