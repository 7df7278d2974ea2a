"""The process: what it prints, what it refuses, how it leaves."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from hitl_middleware import Hitl
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.settings import ConfigFile, Settings
from hitl_server.graphs import load_graphs, routers_of
from hitl_server.listener import bind, is_private
from hitl_server.serve import running_server

from tests.kit.effects import Effects
from tests.kit.served import Served, desk, with_token
from tests.kit.world import World

ROOT = Path(__file__).parents[2]
PATHS = os.pathsep.join(str(ROOT / part) for part in (".", "server", "graphs"))

SERVE = "import sys; from hitl_middleware import Hitl; from hitl_server.serve import {0}; {0}(Hitl.from_env(), **{1!r})"

DESK = '''
from fastapi import APIRouter
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from hitl_middleware import Hitl, requires_approval, send_tool_calls

hitl = Hitl.from_env()

@requires_approval(approvers=["api"])
@tool
def pay(amount: int) -> str:
    """Pay."""
    return f"paid {amount}"

def think(state):
    if state["messages"][-1].type == "tool":
        return {"messages": [AIMessage("done")]}
    call = {"name": "pay", "args": {"amount": 5}, "id": "c1", "type": "tool_call"}
    return {"messages": [AIMessage("", tool_calls=[call])]}

builder = StateGraph(MessagesState)
builder.add_node("model", think)
builder.add_node("tools", ToolNode([pay], **hitl.tool_gate([pay])))
builder.add_edge(START, "model")
builder.add_conditional_edges("model", send_tool_calls("tools"), ["tools", "__end__"])
builder.add_edge("tools", "model")
graph = builder.compile()

def hitl_router(hitl):
    router = APIRouter()

    @router.get("/desk/hello")
    async def hello() -> dict[str, str]:
        return {"hello": "you"}

    return router
'''


@contextmanager
def process(
    folder: Path, name: str = "serve", env: Mapping[str, str] | None = None, **options: Any
) -> Iterator[subprocess.Popen[str]]:
    """``serve`` or ``work_forever`` in a process of its own, with a graph from a file in ``folder``."""
    (folder / "desk.py").write_text(DESK)
    (folder / "langgraph.json").write_text(json.dumps({"graphs": {"desk": "./desk.py:graph"}}))
    environ = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("HITL_", "SLACK_", "FRONT_", "STRIPE_"))
    }
    child = subprocess.Popen(
        [sys.executable, "-c", SERVE.format(name, options)],
        cwd=folder,
        env={**environ, "PYTHONPATH": PATHS, "PYTHONUNBUFFERED": "1", **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def ended(child: subprocess.Popen[str]) -> tuple[str, str, int]:
    """What it said, once it has ended."""
    out, err = child.communicate(timeout=180)
    return out, err, child.returncode


def address(child: subprocess.Popen[str]) -> str:
    """The first line of its stdout."""
    assert child.stdout is not None
    line = child.stdout.readline().rstrip("\n")
    assert line, ended(child)[1]
    return line


def until(look: Callable[[], Any]) -> Any:
    """What ``look`` finds, as soon as it finds something."""
    pause = threading.Event()
    for _ in range(3_600):
        if found := look():
            return found
        pause.wait(0.05)
    pytest.fail("it did not happen")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_life(tmp_path: Path, number: signal.Signals):
    """Its address stands alone on stdout, at once ready; it runs and resumes a graph; told to stop it leaves in order, with 0."""
    with process(tmp_path, port=0) as child:
        url = address(child)
        assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", url)
        with httpx.Client(base_url=url, timeout=30) as http:
            assert http.get("/readyz").status_code == 200
            assert http.get("/desk/hello").json() == {"hello": "you"}
            given = {"messages": [{"role": "user", "content": "please"}]}
            run = http.post("/api/v1/runs", json={"graph": "desk", "input": given}).json()
            (request,) = until(lambda: http.get("/api/v1/requests?status=pending").json()["items"])
            assert (
                http.post(
                    f"/api/v1/requests/{request['code']}/decisions", json={"type": "approve"}
                ).status_code
                == 200
            )
            until(lambda: http.get(f"/api/v1/runs/{run['id']}").json()["status"] == "succeeded")
        child.send_signal(number)
        out, err, code = ended(child)
    assert (out, code) == ("", 0)
    assert "://" not in err
    assert f":{httpx.URL(url).port}" not in err
    assert "Traceback" not in err
    assert {json.loads(line)["event"] for line in err.splitlines()} >= {"api.run_started", "api.decided"}


def test_every_interface(tmp_path: Path):
    """With a token it may be reached from anywhere; the address it prints is still the loopback one (DESIGN §5)."""
    with process(tmp_path, port=0, host="0.0.0.0", env={"HITL_API_TOKEN": "s3cret"}) as child:
        url = address(child)
        assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", url)
        assert httpx.get(f"{url}/api/v1/runs").status_code == 401
        assert httpx.get(f"{url}/api/v1/runs", headers={"Authorization": "Bearer s3cret"}).status_code == 200
        child.terminate()
        out, err, code = ended(child)
    assert (out, code) == ("", 0)
    assert "s3cret" not in err


def test_a_server_and_a_worker(tmp_path: Path):
    """One process serves without a worker, another works without a server; a run started in one is driven by the other."""
    with process(tmp_path, port=0, worker=False) as server:
        url = address(server)
        with httpx.Client(base_url=url, timeout=30) as http, process(tmp_path, "work_forever") as worker:
            given = {"messages": [{"role": "user", "content": "please"}]}
            http.post("/api/v1/runs", json={"graph": "desk", "input": given})
            (request,) = until(lambda: http.get("/api/v1/requests?status=pending").json()["items"])
            assert (
                http.post(f"/api/v1/requests/{request['id']}/decisions", json={"type": "approve"}).status_code
                == 200
            )
            until(
                lambda: (
                    http.get(f"/api/v1/requests/{request['id']}").json()["action"]["status"] == "succeeded"
                )
            )
            worker.terminate()
            assert ended(worker)[2] == 0


class TestRefusals:
    """Nothing is served, and a sentence says why."""

    @pytest.mark.parametrize("host", ["0.0.0.0", "", "::"])
    def test_open_to_all_without_a_token(self, host: str):
        """Anybody who reaches it could decide (DESIGN §2 rule 8)."""
        with (
            pytest.raises(ConfigurationError, match="HITL_API_TOKEN"),
            running_server(World(), host=host, graphs={}),
        ):
            pytest.fail("it listens")

    @pytest.mark.parametrize(
        ("host", "private"),
        [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.3.2.1", True), ("0.0.0.0", False), ("", False),
         ("192.0.2.1", False), ("no.such.host.invalid", False)],
    )  # fmt: skip
    def test_what_is_private(self, host: str, private: bool):
        """Only what nobody but this machine can reach."""
        assert is_private(host) == private

    def test_a_port_that_is_taken(self):
        """Named, with what to do."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with (
                pytest.raises(ConfigurationError, match=f"Port {port} .*--port"),
                running_server(World(), port=port, graphs={}),
            ):
                pytest.fail("it listens")

    def test_half_of_slack(self, monkeypatch: pytest.MonkeyPatch):
        """A bot token without a signing secret stops it (issue 2)."""
        monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-1")
        with (
            pytest.raises(ConfigurationError, match="SLACK_SIGNING_SECRET"),
            running_server(World(), graphs={}),
        ):
            pytest.fail("it listens")

    def test_half_of_github(self, monkeypatch: pytest.MonkeyPatch):
        """A token without a webhook secret stops it, too; both ways out are named (DESIGN §2 rule 8)."""
        monkeypatch.setenv("GITHUB_TOKEN", "ghp_1")
        with (
            pytest.raises(ConfigurationError, match=r"GITHUB_WEBHOOK_SECRET.*webhook = false"),
            running_server(World(), graphs={}),
        ):
            pytest.fail("it listens")

    @pytest.mark.parametrize(
        ("source", "spec", "words"),
        [
            ("graph = 1", "./mine.py:graph", "is not a graph: its type is int"),
            ("raise KeyError('HOME_OF_X')", "./mine.py:graph", "KeyError: 'HOME_OF_X'"),
            ("def (", "./mine.py:graph", "SyntaxError"),
            ("", "./mine.py:graph", "no attribute 'graph'"),
            ("", "./other.py:graph", "other.py does not exist"),
            ("", "no_such_module_here:graph", "no_such_module_here"),
            ("", "mine", "is not module:attribute"),
            (DESK + "\ndef hitl_router(hitl): return 1\n", "./mine.py:graph", "not an APIRouter"),
        ],
    )
    def test_a_graph_that_cannot_be_loaded(
        self,
        tmp_path: Path,
        make_world: Callable[..., World],
        monkeypatch: pytest.MonkeyPatch,
        source: str,
        spec: str,
        words: str,
    ):
        """The sentence names the graph, or the module, and what is wrong with it (E-04)."""
        monkeypatch.setenv("HITL_DATABASE_URL", "memory://")
        (tmp_path / "mine.py").write_text(source)
        (tmp_path / "langgraph.json").write_text(json.dumps({"graphs": {"mine": spec}}))
        world = make_world()
        world.settings = world.settings.model_copy(update={"manifest": tmp_path / "langgraph.json"})
        with pytest.raises(ConfigurationError) as stopped:
            routers_of(world, load_graphs(world))
        assert words in str(stopped.value)
        assert "mine" in str(stopped.value)


