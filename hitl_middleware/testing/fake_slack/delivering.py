"""From an act to a request and its answer: prepared once, sent by a thread or by a task.

A method that prepares an act returns `Prepared`. `blocking` and `awaited` make of it the method that waits in its
thread and the one that is awaited; nothing of the act is written twice. `unsent` makes the one that returns the delivery.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
import ssl
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import httpx

from hitl_middleware.testing.fake_slack.records import Delivery, Reply
from hitl_middleware.testing.fake_slack.sockets import NotAcknowledged
from hitl_middleware.testing.fake_slack.state import Workspace
from hitl_middleware.testing.watched import NothingCame

P = ParamSpec("P")
S = TypeVar("S", bound="Deliverer")
Settle = Callable[[Reply], str]

ACKNOWLEDGE_SECONDS: Final = 3  # docs.slack.dev, "Handling user interaction in your Slack apps"

SOCKET: Final = "ws:"
"""In place of an address: over whatever connection the app has open."""


def nothing_follows(_reply: Reply) -> str:
    """For deliveries whose answer Slack only glances at."""
    return ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A delivery, and what its answer changes; that function returns what the person is told, if anything."""

    delivery: Delivery
    settle: Settle = nothing_follows


class Deliverer:
    """Sends deliveries to the app and remembers them with their replies."""

    def __init__(self, workspace: Workspace, *, give_up_after: float) -> None:
        self._workspace = workspace
        self._give_up_after = give_up_after
        self._timeout = httpx.Timeout(give_up_after)
        # A connection of its own for each delivery: an app that is killed and started again leaves no stale ones.
        self._limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        # Deliveries go to http:// addresses. Reading the system's certificates would take longer than a whole test.
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._client = httpx.Client(
            verify=self._tls, trust_env=False, timeout=self._timeout, limits=self._limits
        )

    def _send(self, prepared: Prepared) -> Reply:
        started = self._begin(prepared)
        delivery = prepared.delivery
        if delivery.url == SOCKET:
            acknowledged = self._workspace.sockets.deliver(delivery)
            concurrent.futures.wait([acknowledged], self._give_up_after)
            return self._heard(prepared, acknowledged, started)
        try:
            response = self._client.post(delivery.url, content=delivery.body, headers=list(delivery.headers))
        except httpx.TimeoutException as error:
            if _inside_a_loop():
                error.add_note(
                    "This thread runs an event loop. If the app runs on it, await the method with the a: aclick."
                )
            raise
        return self._answered(prepared, response, started)

    async def _asend(self, prepared: Prepared) -> Reply:
        started = self._begin(prepared)
        delivery = prepared.delivery
        if delivery.url == SOCKET:
            acknowledged = self._workspace.sockets.deliver(delivery)
            await asyncio.wait([asyncio.wrap_future(acknowledged)], timeout=self._give_up_after)
            return self._heard(prepared, acknowledged, started)
        # Not shared: an asynchronous client belongs to one event loop, and each test has its own.
        async with httpx.AsyncClient(
            verify=self._tls, trust_env=False, timeout=self._timeout, limits=self._limits
        ) as client:
            response = await client.post(delivery.url, content=delivery.body, headers=list(delivery.headers))
        return self._answered(prepared, response, started)

    def _begin(self, prepared: Prepared) -> float:
        with self._workspace.changing():
            self._workspace.deliveries.append(prepared.delivery)
        return time.perf_counter()

    def _answered(self, prepared: Prepared, response: httpx.Response, started: float) -> Reply:
        reply = Reply(
            delivery=prepared.delivery,
            status=response.status_code,
            body=response.content,
            headers=dict(response.headers),
            seconds=time.perf_counter() - started,
        )
        return self._finish(prepared, reply)

    def _heard(
        self, prepared: Prepared, acknowledged: concurrent.futures.Future[bytes], started: float
    ) -> Reply:
        """What came back over a socket: status 200 for an acknowledgement, 0 for none."""
        if not acknowledged.done():
            msg = f"No acknowledgement within {self._give_up_after:g} seconds. {self._workspace.inventory()}"
            raise NothingCame(msg)
        gone = acknowledged.exception()
        reply = Reply(
            delivery=prepared.delivery,
            status=0 if gone else 200,
            body=b"" if gone else acknowledged.result(),
            headers={},
            seconds=time.perf_counter() - started,
        )
        if gone is not None and not isinstance(gone, NotAcknowledged):
            raise gone
        return self._finish(prepared, reply)

    def _finish(self, prepared: Prepared, reply: Reply) -> Reply:
        with self._workspace.changing():
            trouble = self._unanswered(reply) or prepared.settle(reply)
            reply = replace(reply, trouble=trouble)
            self._workspace.replies.append(reply)
        return reply

    def _unanswered(self, reply: Reply) -> str:
        if reply.status == 0:
            return "The app did not acknowledge the envelope."
        if reply.status // 100 != 2:
            return f"The app answered with HTTP {reply.status}."
        if reply.seconds > ACKNOWLEDGE_SECONDS:
            return f"The app took {reply.seconds:.1f} s; Slack waits {ACKNOWLEDGE_SECONDS} s."
        return ""


def blocking(prepare: Callable[Concatenate[S, P], Prepared]) -> Callable[Concatenate[S, P], Reply]:
    """The act in the calling thread, until the app has answered."""

    @functools.wraps(prepare)
    def act(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Reply:
        return self._send(prepare(self, *args, **kwargs))

    return act


def awaited(
    prepare: Callable[Concatenate[S, P], Prepared],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, Reply]]:
    """The act as a coroutine."""

    @functools.wraps(prepare)
    async def act(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Reply:
        return await self._asend(prepare(self, *args, **kwargs))

    return act


def unsent(prepare: Callable[Concatenate[S, P], Prepared]) -> Callable[Concatenate[S, P], Delivery]:
    """The act as a delivery, genuine and not sent: for `forge`, or to be sent by hand."""

    @functools.wraps(prepare)
    def act(self: S, /, *args: P.args, **kwargs: P.kwargs) -> Delivery:
        return prepare(self, *args, **kwargs).delivery

    return act


def _inside_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
