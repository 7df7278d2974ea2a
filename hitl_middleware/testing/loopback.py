"""An ASGI app on 127.0.0.1, in a daemon thread, on a port that the system chooses.

    with Loopback(app) as server:
        httpx.get(server.url + "/healthz")

The socket is bound when the object is made, so the port is known before anything runs. The fakes of this package are
served this way; an app under test can be, too. Inside a request, `wire(scope)` lets an app do what ASGI has no words
for and networks do every day: close the connection without an answer, or never answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

App = Callable[[Any, Any, Any], Awaitable[None]]  # ASGI, whosever types for it an app uses

_EXTENSION = "loopback"
_GRACE_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Wire:
    """The connection under one request, for an app that wants to behave badly."""

    transport: asyncio.Transport
    closing: asyncio.Event

    async def hang_up(self, receive: Callable[[], Awaitable[Any]]) -> None:
        """Close the connection at once; the other side gets not a byte."""
        self.transport.abort()
        # Not returning before the server has noticed: it would try to send a 500 on a connection that is gone.
        await _until_gone(receive)

    async def hold(self, receive: Callable[[], Awaitable[Any]], seconds: float) -> bool:
        """Wait; False if the client left or the server is closing before the time was over."""
        gone = asyncio.ensure_future(_until_gone(receive))
        closing = asyncio.ensure_future(self.closing.wait())
        try:
            done, _ = await asyncio.wait(
                {gone, closing}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
            return not done
        finally:
            gone.cancel()
            closing.cancel()


def wire(scope: MutableMapping[str, Any]) -> Wire:
    """The wire of a request that a `Loopback` serves."""
    return cast("Wire", scope["extensions"][_EXTENSION])


async def _until_gone(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class _Protocol(H11Protocol):
    """Puts the transport into the scope, where the app can reach it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        app = self.app

        async def with_transport(scope: Any, receive: Any, send: Any) -> None:
            scope["extensions"] = {**scope.get("extensions", {}), _EXTENSION: transport}
            await app(scope, receive, send)

        self.app = with_transport


class _Socket(WebSocketsSansIOProtocol):
    """The same for a WebSocket."""

    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if not self.close_sent:  # else the handshake was refused, and there is no scope
            self.scope["extensions"] = {**(self.scope["extensions"] or {}), _EXTENSION: self.transport}  # type: ignore[dict-item]  # ours


class _Server(uvicorn.Server):
    """Says when it listens and stops when told, instead of being asked ten times a second."""

    def __init__(self, config: uvicorn.Config, started: threading.Event, closing: asyncio.Event) -> None:
        super().__init__(config)
        self._listening = started
        self._closing = closing

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._listening.set()

    async def main_loop(self) -> None:
        # uvicorn's own loop keeps the Date header right; it is only no longer what notices the end.
        ticking = asyncio.ensure_future(super().main_loop())
        await self._closing.wait()
        ticking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await ticking

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn has it, which always waits a tenth of a second: too long for something that every test does."""
        for server in self.servers:
            server.close()
        for each in sockets or []:
            each.close()
        for connection in [*self.server_state.connections]:
            connection.shutdown()
        try:
            async with asyncio.timeout(_GRACE_SECONDS):
                while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110  # no event tells
                    await asyncio.sleep(0.002)
                for server in self.servers:
                    await server.wait_closed()
        except TimeoutError:
            for task in [*self.server_state.tasks]:
                task.cancel()
        await self.lifespan.shutdown()


class Loopback:
    """Serves `app` between `start()` and `stop()`, or inside a `with` block."""

    def __init__(self, app: App, *, port: int = 0) -> None:
        self._app = app
        self._socket = socket.create_server(("127.0.0.1", port), backlog=2048)
        # asyncio sets it on connections, but not on those of a socket that was made elsewhere. Without it every answer whose head and
        # body are written apart waits for the client's delayed acknowledgement: 40 ms each. Connections inherit it.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._run, name=f"loopback-{self.port}", daemon=True)
        self._started = threading.Event()
        self._failure: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Self:
        """Serve, and return once requests are answered; raise if the app cannot start."""
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            msg = "The app did not start; its own error is above."
            raise RuntimeError(msg) from self._failure
        return self

    def stop(self) -> None:
        """Finish what is being answered (for a few seconds at most) and stop; harmless when called again."""
        if self._loop is not None and self._closing is not None and self._thread.is_alive():
            # The loop may close between the question and the call; then there is nothing left to stop.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._closing.set)
            self._thread.join()
        self._socket.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:  # noqa: BLE001  # uvicorn leaves by SystemExit
            self._failure = failure
        finally:
            self._started.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        closing = self._closing = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] in {"http", "websocket"}:
                scope["extensions"][_EXTENSION] = Wire(scope["extensions"][_EXTENSION], closing)
            await self._app(scope, receive, send)

        config = uvicorn.Config(
            app,
            http=_Protocol,
            ws=_Socket,
            log_config=None,  # logging belongs to the program that uses us
            access_log=False,
        )
        await _Server(config, self._started, closing).serve(sockets=[self._socket])
