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

import hitl_middleware

ROOT = Path(hitl_middleware.__file__).parents[1]
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
    """One that listens. ``folder``: where its manifest lies, and its log."""

    url: str
    pid: int
    folder: Path


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
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "langgraph_cli", "dev", "--no-browser", "--no-reload", "--host", "127.0.0.1",
             "--port", str(secrets.randbelow(20_000) + 30_000), "--n-jobs-per-worker", "10"],
            cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
            env={**ours, **QUIET, **environ, "PYTHONPATH": os.pathsep.join(path)},
        )  # fmt: skip
        try:
            yield DevServer(_listening(process, log, mark), process.pid, folder)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _needed() -> None:
    if not (BESIDE / "langgraph_api").is_dir() and find_spec("langgraph_api") is None:
        why = "LangGraph's Agent Server is not installed; `make` does it from requirements-agent-server.txt"
        if "CI" in os.environ:
            pytest.fail(why)
        pytest.skip(why)


def _listening(process: subprocess.Popen[bytes], log: Path, mark: str) -> str:
    """The address, once ours answers there. It takes another port than it was told where that is taken, and says so."""
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
    pytest.fail(f"The Agent Server ended:\n{log.read_text(errors='replace')[-4_000:]}")
