"""A socket of our own and the server on it: the port is known before anything runs, and nothing but us says the address."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import math
import os
import socket
from collections.abc import Callable, Iterator
from typing import Any, Final

import uvicorn
from fastapi import FastAPI

from hitl_middleware.errors import ConfigurationError
from hitl_server.auth import is_loopback

BACKLOG: Final = 2048

PROXIES: Final = "FORWARDED_ALLOW_IPS"
"""uvicorn's variable: the addresses and networks of proxies whose ``X-Forwarded-For`` is believed. Unset: nobody's is."""


def bind(host: str, port: int) -> socket.socket:
    """A socket that listens. Raises ``ConfigurationError``."""
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # IPv4 first: "localhost" is both, and people type 127.0.0.1.
        family, *_, address = min(addresses, key=lambda found: found[0] != socket.AF_INET)
        bound = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        why, mend = error.strerror or str(error), "Give an address of this machine with --host."
        if error.errno is not None and error.errno in errno.errorcode:
            # create_server's own words repeat the address, as Python writes it
            why = os.strerror(error.errno)
        if error.errno in {errno.EADDRINUSE, errno.EACCES}:
            mend = "Choose another with --port (0: any free one)."
        msg = f"Port {port} of {host or 'all interfaces'} cannot be listened on: {why}. {mend}"
        raise ConfigurationError(msg) from None
    # What is accepted inherits it. asyncio does not set it by itself: it looks for sockets that were made for TCP by number. Without, the
    # second part of an answer waits for the client to confirm the first, which it puts off for 40 ms on a connection that is kept.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return bound


def is_private(host: str) -> bool:
    """Whether only this machine reaches what listens on ``host``."""
    if not host:
        return False
    try:
        addresses = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)
    except OSError:
        return False
    return all(is_loopback(str(address[0])) for *_, address in addresses)


def url_of(bound: socket.socket) -> str:
    """Where this machine reaches it; an address that means every interface is reached on loopback, too."""
    host, port = bound.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.version == 6:
        return f"http://[{'::1' if address.is_unspecified else address}]:{port}"
    return f"http://{'127.0.0.1' if address.is_unspecified else address}:{port}"


class Listener(uvicorn.Server):
    """Serves ``app`` on ``bound`` until ``stop``. ``listening`` is called once requests are answered.

    ``drain``: seconds that requests which are under way may take then.
    """

    def __init__(
        self, app: FastAPI, bound: socket.socket, listening: Callable[[], None], *, drain: float = 10.0
    ) -> None:
        # h11 refuses what other parsers let through (two Host headers, for one), and is there everywhere.
        # Proxy headers are believed of nobody but whom uvicorn's own variable names: whoever sends them may write anything into them.
        # A caller that a proxy speaks for is never "this machine", whatever they say (``auth``).
        proxies = os.environ.get(PROXIES, "").strip()
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            log_config=None,
            access_log=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies,
            server_header=False,
            backlog=BACKLOG,
            timeout_graceful_shutdown=math.ceil(drain),
        )
        super().__init__(config)
        self._app = app
        self._bound = bound
        self._listening = listening

    async def run_until_stopped(self) -> None:
        """Serve."""
        await self.serve(sockets=[self._bound])

    def stop(self, *_: Any) -> None:
        """Take nothing new, finish what is under way; asked a second time, do not wait. May be called from any thread.

        Who asks meanwhile on a connection that is kept hears that this server is not ready.
        """
        self._app.state.leaving = True
        self.force_exit = self.should_exit
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn's, and word that it is done."""
        await super().startup(sockets=sockets)
        if self.started:
            self._listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are ``serve``'s: uvicorn would raise them again before leases are given back."""
        yield
