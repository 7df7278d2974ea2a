"""The server under the fakes (E-02)."""

import contextlib
import socket
import threading
from typing import Any

import httpx
import pytest

from hitl_middleware.testing.loopback import Loopback, wire


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """An app that says hello, and to `/odd` what a fake wants to say."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    if scope["path"] == "/cut":
        await wire(scope).hang_up(receive)
        return
    stayed = await wire(scope).hold(receive, {"/wait": 60.0, "/brief": 0.01}.get(scope["path"], 0.0))
    await send({"type": "http.response.start", "status": 200 if stayed else 503, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def test_the_port_is_known_before_the_start_and_free_after_the_end():
    """The address is fixed at once, answers inside the block, and refuses after it; stopping twice is harmless."""
    server = Loopback(hello)
    address = server.url
    with server:
        assert httpx.get(address).text == "hello"
    server.stop()

    with pytest.raises(httpx.ConnectError):
        httpx.get(address)
    with contextlib.closing(socket.create_server(("127.0.0.1", server.port))):
        pass


def test_a_server_that_was_never_started_stops():
    """Nothing hangs and the socket is closed."""
    Loopback(hello).stop()


def test_an_app_that_cannot_start_says_so():
    """`start` raises instead of waiting for ever."""

    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no database"})

    server = Loopback(broken)
    with pytest.raises(RuntimeError, match="did not start"):
        server.start()
    server.stop()


def test_a_connection_is_cut_without_a_byte():
    """The client sees a connection that ended without an answer, and the server goes on."""
    with Loopback(hello) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(server.url + "/cut")

        assert httpx.get(server.url).status_code == 200


def test_a_held_request_ends_with_the_time_or_with_the_client():
    """Its time over, the app goes on; the client gone, it is not kept until then."""
    with Loopback(hello) as server:
        assert httpx.get(server.url + "/brief").status_code == 200
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(server.url + "/wait", timeout=0.1)


def test_a_held_request_ends_with_the_server():
    """The app knows at once that the server stops, and can still answer."""
    holding = threading.Event()
    statuses: list[int] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            holding.set()
        await hello(scope, receive, send)

    def ask() -> None:
        statuses.append(httpx.get(server.url + "/wait", timeout=30).status_code)

    with Loopback(app) as server:
        waiting = threading.Thread(target=ask)
        waiting.start()
        assert holding.wait(10)
    waiting.join()

    assert statuses == [503]


def test_two_servers_serve_side_by_side():
    """Each has its own port."""
    with Loopback(hello) as one, Loopback(hello) as other:
        assert one.port != other.port
        assert httpx.get(one.url).text == httpx.get(other.url).text == "hello"
