"""The floor: what somebody writes who needs no more than that the run stops, a signed click comes, and the run goes on.

The same agent, with LangChain's own ``HumanInTheLoopMiddleware`` as it comes and LangGraph's own saver as its documentation sets it up
(one connection), all on the event loop of one small app. Its route checks Slack's signature, takes the click once (a row in a table of its
own, committed), resumes by interrupt id, and answers when the run has ended. There are no people, no deadlines, no leases, no cards, no
audit, no record of what was done, and nothing that would go on after a crash.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, Self
from urllib.parse import parse_qs

from fastapi import FastAPI, Request, Response
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langgraph.types import Command

from hitl_middleware.channels.slack.signature import verify
from hitl_middleware.clock import SystemClock
from hitl_middleware.hitl import Graph
from hitl_middleware.stores.url import connection_words, parse
from hitl_middleware.testing.loopback import Loopback

from tests.bench.agents import ASKED, agent, pay
from tests.bench.clicks import PATH, SECRET, Hand

_numbers = count(1)

Claim = Callable[[str], Awaitable[bool]]
_TABLE = "CREATE TABLE IF NOT EXISTS clicks (id TEXT PRIMARY KEY)"


@dataclass(frozen=True, slots=True)
class Parked:
    """A run that waits; ``value`` is what the button says."""

    thread_id: str
    values: tuple[str, ...]


class Floor:
    """One agent and one route on a database of their own. ``calls``: how many gated calls its model makes in one turn."""

    def __init__(self, url: str, *, calls: int = 1) -> None:
        self._url, self._calls = url, calls
        self._loop: asyncio.AbstractEventLoop | None = None
        self._graph: Graph | None = None
        self._claim: Claim | None = None
        self._server = Loopback(self._app())

    def __enter__(self) -> Self:
        self._server.start()
        self._hand = Hand(self._server.url)
        return self

    def __exit__(self, *_: object) -> None:
        self._hand.close()
        self._server.stop()

    @property
    def url(self) -> str:
        """Where it takes clicks."""
        return f"{self._server.url}{PATH}"

    def suspend(self) -> Parked:
        """Run until it asks."""
        return self.suspend_all(1)[0]

    def suspend_all(self, how_many: int) -> list[Parked]:
        """Several, at once."""
        assert self._loop is not None
        return asyncio.run_coroutine_threadsafe(self._suspended(how_many), self._loop).result()

    def click(self, parked: Parked) -> None:
        """Press Approve; answered when the run has ended."""
        self._hand.click(parked.values)

    def ended(self, parked: list[Parked]) -> None:
        """Whoever was answered has seen the end."""

    def settle(self) -> None:
        """Nothing goes on behind it."""

    async def _suspended(self, how_many: int) -> list[Parked]:
        return list(await asyncio.gather(*(self._park(f"t-{next(_numbers)}") for _ in range(how_many))))

    async def _park(self, thread_id: str) -> Parked:
        assert self._graph is not None
        state = await self._graph.ainvoke(ASKED, {"configurable": {"thread_id": thread_id}})
        (question,) = state["__interrupt__"]
        return Parked(thread_id, (f"{thread_id}:{question.id}",))

    def _app(self) -> FastAPI:
        app = FastAPI(lifespan=self._open)

        @app.post(PATH)
        async def clicked(request: Request) -> Response:
            body, headers, now = await request.body(), request.headers, SystemClock().now().timestamp()
            timestamp, signature = headers.get("x-slack-request-timestamp"), headers.get("x-slack-signature")
            key = verify(SECRET, timestamp=timestamp, signature=signature, body=body, now=now)
            payload = json.loads(parse_qs(body.decode())["payload"][0])
            thread_id, interrupt_id = payload["actions"][0]["value"].split(":")
            assert self._claim is not None
            assert self._graph is not None
            if await self._claim(key):
                answer = {interrupt_id: {"decisions": [{"type": "approve"}] * self._calls}}
                config: Any = {"configurable": {"thread_id": thread_id}}
                ended = await self._graph.ainvoke(Command(resume=answer), config)
                assert ended["messages"][-1].content == "done"
            return Response()

        return app

    @asynccontextmanager
    async def _open(self, _app: FastAPI) -> AsyncIterator[None]:
        self._loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            saver = await open_saver(self._url, stack)
            claims = _claims_postgresql if self._url.startswith("postgresql:") else _claims_sqlite
            self._claim = await claims(self._url, stack)
            before = [HumanInTheLoopMiddleware({"pay": True})]
            self._graph = agent([pay], before, calls=self._calls, saver=saver)
            yield


async def open_saver(url: str, stack: AsyncExitStack) -> Any:
    """LangGraph's saver, as its documentation opens it."""
    if url.startswith("postgresql:"):
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

        saver: Any = await stack.enter_async_context(AsyncPostgresSaver.from_conn_string(url))
    else:
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        path = parse(url).database or ""
        saver = await stack.enter_async_context(AsyncSqliteSaver.from_conn_string(path))
    await saver.setup()
    return saver


async def _claims_sqlite(url: str, stack: AsyncExitStack) -> Claim:
    import aiosqlite

    connection = await stack.enter_async_context(aiosqlite.connect(parse(url).database or ""))
    await connection.execute(_TABLE)

    async def claim(key: str) -> bool:
        found = await connection.execute("INSERT INTO clicks VALUES (?) ON CONFLICT DO NOTHING", (key,))
        await connection.commit()
        return found.rowcount == 1

    return claim


async def _claims_postgresql(url: str, stack: AsyncExitStack) -> Claim:
    from psycopg_pool import AsyncConnectionPool

    words = connection_words(parse(url)) | {"autocommit": True}
    pool: Any = await stack.enter_async_context(AsyncConnectionPool(kwargs=words, open=False))
    async with pool.connection() as connection:
        await connection.execute(_TABLE)

    async def claim(key: str) -> bool:
        async with pool.connection() as connection:
            found = await connection.execute("INSERT INTO clicks VALUES (%s) ON CONFLICT DO NOTHING", (key,))
            return bool(found.rowcount == 1)

    return claim
