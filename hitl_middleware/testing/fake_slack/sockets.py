"""Socket Mode as Slack plays it: addresses for one connection, hello, envelopes and their acknowledgements, disconnect.

docs.slack.dev, "Using Socket Mode" and "apps.connections.open". Only an app-level token opens a connection; its address is good once and
for half a minute. An app may hold ten at a time; an envelope goes to one of them. What is wrong with an acknowledgement is remembered in
``complaints``: Slack only drops it, a test wants to know.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from hitl_middleware.testing.fake_slack.records import Delivery, Installation
from hitl_middleware.testing.loopback import Wire, wire

ADDRESS_SECONDS: Final = 30
MOST_SOCKETS: Final = 10
_TYPES: Final = {"event_callback": "events_api", "command": "slash_commands"}

Acknowledgement = concurrent.futures.Future[bytes]


class NotAcknowledged(Exception):
    """The connection over which an envelope went is gone, and its acknowledgement with it."""


@dataclass(slots=True)
class _Envelope:
    type: str
    payload: Any
    acknowledged: Acknowledgement
    attempt: int
    id: str = ""

    @property
    def takes_payload(self) -> bool:
        return self.type != "events_api"

    def written(self) -> str:
        self.id = secrets.token_hex(16)
        told: dict[str, Any] = {
            "envelope_id": self.id,
            "type": self.type,
            "payload": self.payload,
            "accepts_response_payload": self.takes_payload,
        }
        if self.type == "events_api":
            told |= {"retry_attempt": self.attempt, "retry_reason": "timeout" if self.attempt else ""}
        return json.dumps(told)


@dataclass(slots=True, eq=False)
class _Socket:
    loop: asyncio.AbstractEventLoop
    websocket: WebSocket
    wire: Wire
    waiting: dict[str, _Envelope] = field(default_factory=dict)
    leaving: bool = False

    def send(self, text: str) -> None:
        asyncio.run_coroutine_threadsafe(self.websocket.send_text(text), self.loop)


class Sockets:
    """The app's connections, old and new. Used by the server's thread and by those of the tests."""

    def __init__(self, app: Installation, now: Callable[[], float], changed: Callable[[], object]) -> None:
        self.on = False
        """Whether Socket Mode is switched on: then nothing is delivered over HTTP."""
        self.complaints: list[str] = []
        self.opened = 0
        """How many connections there ever were."""
        self.refusing = 0
        """How many of the next handshakes are refused, though their addresses are right; each address is spent all the same."""
        self._app = app
        self._now = now
        self._changed = changed
        self._lock = threading.RLock()
        self._addresses: dict[str, float] = {}
        self._open: list[_Socket] = []
        self._later: list[_Envelope] = []
        self._turn = 0
        self._last: tuple[_Socket, _Envelope, str] | None = None

    @property
    def connected(self) -> int:
        """How many connections take envelopes now."""
        with self._lock:
            return len(self._usable())

    def issue(self) -> str:
        """The secret part of a new address."""
        with self._lock:
            ticket = secrets.token_urlsafe(24)
            self._addresses[ticket] = self._now()
            return ticket

    # ------------------------------------------------------------------------------------------------ to the app

    def deliver(self, delivery: Delivery) -> Acknowledgement:
        """Send a delivery as an envelope. What comes back is the acknowledgement's payload; without a connection it fails.

        An event whose connection goes before it is acknowledged is sent again over the next; an interaction is not.
        """
        attempt = int(dict(delivery.headers).get("X-Slack-Retry-Num", "0"))
        kind = _TYPES.get(delivery.kind, "interactive")
        envelope = _Envelope(kind, delivery.payload, Acknowledgement(), attempt)
        with self._lock:
            self._send(envelope)
        return envelope.acknowledged

    def repeat(self) -> Acknowledgement:
        """Send the last envelope once more over the same connection, to the letter."""
        with self._lock:
            assert self._last is not None, "Nothing was sent yet."  # for whoever tests
            socket, sent, text = self._last
            again = replace(sent, acknowledged=Acknowledgement())
            socket.waiting[again.id] = again
            socket.send(text)
        return again.acknowledged

    def refresh(self, reason: str = "refresh_requested") -> None:
        """Ask the app to open new connections, as Slack does every few hours; the old ones get no more envelopes."""
        with self._lock:
            for socket in self._usable():
                socket.leaving = True
                host = {"host": "applink-fake"}
                socket.send(json.dumps({"type": "disconnect", "reason": reason, "debug_info": host}))

    def drop(self) -> None:
        """Cut every connection without a word, as a network does."""
        with self._lock:
            for socket in self._open:
                socket.loop.call_soon_threadsafe(socket.wire.transport.abort)

    def _usable(self) -> list[_Socket]:
        return [each for each in self._open if not each.leaving]

    def _send(self, envelope: _Envelope) -> None:
        usable = self._usable()
        if not usable:
            self._unanswered(envelope)
            return
        self._turn += 1
        socket = usable[self._turn % len(usable)]
        text = envelope.written()
        self._last = (socket, envelope, text)
        socket.waiting[envelope.id] = envelope
        socket.send(text)

    def _unanswered(self, envelope: _Envelope) -> None:
        if envelope.type == "events_api":
            envelope.attempt += 1
            self._later.append(envelope)
        elif not envelope.acknowledged.done():
            envelope.acknowledged.set_exception(NotAcknowledged("There is no connection of the app."))

    # ---------------------------------------------------------------------------------------------- from the app

    async def serve(self, websocket: WebSocket) -> None:
        """One connection, from its handshake to its end."""
        with self._lock:
            issued = self._addresses.pop(websocket.query_params.get("ticket", ""), None)
            refused = len(self._open) >= MOST_SOCKETS or self.refusing > 0
            self.refusing = max(self.refusing - 1, 0)
        if issued is None or self._now() - issued > ADDRESS_SECONDS or refused:
            await websocket.close()  # before it is accepted: the handshake is answered 403
            return
        await websocket.accept()
        socket = _Socket(asyncio.get_running_loop(), websocket, wire(websocket.scope))
        await websocket.send_text(self._hello())
        with self._lock:
            self._open.append(socket)
            self.opened += 1
            again, self._later = self._later, []
            for envelope in again:
                self._send(envelope)
        self._changed()
        try:
            while True:
                self._heard(socket, await websocket.receive_text())
        except (WebSocketDisconnect, KeyError):  # KeyError: bytes, where Slack takes text
            pass
        finally:
            self._ended(socket)
            if websocket.application_state is WebSocketState.CONNECTED:
                await asyncio.gather(websocket.close(), return_exceptions=True)

    def _hello(self) -> str:
        about = {"host": "applink-fake", "approximate_connection_time": 18060, "build_number": 1}
        count = {"num_connections": len(self._open) + 1, "connection_info": {"app_id": self._app.app_id}}
        return json.dumps({"type": "hello", "debug_info": about, **count})

    def _heard(self, socket: _Socket, text: str) -> None:
        with self._lock:
            try:
                told = json.loads(text)
            except ValueError:
                told = None
            if not isinstance(told, dict) or not isinstance(told.get("envelope_id"), str):
                self.complaints.append(f"no acknowledgement: {text[:200]!r}")
                return
            envelope = socket.waiting.pop(told["envelope_id"], None)
            if envelope is None:
                self.complaints.append(
                    f"acknowledged what was not sent here, or twice: {told['envelope_id']}"
                )
                return
            if unknown := told.keys() - {"envelope_id", "payload"}:
                self.complaints.append(f"an acknowledgement with {sorted(unknown)}")
            payload = told.get("payload")
            if payload and not envelope.takes_payload:
                self.complaints.append(f"a payload in the acknowledgement of {envelope.type}")
        if not envelope.acknowledged.done():
            envelope.acknowledged.set_result(json.dumps(payload).encode() if payload else b"")

    def _ended(self, socket: _Socket) -> None:
        with self._lock:
            if socket in self._open:
                self._open.remove(socket)
            waiting, socket.waiting = list(socket.waiting.values()), {}
            for envelope in waiting:
                if envelope.type == "events_api":
                    envelope.attempt += 1
                    self._send(envelope) if self._usable() else self._later.append(envelope)
                elif not envelope.acknowledged.done():
                    gone = NotAcknowledged("The connection went before the app acknowledged.")
                    envelope.acknowledged.set_exception(gone)
        self._changed()
