"""One question to an Agent Server at a time, over ``langgraph-sdk``; what can go wrong becomes a sentence that says what to do.

The client belongs to the event loop on which it is first used; on another loop there is another one.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import structlog
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import APIStatusError, ConflictError, NotFoundError

from hitl_middleware.errors import ConfigurationError, OutOfReach
from hitl_middleware.ports import Clock
from hitl_middleware.runs.agent_server.reading import UNDER_WAY

log = structlog.get_logger("hitl.runs")

KEYS: Final = ("LANGGRAPH_API_KEY", "LANGSMITH_API_KEY", "LANGCHAIN_API_KEY")
"""Where LangGraph's own clients look for the key, in this order (``langgraph_sdk.get_client``)."""

PATIENCE: Final = 60.0
"""Seconds for which the server may be away while a run of it is waited for: it is deployed anew, a proxy cuts. Then it is out of reach."""

BREAK_SECONDS: Final = 1.0
"""How long it is left alone after it did not answer."""

TIMEOUT: Final = httpx.Timeout(connect=5, read=30, write=30, pool=30)
JOIN_TIMEOUT: Final = httpx.Timeout(connect=5, read=300, write=30, pool=30)

_HEAD: Final[list[Any]] = ["next", "tasks", "checkpoint", "metadata", "parent_checkpoint", "interrupts"]
"""All of a state but its values, which may be long. A server that does not know how to leave them out sends them, too."""


class AgentServerUnreachable(OutOfReach):
    """The Agent Server at {url} cannot be reached: {reason}. HITL_AGENT_SERVER_URL names it; on your own machine, `langgraph dev` starts
    one and prints its address.
    """


class AgentServerRefuses(OutOfReach):
    """The Agent Server at {url} refuses us ({reason}). Set LANGGRAPH_API_KEY to a key that may run its graphs."""


class NoAgentServer(OutOfReach):
    """What answers at {url} is no Agent Server ({reason}). HITL_AGENT_SERVER_URL is its address without any path of its API."""


class NotOnAgentServer(OutOfReach):
    """The Agent Server at {url} has no graph {graph!r}: {reason}. [agent_server] graphs in hitl.toml says which ones it has."""


class InTheWay(Exception):
    """Something runs on the thread."""


