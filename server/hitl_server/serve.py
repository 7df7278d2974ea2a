"""The process: bind, load, start, listen, say where; and leave in order when told to."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.hitl import Graph, Hitl
from hitl_middleware.stores import FORGETS, migrations
from hitl_middleware.stores.saver import ready_saver
from hitl_server.app import create_app
from hitl_server.auth import Door
from hitl_server.github_heeded import github_heeded
from hitl_server.graphs import load_graphs, routers_of
from hitl_server.leaving import Leaving
from hitl_server.listener import Listener, bind, is_private, url_of
from hitl_server.logs import configure_logs
from hitl_server.metrics import Meter
from hitl_server.session import TICKET_SECONDS, Sessions
from hitl_server.slack_heeded import slack_heeded

PORT: Final = 8100

MINUTES: Final = int(TICKET_SECONDS // 60)

DRAIN: Final = 0.25
"""How much of HITL_STOP_SECONDS requests that are under way may take; most of the rest is for runs."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server in this process."""

    url: str


def one_time_link(hitl: Hitl, identity: str) -> str:
    """The path that lets ``identity`` in, once."""
    return f"/sign-in/link?code={hitl.portal.call(Sessions(hitl).ticket, identity)}"


def serve(
    hitl: Hitl,
    host: str = "127.0.0.1",
    port: int = PORT,
    *,
    worker: bool = True,
    sits_here: str | None = None,
    line: Callable[[str], str] = str,
) -> None:
    """Serve until SIGINT or SIGTERM, and leave as ``leaving`` says. Once it listens, its address stands alone on a line of stdout.

    ``worker``: also run the graphs and post messages; without, another process of the same database has to.
    ``sits_here``: who is told a one-time link, where only this machine is served and somebody sits at its terminal. It is the path
    alone, and on stderr: stdout has the address and nothing else. Where stderr is no terminal it is a log, and not told what lets in.
    ``line``: how the address is written. Raises ``ConfigurationError`` before anything is served.
    """
    configure_logs()

    def say() -> None:
        gc.freeze()  # all that is loaded stays: no collection walks through it while somebody waits for an answer
        sys.stdout.write(f"{line(url)}\n")
        sys.stdout.flush()

    with _prepared(hitl, host, port, listening=say, worker=worker, graphs=None, routers=()) as (
        listener,
        url,
    ):
        if sits_here and is_private(host) and sys.stderr.isatty():
            link = one_time_link(hitl, sits_here)
            sys.stderr.write(
                f"To sign in there: {link} (good once, {MINUTES} minutes; hitl sign-in prints another)\n"
            )
        asyncio.run(_until_signalled(listener, hitl.settings.stop_seconds))


def work_forever(hitl: Hitl, *, begun: Callable[[], object] = lambda: None) -> None:
    """Run graphs and post messages until SIGINT or SIGTERM; no HTTP. Raises ``ConfigurationError`` before anything runs.

    ``begun`` is called once it works.
    """
    configure_logs()
    try:
        # The routers are made and not mounted: making them is how a graph's module says who acts on its stored webhooks.
        routers_of(hitl, load_graphs(hitl))
        hitl.runs_portal.call(ready_saver, hitl.checkpointer())
        hitl.start()
        with slack_heeded(hitl), github_heeded(hitl):
            begun()
            asyncio.run(_signal(hitl.settings.stop_seconds))
    finally:
        hitl.stop()


@contextlib.contextmanager
def running_server(
    hitl: Hitl,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    worker: bool = True,
    graphs: Mapping[str, Graph] | None = None,
    routers: Iterable[APIRouter] = (),
) -> Iterator[RunningServer]:
    """A server in a thread of this process, for demos and tests; it starts ``hitl`` and stops it in the end.

    ``graphs`` are served in place of the manifest's, with ``routers`` as what they bring. Logging stays as it is.
    """
    listening = threading.Event()
    failures: list[BaseException] = []
    with _prepared(
        hitl, host, port, listening=listening.set, worker=worker, graphs=graphs, routers=routers
    ) as (
        listener,
        url,
    ):

        def run() -> None:
            try:
                asyncio.run(listener.run_until_stopped())
            except BaseException as failure:  # noqa: BLE001 – uvicorn leaves by SystemExit; it is raised again below
                failures.append(failure)
            finally:
                listening.set()

        thread = threading.Thread(target=run, name="hitl-server", daemon=True)
        thread.start()
        listening.wait()
        try:
            if failures:
                msg = "The server did not start."
                raise RuntimeError(msg) from failures[0]
            yield RunningServer(url)
        finally:
            listener.stop()
            thread.join()


@contextlib.contextmanager
def _prepared(
    hitl: Hitl,
    host: str,
    port: int,
    *,
    listening: Callable[[], None],
    worker: bool,
    graphs: Mapping[str, Graph] | None,
    routers: Iterable[APIRouter],
) -> Iterator[tuple[Listener, str]]:
    """All that comes before listening, in the order in which it may fail; and afterwards, whatever happened, ``hitl.stop()``."""
    with contextlib.ExitStack() as stack:
        stack.callback(hitl.stop)
        if not is_private(host) and not Door.of(hitl.settings, hitl.config).locked:
            msg = (
                f"{host or 'Every interface'} is not only this machine, and neither a token nor sign-in is set up: "
                "anybody who reaches it could decide. "
                "Set HITL_API_TOKEN, or listen on 127.0.0.1."
            )
            raise ConfigurationError(msg)
        bound = stack.enter_context(bind(host, port))
        url = url_of(bound)
        hitl.public_url = hitl.public_url or url
        hitl.portal.call(hitl.store.prepare)
        if not worker and hitl.settings.database_url != FORGETS:
            # Who works opens the queue by itself; who only takes what people say must know that it can be passed on.
            migrations.check(hitl.settings.database_url, queue=hitl.settings.dispatcher != "local")
        hitl.runs_portal.call(ready_saver, hitl.checkpointer())
        meter = Meter(hitl)
        hitl.portal.call(meter.begin)
        app = create_app(hitl, routers=[*_registered(hitl, graphs), *routers], meter=meter)
        if worker:
            hitl.start()
        stack.enter_context(slack_heeded(hitl, meter))
        stack.enter_context(github_heeded(hitl))
        yield Listener(app, bound, listening, drain=hitl.settings.stop_seconds * DRAIN), url


def _registered(hitl: Hitl, graphs: Mapping[str, Graph] | None) -> list[APIRouter]:
    if graphs is None:
        return routers_of(hitl, load_graphs(hitl))
    for name, graph in graphs.items():
        hitl.serve(name, graph)
    return []


async def _until_signalled(listener: Listener, seconds: float) -> None:
    Leaving(listener.stop, seconds=seconds).listen()
    await listener.run_until_stopped()


async def _signal(seconds: float) -> None:
    told = asyncio.Event()
    Leaving(told.set, seconds=seconds).listen()
    await told.wait()
