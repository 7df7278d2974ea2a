"""A real Agent Server (``langgraph dev``) in a process of its own, on loopback, for the tests that need one.

Its packages lie in a folder beside the environment's own (``requirements-agent-server.txt``); where they are installed as usual, those are
taken. Where there are none, the tests skip; where a change is judged (``CI``) they fail.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

import hitl_middleware
from hitl_middleware.testing.fake_slack import FakeSlack
from hitl_middleware.testing.runs_contract.graphs import MANIFEST

from tests.kit.databases import sqlite_in

ROOT = Path(hitl_middleware.__file__).parents[1]
MOUNTED = "hitl_server.mounted:app"
CHANNEL, ANN = "C0REVIEWS1", "U024BE7LH"
PORTS, TRIES = range(21_000, 31_000), 3
"""Below those that the system gives to connections, which come and go by the thousand while tests run."""

DESK = Path(__file__).with_name("agent_desk.py")
BESIDE = Path(sys.prefix) / "agent-server"

QUIET = {
    "LANGGRAPH_CLI_NO_ANALYTICS": "1",
    "LANGGRAPH_NO_VERSION_CHECK": "true",
    "LANGSMITH_TRACING": "false",
    "LANGCHAIN_TRACING_V2": "false",
    "OTEL_SDK_DISABLED": "true",
}
"""So it speaks to nobody but us."""

_NOT_ITS_BUSINESS = re.compile(r"LANG(GRAPH|SMITH|CHAIN)_|LANGSERVE_|HITL_|SLACK_|GITHUB_|COV_")


@dataclass(frozen=True, slots=True)
class DevServer:
    """One that listens. ``folder``: where its manifest lies, its database, its log, and the book of payments."""

    url: str
    pid: int
    folder: Path

    @property
    def database_url(self) -> str:
        """Where its graphs' gates and the app that is mounted keep what they know."""
        return sqlite_in(self.folder)

    @property
    def paid(self) -> list[int]:
        """What the tills on it have paid."""
        book = self.folder / "paid"
        return [int(line) for line in book.read_text().splitlines()] if book.exists() else []

    @property
    def log(self) -> str:
        """All that it has said."""
        return (self.folder / "server.log").read_text(errors="replace")


@contextmanager
def desk_server(folder: Path, slack: FakeSlack) -> Iterator[DevServer]:
    """One with the contract's graphs, a workflow with a human step, and tills that pay when people agree; and our app mounted in it.

    The app drives ``till`` and ``human-approval``; ``late-till`` is left to whoever comes by.
    """
    (folder / "hitl.toml").write_text('[agent_server]\ngraphs = ["till", "human-approval"]\n')
    graphs = {
        **MANIFEST,
        "till": f"{DESK}:till",
        "late-till": f"{DESK}:late_till",
        "asks-for-ever": f"{DESK}:asks_for_ever",
        "for-ever": f"{DESK}:for_ever",
        "human-approval": "hitl_graphs.human_approval.workflow:graph",
    }
    environ = {
        **slack.environ,
        "HITL_SLACK_CHANNEL": CHANNEL,
        "HITL_DEFAULT_APPROVERS": f"api,slack:{ANN}",
        "HITL_DATABASE_URL": sqlite_in(folder),
        "PAID_IN": str(folder / "paid"),
    }
    with dev_server(folder, graphs, environ=environ, app=MOUNTED) as server:
        slack.connect(f"{server.url}/slack/events")
        yield server


@contextmanager
def dev_server(
    folder: Path, graphs: Mapping[str, str], *, environ: Mapping[str, str], **http: Any
) -> Iterator[DevServer]:
    """Started in ``folder``, and ended with the block. ``http``: that part of its manifest."""
    _needed()
    mark = f"mark-{secrets.token_hex(8)}"  # whoever else listens on this machine has no graph of that name
    manifest = {
        "dependencies": ["."],
        "graphs": {**graphs, mark: next(iter(graphs.values()))},
        "disable_persistence": True,
        "http": {"disable_mcp": True, "disable_a2a": True, **http},
    }
    (folder / "langgraph.json").write_text(json.dumps(manifest))
    path = [
        str(place) for place in (BESIDE, folder, ROOT, ROOT / "server", ROOT / "graphs") if place.exists()
    ]
    ours = {name: value for name, value in os.environ.items() if not _NOT_ITS_BUSINESS.match(name)}
    variables = {**ours, **QUIET, **environ, "PYTHONPATH": os.pathsep.join(path)}
    process, url = _started(folder, variables, mark)
    try:
        yield DevServer(url, process.pid, folder)
    finally:
        _end(process)


def _started(folder: Path, variables: Mapping[str, str], mark: str) -> tuple[subprocess.Popen[bytes], str]:
    """A process that answers, and where. It looks for a free port long before it takes it, so it may come too late."""
    log = folder / "server.log"
    for port in secrets.SystemRandom().sample(PORTS, TRIES):
        with log.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "langgraph_cli", "dev", "--host", "127.0.0.1", "--port", str(port),
                 "--no-browser", "--no-reload", "--n-jobs-per-worker", "10", "--allow-blocking"],
                cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=variables,
            )  # fmt: skip
        try:
            if (url := _listening(process, log, mark)) is not None:
                return process, url
        except BaseException:
            _end(process)
            raise
        if "address already in use" not in log.read_text(errors="replace"):
            break
    pytest.fail(f"The Agent Server ended:\n{log.read_text(errors='replace')[-4_000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def passing_on(url: str, away: list[bool], seen: list[int] | None = None) -> Starlette:
    """What stands between us and a server: it passes on, or, while ``away`` holds anything, says that nobody is there.

    ``seen``: the status of each answer that was passed on.
    """

    async def answer(request: Request) -> Response:
        if away:
            return Response("nobody is there", 503)
        there = f"{url}{request.url.path}?{request.url.query}"
        async with httpx.AsyncClient(trust_env=False, timeout=60) as beyond:
            kind = {"content-type": "application/json"}
            said = await beyond.request(request.method, there, content=await request.body(), headers=kind)
        if seen is not None:
            seen.append(said.status_code)
        return Response(said.content, said.status_code, media_type="application/json")

    return Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PATCH"])])


def _needed() -> None:
    if not (BESIDE / "langgraph_api").is_dir() and find_spec("langgraph_api") is None:
        why = "LangGraph's Agent Server is not installed; `make` does it from requirements-agent-server.txt"
        if "CI" in os.environ:
            pytest.fail(why)
        pytest.skip(why)


def _listening(process: subprocess.Popen[bytes], log: Path, mark: str) -> str | None:
    """The address, once ours answers there; ``None``: it ended. Where its port is taken it takes another one, and says so."""
    with httpx.Client(trust_env=False, timeout=5) as http:
        while process.poll() is None:
            found = re.search(r"API: \S*?(http://127\.0\.0\.1:\d+)", log.read_text(errors="replace"))
            if found is not None:
                with suppress(httpx.TransportError):
                    answer = http.post(f"{found[1]}/assistants/search", json={"graph_id": mark})
                    if answer.is_success and answer.json():
                        return found[1]
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
    return None
