"""Processes of our own, forked from a parent that has imported everything once.

Importing the whole stack takes seconds, and so does every process that starts anew. So a parent imports it – and starts nothing – and
the others are forked from it. What the library reads of its environment when it is imported, that is ``HITL_FAILPOINTS``, is read again.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerProcess
from typing import Any, Final

from hitl_middleware import failpoints

WARM_SECONDS: Final = 120

_WARM: Final = (
    "hitl_graphs.delivery.bugfix",
    "hitl_graphs.delivery.coding",
    "hitl_graphs.delivery.coding_internal",
    "hitl_graphs.delivery.feature",
    "hitl_graphs.delivery.standard",
    "hitl_graphs.human_approval.workflow",
    "hitl_graphs.support.agent",
    "hitl_graphs.support.routes",
    "hitl_graphs.support.scripted",
    "hitl_middleware.channels.configured",
    "hitl_middleware.channels.github.channel",
    "hitl_middleware.channels.github.heed",
    "hitl_middleware.channels.github.people",
    "hitl_middleware.channels.slack.app",
    "hitl_middleware.channels.slack.channel",
    "hitl_middleware.channels.slack.heed",
    "hitl_middleware.channels.slack.home",
    "hitl_middleware.channels.slack.intake",
    "hitl_middleware.channels.slack.reactions",
    "hitl_middleware.cli.app",
    "hitl_middleware.dispatch.procrastinate",
    "hitl_middleware.gate.build",
    "hitl_middleware.runs.agent_server",
    "hitl_middleware.runs.attach",
    "hitl_middleware.runs.local",
    "hitl_middleware.stores.migrations",
    "hitl_middleware.stores.saver.postgresql",
    "hitl_middleware.stores.saver.sqlite",
    "hitl_middleware.stores.sql.postgresql",
    "hitl_middleware.stores.sql.sqlite",
    "hitl_middleware.stores.sql.store",
    "hitl_server.serve",
    # What those import only when they need it:
    "aiohttp",
    "alembic.command",
    "alembic.config",
    "alembic.ddl.impl",
    "anyio._backends._asyncio",
    "encodings.utf_16_be",
    "encodings.utf_16_le",
    "fastapi.telemetry._runtime",
    "github",
    "httpcore",
    "langchain.agents",
    "langchain_core.messages.block_translators.langchain_v0",
    "langchain_core.tracers.context",
    "langchain_core.tracers.stdout",
    "procrastinate.builtin_tasks",
    "procrastinate.worker",
    "prometheus_client",
    "pytest",  # where the tests run in one process, multiprocessing runs pytest's own script in every child once more
    "slack_bolt.adapter.starlette.async_handler",
    "slack_bolt.async_app",
    "slack_bolt.listener_matcher.async_builtins",
    "slack_sdk.web.async_client",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite",
    "stripe._charge_service",
    "stripe._refund_service",
    "stripe._stripe_client",
    "stripe._v1_services",
    "typer._adapters",
    "typer._click.decorators",
    "uvicorn.lifespan.on",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.h11_impl",
    # What the tests' own processes need:
    "hitl_middleware.cli.demo.github.play",
    "hitl_middleware.cli.demo.github.scripted",
    "hitl_middleware.cli.demo.intro",
    "hitl_middleware.cli.demo.play",
    "tests.chaos.storm.desks",
    "tests.kit.delivery",
    "tests.kit.dying",
    "tests.kit.frozen",  # the last
)

_context = multiprocessing.get_context("forkserver")
# There is one such parent in a process, and only what it is told before its first child counts: so the list stands here and nowhere else.
_context.set_forkserver_preload([*_WARM])

pipe = _context.Pipe

_ASKING: Final = threading.RLock()
# A process's exit code comes through a pipe, once. multiprocessing looks there whenever any process is started, too: of two threads that
# look at the same moment, one would be told 255.


def warm_up() -> None:
    """Have the parent of all ready; the first child would wait for it otherwise."""
    parent = fork(_nothing)
    parent.join(WARM_SECONDS)
    assert parent.exitcode == 0, "the stack could not be imported"


def fork(target: Callable[..., None], *args: Any) -> ForkServerProcess:
    """A process that does this. Daemonic: whatever a test leaves behind ends with pytest."""
    process = _context.Process(target=target, args=args, daemon=True)
    with _ASKING:
        process.start()
    return process


def exit_code(process: ForkServerProcess, seconds: float) -> int | None:
    """How it ended, waiting so long for it; a signal's is negative. ``None``: it lives. From any thread."""
    wait([process.sentinel], seconds)
    with _ASKING:
        process.join(0)
        return process.exitcode


def fork_hitl(
    argv: Sequence[str],
    environ: Mapping[str, str],
    folder: str,
    given: Connection,
    out: Connection,
    err: Connection,
) -> ForkServerProcess:
    """A process that is ``hitl …``, as its console script starts it. The connections are its stdin, stdout and stderr."""
    return fork(_hitl, list(argv), dict(environ), folder, given, out, err)


def stream(fd: int) -> Connection:
    """A file, pipe or terminal as something that can be handed to a process; closed with it."""
    return Connection(fd)


# in the child --------------------------------------------------------------------------------------------------------


def _nothing() -> None:
    pass


def _hitl(
    argv: Sequence[str],
    environ: Mapping[str, str],
    folder: str,
    given: Connection,
    out: Connection,
    err: Connection,
) -> None:
    _end_with_the_test()
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    os.setsid()
    for number, connection in enumerate((given, out, err)):
        os.dup2(connection.fileno(), number)
        connection.close()
    # As the interpreter makes them at its start; those of the parent were made for other files.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 – a number, not a path
    sys.stdout = _written(1)
    sys.stderr = _written(2)
    sys.argv = ["hitl", *argv]
    importlib.reload(failpoints)
    from hitl_middleware.cli import main

    main()


def _written(number: int) -> Any:
    buffering = 1 if number == 2 or os.isatty(number) else -1
    return open(number, "w", buffering, encoding="utf-8", closefd=False)


def _end_with_the_test() -> None:
    """A pytest that is killed leaves no servers behind."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="end-with-the-test", daemon=True).start()
