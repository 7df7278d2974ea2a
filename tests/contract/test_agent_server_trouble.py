"""An Agent Server that is away, is none, or refuses us: a sentence that says what to do, and no run is lost to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from hitl_middleware.clock import ManualClock, SystemClock
from hitl_middleware.errors import ConfigurationError, GraphFailed, OutOfReach
from hitl_middleware.records import Run
from hitl_middleware.runs.agent_server import AgentServerRuns
from hitl_middleware.runs.agent_server.asking import AgentServer
from hitl_middleware.runs.agent_server.reading import thread_of
from hitl_middleware.testing.loopback import Loopback, wire
from hitl_middleware.testing.runs_contract.contract import a_run

from tests.kit.agent_server import DevServer, passing_on

Answer = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def runs_at(
    url: str, *, clock: ManualClock | None = None, key: str | None = None
) -> AsyncIterator[AgentServerRuns]:
    """The graph ``asks``, driven at an address."""
    server = AgentServer(url, clock or SystemClock(), key=key)
    yield AgentServerRuns(server, ["asks"])
    await server.close()


def answering(answer: Answer) -> Loopback:
    """A web server that answers everything so."""
    return Loopback(Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "POST", "PATCH"])]))


class TestSentences:
    async def test_nobody_listens(self) -> None:
        """Which variable names it, and how one is started (E-04)."""
        with answering(nothing) as gone:
            url = gone.url
        async with runs_at(url) as runs:
            with pytest.raises(OutOfReach) as looking:
                await runs.look(a_run("asks")[0])
        said = str(looking.value)
        assert all(
            part in said for part in (url, "cannot be reached", "HITL_AGENT_SERVER_URL", "`langgraph dev`")
        )

    @pytest.mark.parametrize("status", [401, 403])
    async def test_the_key_is_refused(self, status) -> None:
        """It was shown as LangGraph's own clients show it, and is in no sentence and no log (rule: never log secrets)."""
        shown = []

        async def refuse(request: Request) -> Response:
            shown.append(request.headers["x-api-key"])
            return JSONResponse({"detail": "no"}, status_code=status)

        with answering(refuse) as server:
            async with runs_at(server.url, key="s3cret") as runs:
                with pytest.raises(OutOfReach, match=f"HTTP {status}.*Set LANGGRAPH_API_KEY") as looking:
                    await runs.look(a_run("asks")[0])
        assert shown == ["s3cret"]
        assert "s3cret" not in str(looking.value)

    async def test_another_web_server_answers(self) -> None:
        """Its 404 is not taken for a thread that is gone, which would end the run (rule 10)."""

        async def lost(_: Request) -> Response:
            return HTMLResponse("<h1>no such page</h1>", status_code=404)

        with answering(lost) as server:
            async with runs_at(server.url) as runs:
                run, lease = a_run("asks")
                for asked in (runs.look(run), again(runs, run)):
                    with pytest.raises(OutOfReach, match=r"no Agent Server.*HITL_AGENT_SERVER_URL"):
                        await asked
                with pytest.raises(OutOfReach, match="no Agent Server"):
                    await runs.start(run, lease)

    async def test_a_page_is_no_answer(self) -> None:
        """A proxy's sign-in, for example."""

        async def page(_: Request) -> Response:
            return HTMLResponse("<h1>sign in</h1>")

        with answering(page) as server:
            async with runs_at(server.url) as runs:
                with pytest.raises(OutOfReach, match="no Agent Server"):
                    await runs.look(a_run("asks")[0])

    async def test_a_server_in_trouble_is_away(self) -> None:
        """Its 5xx is not the graph's error; and it is left alone for a moment, however many runs look."""
        asked = []

        async def down(request: Request) -> Response:
            asked.append(request.url.path)
            return JSONResponse({"detail": "restarting"}, status_code=503)

        clock = ManualClock()
        with answering(down) as server:
            async with runs_at(server.url, clock=clock) as runs:
                for _ in range(3):
                    with pytest.raises(OutOfReach, match="HTTP 503"):
                        await runs.look(a_run("asks")[0])
                assert len(asked) == 1
                clock.advance(60)
                with pytest.raises(OutOfReach):
                    await runs.look(a_run("asks")[0])
                assert len(asked) == 2

    @pytest.mark.parametrize(
        "url", ["", "127.0.0.1:2024", "ftp://x", "http://", "http://[", "https://user:s3cret@"]
    )
    def test_what_is_no_address(self, url) -> None:
        """Said before anything is asked; what stands in it is not repeated."""
        with pytest.raises(ConfigurationError, match="HITL_AGENT_SERVER_URL") as refusal:
            AgentServer(url, ManualClock())
        assert "s3cret" not in str(refusal.value)

    def test_a_password_in_the_address_is_not_said(self) -> None:
        assert AgentServer("https://me:s3cret@h.example/x/", ManualClock()).url == "https://h.example/x"

    @pytest.mark.parametrize(
        ("environ", "key"),
        [
            ({}, None),
            ({"LANGCHAIN_API_KEY": "c"}, "c"),
            ({"LANGSMITH_API_KEY": '"b"', "LANGCHAIN_API_KEY": "c"}, "b"),
            ({"LANGGRAPH_API_KEY": "a", "LANGSMITH_API_KEY": "b"}, "a"),
            ({"LANGGRAPH_API_KEY": " ", "LANGSMITH_API_KEY": "b"}, "b"),
        ],
    )
    def test_the_key_is_the_one_that_langgraphs_clients_take(self, environ, key) -> None:
        assert AgentServer.from_env("http://h", ManualClock(), environ)._key == key