class TestInThisProcess:
    def test_cards_link_to_it(self, effects: Effects):
        """Where HITL_PUBLIC_URL is unset, cards link to the address it listens on."""
        world = World()
        with running_server(world, graphs={"desk": desk(world, effects)}) as server:
            assert world.public_url == server.url
        public = Hitl(
            Settings(database_url="memory://", public_url="https://hitl.example.com"),
            config=ConfigFile(),
            channels=(),
        )
        with running_server(public, graphs={}):
            assert public.public_url == "https://hitl.example.com"

    def test_without_a_worker(self):
        """Nothing sweeps, posts or resumes here."""
        hitl = Hitl(Settings(database_url="memory://"), config=ConfigFile(), channels=())
        with running_server(hitl, graphs={}, worker=False) as server:
            assert httpx.get(f"{server.url}/readyz").status_code == 200
            assert not hitl.works

    def test_it_can_be_had_again(self, tmp_path: Path):
        """Stopped in order: the port is free, the database is closed, and the same can be started again."""
        for _ in range(2):
            hitl = Hitl(
                Settings(database_url=f"sqlite:///{tmp_path}/hitl.db"), config=ConfigFile(), channels=()
            )
            with running_server(hitl, graphs={}) as server:
                assert httpx.get(f"{server.url}/readyz").status_code == 200
            with pytest.raises(httpx.ConnectError):
                httpx.get(f"{server.url}/readyz")

    def test_ipv6(self):
        """On ::1 the address is written as one."""
        if not socket.has_ipv6:
            pytest.skip("this machine has no IPv6")
        with running_server(with_token(World()), host="::1", graphs={}) as server:
            assert server.url.startswith("http://[::1]:")
            assert httpx.get(f"{server.url}/healthz").status_code == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_second_half_of_an_answer_does_not_wait(host: str):
    """What is accepted sends at once: without that, every answer on a connection that is kept takes 40 ms longer."""
    try:
        bound = bind(host, 0)
    except ConfigurationError:
        pytest.skip(f"this machine has no {host}")
    with bound, socket.create_connection(bound.getsockname()[:2]), bound.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_no_address_is_logged(open_server: Served, caplog: pytest.LogCaptureFixture):
    """Nothing that is logged on the way has an address with a port."""
    open_server.asked()
    assert not re.search(r"127\.0\.0\.1:\d|localhost:\d", caplog.text)