class AgentServer:
    """What we ask of one server. ``thread`` is always the id under which the server knows it, a UUID.

    Every question may raise ``OutOfReach``; ``graph`` is only for its words.
    """

    def __init__(self, url: str, clock: Clock, *, key: str | None = None) -> None:
        """Raises ``ConfigurationError`` for a URL that is none."""
        parsed = _parsed(url)
        self.url = str(parsed.copy_with(username=None, password=None)).rstrip("/")
        self._address = parsed
        self._key = key
        self._clock = clock
        self._client: tuple[asyncio.AbstractEventLoop, LangGraphClient] | None = None
        self._known = False
        self._away: tuple[float, OutOfReach] | None = None

    @classmethod
    def from_env(cls, url: str, clock: Clock, environ: Mapping[str, str] = os.environ) -> AgentServer:
        """With the key that LangGraph's own clients would take."""
        found = (environ.get(name, "").strip().strip("\"'") for name in KEYS)
        return cls(url, clock, key=next(filter(None, found), None))

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None and client[0] is asyncio.get_running_loop():
            await client[1].aclose()

    # threads

    async def make_thread(self, graph: str, thread: str, metadata: Mapping[str, Any]) -> None:
        """Have the thread, whether it was there or not."""
        async with self._asked(graph) as client:
            await client.threads.create(thread_id=thread, if_exists="do_nothing", metadata=dict(metadata))

    async def state(
        self, graph: str, thread: str, checkpoint_id: str | None = None
    ) -> Mapping[str, Any] | None:
        """Where a thread stands, or stood at a checkpoint; ``None``: there is no such thread. Its values may be left out."""
        try:
            async with self._asked(graph) as client:
                return _mapping(
                    await client.threads.get_state(thread, checkpoint_id=checkpoint_id, select=_HEAD)
                )
        except NotFoundError:
            return None

    async def values(self, graph: str, thread: str) -> Mapping[str, Any]:
        """The values of a thread's state."""
        async with self._asked(graph) as client:
            return _mapping(_mapping(await client.threads.get_state(thread)).get("values"))

    async def update(self, graph: str, thread: str, values: Mapping[str, Any] | None, as_node: str) -> None:
        """Write into a thread's state, as if a node had."""
        async with self._asked(graph) as client:
            await client.threads.update_state(
                thread, None if values is None else dict(values), as_node=as_node
            )

    # runs

    async def runs(self, graph: str, thread: str, *, told: bool = False) -> Sequence[Mapping[str, Any]]:
        """The newest runs of a thread, the newest first. ``told``: with what each was told, which may be long."""
        fields: list[Any] = ["run_id", "status", "metadata", *(["kwargs"] if told else [])]
        try:
            async with self._asked(graph) as client:
                return [_mapping(run) for run in await client.runs.list(thread, limit=10, select=fields)]
        except NotFoundError:
            return []

    async def run(self, graph: str, thread: str, **options: Any) -> str:
        """Have a run begin; its id. Raises ``InTheWay`` where something runs on the thread already."""
        try:
            async with self._asked(graph) as client:
                made = await client.runs.create(thread, graph, multitask_strategy="reject", **options)
                return str(made["run_id"])
        except ConflictError:
            raise InTheWay from None
        except NotFoundError as error:  # the thread is there: it was made before
            raise self._out(NotOnAgentServer, graph, error.message) from error

    async def ended(self, graph: str, thread: str, run_id: str) -> tuple[str, Mapping[str, Any]]:
        """Wait for a run to end: its status, and the server's word on it. Connections may be lost meanwhile."""
        heard = self._clock.monotonic()
        while True:
            try:
                async with self._asked(graph) as client:
                    said = await _joined(client, thread, run_id)
                    status = (await client.runs.get(thread, run_id))["status"]
            except AgentServerUnreachable:
                if self._clock.monotonic() - heard > PATIENCE:
                    raise
                await asyncio.sleep(BREAK_SECONDS)
                continue
            if status not in UNDER_WAY:
                return status, _mapping(json.loads(said)) if status != "success" and said else {}
            heard = self._clock.monotonic()
            await asyncio.sleep(0.1)

    # what is there

    async def drawn(self, graph: str) -> Mapping[str, Any]:
        """A graph's nodes and edges as JSON, with those of the graphs inside it."""
        try:
            async with self._asked(graph) as client:
                return _mapping(await client.assistants.get_graph(graph, xray=True))
        except NotFoundError as error:
            raise self._out(NotOnAgentServer, graph, error.message) from error

    async def history(
        self, graph: str, thread: str, limit: int, namespace: str = ""
    ) -> Sequence[Mapping[str, Any]]:
        """The newest states of a thread, or of a graph inside one of its nodes, the newest first; none of a thread that is not there."""
        place: Any = {"checkpoint_ns": namespace} if namespace else None
        try:
            async with self._asked(graph) as client:
                found = await client.threads.get_history(thread, limit=limit, checkpoint=place)
                return [_mapping(state) for state in found]
        except NotFoundError:
            return []

    async def graphs(self) -> frozenset[str]:
        """The graphs it has."""
        async with self._asked("") as client:
            found: Any = await client.assistants.search(limit=1_000)
            return frozenset(str(assistant["graph_id"]) for assistant in found)

    @asynccontextmanager
    async def _asked(self, graph: str) -> AsyncIterator[LangGraphClient]:
        """What goes wrong in here, as a sentence. What the server says of the thing asked for goes through (404, 409, 422)."""
        self._still_away()
        client = self._on_this_loop()
        try:
            yield client
        except httpx.TransportError as error:
            raise self._out(
                AgentServerUnreachable, graph, f"{type(error).__name__}: {error}".rstrip(": .")
            ) from error
        except httpx.HTTPStatusError as error:
            if (trouble := await self._trouble(client, graph, error)) is not None:
                raise trouble from error
            raise
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise self._out(NoAgentServer, graph, "its answer is not what one answers") from error
        if self._away is not None:
            self._away = None
            log.info("agent server reached again", url=self.url)

    async def _trouble(
        self, client: LangGraphClient, graph: str, error: httpx.HTTPStatusError
    ) -> OutOfReach | None:
        status, said = error.response.status_code, error.message if isinstance(error, APIStatusError) else ""
        if status in {401, 403}:
            return self._out(AgentServerRefuses, graph, f"HTTP {status}")
        if status == 429 or status >= 500:
            return self._out(AgentServerUnreachable, graph, f"HTTP {status}")
        if status == 422 and said.startswith("Invalid assistant"):
            return self._out(NotOnAgentServer, graph, " ".join(said.split()))
        if status in {400, 409, 422} or await _is_one(client):
            return None
        return self._out(NoAgentServer, graph, f"HTTP {status}")  # a 404 may come from any web server

    def _out(self, kind: type[OutOfReach], graph: str, reason: str) -> OutOfReach:
        trouble = kind(url=self.url, graph=graph, reason=reason[:300])
        if self._away is None:
            log.warning("agent server out of reach", url=self.url, why=str(trouble))
        if kind is not NotOnAgentServer:
            self._away = (self._clock.monotonic() + BREAK_SECONDS, trouble)
        return trouble

    def _still_away(self) -> None:
        """Many runs look at once: one of them asks whether it is back."""
        if self._away is not None and self._clock.monotonic() < self._away[0]:
            trouble = self._away[1]
            raise type(trouble)(**trouble.facts)

    def _on_this_loop(self) -> LangGraphClient:
        loop = asyncio.get_running_loop()
        if self._client is None or self._client[0] is not loop:
            headers = {"x-api-key": self._key} if self._key else {}
            client = httpx.AsyncClient(
                base_url=self._address, headers=headers, timeout=TIMEOUT, limits=_LIMITS
            )
            self._client = loop, LangGraphClient(client)
        return self._client[1]


async def _joined(client: LangGraphClient, thread: str, run_id: str) -> bytes:
    """Wait for the end of a run for as long as one connection lasts; what the server said then."""
    # Not ``client.runs.join``: it gives no say in how long, and warns where a connection is cut, which is nothing here.
    with suppress(httpx.TimeoutException, httpx.RemoteProtocolError, httpx.ReadError):
        answer = await client.http.client.get(f"/threads/{thread}/runs/{run_id}/join", timeout=JOIN_TIMEOUT)
        if answer.is_success:
            return answer.content
    return b""


async def _is_one(client: LangGraphClient) -> bool:
    """Whether what answers there is an Agent Server."""
    with suppress(httpx.HTTPError, ValueError):
        return "version" in _mapping((await client.http.client.get("/info")).json())
    return False


_LIMITS: Final = httpx.Limits(max_connections=None, max_keepalive_connections=20)
"""A connection for each run that is waited for."""


def _parsed(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(urlsplit(url.strip()).geturl())
    except (httpx.InvalidURL, ValueError):
        parsed = httpx.URL("")
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        msg = "HITL_AGENT_SERVER_URL is not an address: it has the form https://host or http://127.0.0.1:2024"
        raise ConfigurationError(msg)
    return parsed


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}