@pytest.mark.xdist_group("agent server")
class TestOnce:
    """On a real server."""

    async def test_a_lost_answer_begins_nothing_twice(self, agent_server: DevServer) -> None:
        """The server began the run and its answer was lost: the run is found by its mark, and waited for (G-15)."""
        lost: list[str] = []

        async def pass_on(request: Request) -> Response:
            url = f"{agent_server.url}{request.url.path}?{request.url.query}"
            async with httpx.AsyncClient(trust_env=False, timeout=60) as beyond:
                kind = {"content-type": "application/json"}
                answer = await beyond.request(request.method, url, content=await request.body(), headers=kind)
            if request.url.path.endswith("/runs") and request.method == "POST" and not lost:
                lost.append(answer.json()["run_id"])
                await wire(request.scope).hang_up(request.receive)
            return Response(answer.content, answer.status_code, media_type="application/json")

        with answering(pass_on) as proxy:
            async with runs_at(proxy.url) as runs:
                run, lease = a_run("asks")
                await runs.start(run, lease)
                assert len((await runs.look(run)).interrupts) == 1
                known = await runs.server.runs("asks", thread_of(run.thread_id))
        assert [each["run_id"] for each in known] == lost

    async def test_two_drivers_answer_once(self, agent_server: DevServer) -> None:
        """Whoever comes second waits for what is under way, and looks again (rule 2: N resumes at once run a tool N times)."""
        seen: list[int] = []
        with Loopback(passing_on(agent_server.url, [], seen)) as proxy:
            async with runs_at(proxy.url) as one, runs_at(proxy.url) as two:
                run, lease = a_run("asks-for-ever")
                await one.start(run, lease)
                (asked,) = (await one.look(run)).interrupts
                both = [
                    asyncio.create_task(each.resume(run, lease, {asked.id: "blue"})) for each in (one, two)
                ]
                await until(lambda: 409 in seen)
                assert [each.done() for each in both] == [False, False]
                await cancel(one, run)
                ended = await asyncio.gather(*both, return_exceptions=True)
                assert sorted(type(each).__name__ for each in ended) == ["GraphFailed", "NoneType"]
                assert await commands(two, run) == [{"resume": {asked.id: "blue"}}, None]

    async def test_what_a_dead_driver_began_is_waited_for(self, agent_server: DevServer) -> None:
        """A process dies while the server runs on: the next one begins nothing beside it, and looks where it has come to (G-15)."""
        seen: list[int] = []
        with Loopback(passing_on(agent_server.url, [], seen)) as proxy:
            async with runs_at(agent_server.url) as one, runs_at(proxy.url) as two:
                run, lease = a_run("for-ever")
                dying = asyncio.create_task(one.start(run, lease))
                await running(one, run)
                dying.cancel()
                next_one = asyncio.create_task(two.carry_on(run, replace(lease, fence=2)))
                await until(lambda: 409 in seen)
                assert not next_one.done()
                await cancel(two, run)
                await next_one
                assert await commands(two, run) == [None]

    async def test_what_somebody_cancels_over_there_has_ended(self, agent_server: DevServer) -> None:
        """In Studio, for example: the run fails and says so; it is not begun anew behind their back."""
        async with runs_at(agent_server.url) as runs:
            run, lease = a_run("for-ever")
            driving = asyncio.create_task(runs.start(run, lease))
            await running(runs, run)
            await cancel(runs, run)
            with pytest.raises(GraphFailed, match="somebody cancelled"):
                await driving
            assert (await runs.look(run)).breakpoint is None


async def until(holds: Callable[[], bool]) -> None:
    """Let others go on until it does."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 – what a thread of its own has seen
            await asyncio.sleep(0.01)


async def running(runs: AgentServerRuns, run: Run) -> str:
    """The one run of the thread that runs over there, as soon as it does."""
    async with asyncio.timeout(60):
        while True:
            known = await runs.server.runs(run.graph, thread_of(run.thread_id))
            if found := [each["run_id"] for each in known if each["status"] == "running"]:
                return str(found[0])


async def cancel(runs: AgentServerRuns, run: Run) -> None:
    """What somebody may do over there."""
    client = runs.server._on_this_loop()
    await client.runs.cancel(thread_of(run.thread_id), await running(runs, run))


async def commands(runs: AgentServerRuns, run: Run) -> list[Any]:
    """What the runs of a thread were told over there, the newest first."""
    known = await runs.server.runs(run.graph, thread_of(run.thread_id), told=True)
    return [each["kwargs"]["command"] for each in known]


async def nothing(_: Request) -> Response:
    """For a server that is gone before anybody asks."""
    return Response()


async def again(runs: AgentServerRuns, run: object) -> None:
    """Look once more, when the server is asked again."""
    runs.server._away = None
    await runs.look(run)  # type: ignore[arg-type]
