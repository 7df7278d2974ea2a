"""What the fakes have in common: serving, recording, waiting, misbehaving."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from anyio import to_thread

from hitl_graphs.support.fakes.calls import ApiError, Asked, Call, Effect, Reply
from hitl_graphs.support.fakes.faults import (
    Fault,
    Held,
    LostReply,
    RateLimited,
    Refused,
    ServerError,
    TimedOut,
)
from hitl_graphs.support.fakes.ledger import EffectLedger
from hitl_middleware.clock import SystemClock
from hitl_middleware.errors import HitlError
from hitl_middleware.testing.loopback import Loopback, wire

_MAX_BODY_BYTES = 1_048_576


def system_now() -> float:
    """Epoch seconds by the machine's clock."""
    return SystemClock().now().timestamp()


class EffectNotSeen(HitlError, AssertionError):
    """{service}: {timeout} s passed without {count} {kind}. Done: {done}. Asked: {asked}."""


class NotRunning(HitlError):
    """The fake {service} is not running: use it as a context manager, or call start()."""


E = TypeVar("E", bound=Effect)


@dataclass(frozen=True, slots=True)
class _Scripted:
    fault: Fault
    on: str


class FakeService:
    """One service on loopback HTTP. Subclasses say how a request is authenticated, routed and refused."""

    service: ClassVar[str]
    kinds: ClassVar[tuple[type[Effect], ...]]

    def __init__(
        self, token: str, *, ledger_path: Path | None = None, now: Callable[[], float] = system_now
    ) -> None:
        self.token = token
        self.now = now
        self._port = 0
        self._server: Loopback | None = None
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._effects: list[Effect] = []
        self._calls: list[Asked] = []
        self._script: deque[_Scripted] = deque()
        self._ledger = EffectLedger(ledger_path)
        known = {kind.__name__: kind for kind in self.kinds}
        for line in self._ledger.lines(self.service):
            kind = known[line["kind"]]
            effect = kind(**{part.name: line[part.name] for part in fields(kind)})
            self._effects.append(effect)
            self.restore(effect, line.get("answer"))

    # What a subclass says

    def authenticate(self, call: Call) -> None:
        """Raise ``ApiError`` unless the caller may ask."""
        raise NotImplementedError

    def route(self, call: Call) -> Reply:
        """Do what was asked; raise ``ApiError`` to refuse."""
        raise NotImplementedError

    def refusal(self, error: ApiError) -> Reply:
        """The service's own format for an error."""
        raise NotImplementedError

    def once(self, call: Call, work: Callable[[], Reply]) -> Reply:
        """Where a service knows idempotency keys, it looks them up here."""
        del call
        return work()

    def restore(self, effect: Effect, answer: Any) -> None:
        """Bring back the state that ``effect`` left, from the ledger's line."""

    # What tests and the demo use

    @property
    def url(self) -> str:
        """The base address, without a slash at the end."""
        if self._server is None:
            raise NotRunning(service=self.service)
        return self._server.url

    @property
    def effects(self) -> tuple[Effect, ...]:
        """Everything that was done, in order."""
        with self._lock:
            return tuple(self._effects)

    @property
    def calls(self) -> tuple[Asked, ...]:
        """Everything that was asked and is finished, in order."""
        with self._lock:
            return tuple(self._calls)

    def made(self, kind: type[E]) -> tuple[E, ...]:
        """The effects of one kind."""
        return tuple(effect for effect in self.effects if isinstance(effect, kind))

    def wait_for(
        self,
        kind: type[E],
        *,
        where: Callable[[E], bool] = lambda _: True,
        count: int = 1,
        timeout: float = 10.0,
    ) -> tuple[E, ...]:
        """Block until at least ``count`` such effects were made and return them all; ``EffectNotSeen`` after ``timeout`` seconds."""
        with self._changed:
            if self._changed.wait_for(
                lambda: len([e for e in self.made(kind) if where(e)]) >= count, timeout
            ):
                return tuple(effect for effect in self.made(kind) if where(effect))
            raise EffectNotSeen(
                service=self.service,
                timeout=timeout,
                count=count,
                kind=kind.__name__,
                done=self._effects,
                asked=self._calls,
            )

    def script(self, *faults: Fault, on: str = "") -> None:
        """Let the next requests fail, one fault each. ``on`` is a part of ``METHOD /path``; empty: any request that writes."""
        with self._lock:
            self._script.extend(_Scripted(fault, on) for fault in faults)

    def start(self) -> Self:
        """Listen; started again after ``close``, it has the same address and state."""
        self._server = Loopback(self, port=self._port).start()
        self._port = self._server.port
        return self

    def close(self) -> None:
        """Stop listening; what happened can still be read."""
        if self._server is not None:
            self._server.stop()
            self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_exc: object) -> None:
        self.close()

    # The way of one request

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await _lifespan(receive, send)
            return
        call = await _read(scope, receive)
        fault = self._take(call)
        reply = await to_thread.run_sync(self._answer, call, fault)
        silent = isinstance(fault, TimedOut | LostReply)
        with self._lock:
            self._calls.append(
                Asked(call.method, call.path, None if silent else reply.status, call.idempotency_key, fault)
            )
        if isinstance(fault, TimedOut):
            await wire(scope).hold(receive, fault.seconds)
        if silent:
            await wire(scope).hang_up(receive)
            return
        body = b"" if reply.body is None else json.dumps(reply.body).encode()
        headers = {
            "content-length": str(len(body)),
            **({"content-type": "application/json"} if body else {}),
            **reply.headers,
        }
        await send(
            {
                "type": "http.response.start",
                "status": reply.status,
                "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
            }
        )
        await send({"type": "http.response.body", "body": body})

    def record(self, effect: Effect, reply: Reply, fingerprint: str | None = None) -> None:
        """Make it true: on disk, in the log, and known to whoever waits. Call it under the lock, before the answer is given."""
        answer = {"status": reply.status, "body": reply.body, "fingerprint": fingerprint}
        self._ledger.append(
            {"service": self.service, "kind": type(effect).__name__, **asdict(effect), "answer": answer}
        )
        self._effects.append(effect)
        self._changed.notify_all()

    def stamp(self, call: Call) -> dict[str, Any]:
        """The fields that every effect has."""
        return {"seq": len(self._effects) + 1, "at": self.now(), "idempotency_key": call.idempotency_key}

    def _take(self, call: Call) -> Fault | None:
        asked = f"{call.method} {call.path}"
        with self._lock:
            for scripted in self._script:
                if scripted.on in asked if scripted.on else call.method != "GET":
                    self._script.remove(scripted)
                    return scripted.fault
        return None

    def _answer(self, call: Call, fault: Fault | None) -> Reply:
        try:
            if len(call.body) > _MAX_BODY_BYTES:
                raise ApiError(413, "The request is too large.")
            self.authenticate(call)
            if isinstance(fault, RateLimited):
                limited = self.refusal(ApiError(429, "Too many requests.", code="rate_limit"))
                return Reply(429, limited.body, {**limited.headers, "retry-after": str(fault.retry_after)})
            if isinstance(fault, TimedOut | LostReply) and not fault.performed:
                return Reply(503)
            return self.once(call, lambda: self._work(call, fault))
        except ApiError as error:
            return self.refusal(error)

    def _work(self, call: Call, fault: Fault | None) -> Reply:
        try:
            match fault:
                case Held(release=release, entered=entered, seconds=seconds):
                    entered.set()
                    release.wait(seconds)
                case ServerError(status=status):
                    raise ApiError(status, "An unexpected error occurred.", kind="api_error", kept=True)
                case Refused(status=status, message=message, code=code):
                    raise ApiError(status, message, code=code, kept=True)
                case _:
                    pass
            return self.route(call)
        except ApiError as error:
            if error.kept:
                return self.refusal(error)
            raise


async def _read(scope: Any, receive: Any) -> Call:
    body = bytearray()
    while True:
        message = await receive()
        if len(body) <= _MAX_BODY_BYTES:  # what is beyond is read and dropped, so that the answer can be sent
            body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return Call(scope["method"], scope["path"], scope["query_string"].decode("latin-1"), headers, bytes(body))


async def _lifespan(receive: Any, send: Any) -> None:
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})
