"""From an act to its deliveries: done once, sent by a thread or by a task, and for what the API does by a courier behind it.

A method that does something on the hub gives back what it made. `blocking` and `awaited` make of it the method that waits in its
thread until the app has answered, and the one that is awaited. Nobody on GitHub notices a webhook that fails, and GitHub sends
none again by itself: a delivery that goes wrong raises nothing, its `Reply` says it.
"""

from __future__ import annotations

import asyncio
import functools
import queue
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import httpx

from hitl_middleware.testing.fake_github.errors import CannotHappen
from hitl_middleware.testing.fake_github.refusals import Refusal
from hitl_middleware.testing.fake_github.state import Hub
from hitl_middleware.testing.fake_github.traffic import Delivery, Reply

P = ParamSpec("P")
S = TypeVar("S", bound="Deliverer")
T = TypeVar("T")

ANSWER_SECONDS: Final = 10  # docs.github.com, "Best practices for using webhooks": respond within 10 seconds


class Deliverer:
    """Sends deliveries to the app and remembers what it answered."""

    bot_login: str = ""
    webhook_secret: str = ""

    def __init__(self, hub: Hub, *, give_up_after: float) -> None:
        self._hub = hub
        # A connection of its own for each delivery: an app that is killed and started again leaves no stale ones.
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        # Deliveries go to http:// addresses. Reading the system's certificates would take longer than a whole test.
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._wire: dict[str, Any] = {
            "verify": tls,
            "trust_env": False,
            "timeout": httpx.Timeout(give_up_after),
            "limits": limits,
        }
        self._client = httpx.Client(**self._wire)
        self._courier = _Courier(self._send)

    def _send(self, deliveries: Iterable[Delivery]) -> list[Reply]:
        replies = []
        for each in self._leaving(deliveries):
            started = time.perf_counter()
            try:
                response = self._client.post(each.url, content=each.body, headers=list(each.headers))
            except httpx.HTTPError as error:
                replies.append(self._answered(each, error, started))
            else:
                replies.append(self._answered(each, response, started))
        return replies

    async def _asend(self, deliveries: Iterable[Delivery]) -> list[Reply]:
        replies = []
        # Not shared: an asynchronous client belongs to one event loop, and each test has its own.
        async with httpx.AsyncClient(**self._wire) as client:
            for each in self._leaving(deliveries):
                started = time.perf_counter()
                try:
                    response = await client.post(each.url, content=each.body, headers=list(each.headers))
                except httpx.HTTPError as error:
                    replies.append(self._answered(each, error, started))
                else:
                    replies.append(self._answered(each, response, started))
        return replies

    def _leaving(self, deliveries: Iterable[Delivery]) -> list[Delivery]:
        with self._hub.changing():
            return self._hub.post.leaving(deliveries)

    def _answered(self, delivery: Delivery, came: httpx.Response | httpx.HTTPError, started: float) -> Reply:
        seconds = time.perf_counter() - started
        if isinstance(came, httpx.Response):
            status, body, headers = came.status_code, came.content, dict(came.headers)
            trouble = "" if status // 100 == 2 else f"The app answered with HTTP {status}."
        else:
            status, body, headers = 0, b"", {}
            trouble = f"{type(came).__name__}: {came}"
            if isinstance(came, httpx.TimeoutException):
                trouble += f"; GitHub waits {ANSWER_SECONDS} s."
                if _inside_a_loop():
                    trouble += " This thread runs an event loop: if the app runs on it, await the method with the a (acomment)."
        reply = Reply(
            delivery=delivery, status=status, body=body, headers=headers, seconds=seconds, trouble=trouble
        )
        hub = self._hub
        with hub.changing():
            hub.replies.append(reply)
            if (hook := hub.world.hooks.get(delivery.hook)) is not None:
                hub.world.hooks[hook.id] = replace(hook, last_status=status)
        return reply


class _Courier:
    """Sends, one after the other and in order, what the API's own changes gave rise to."""

    def __init__(self, send: Callable[[Iterable[Delivery]], object]) -> None:
        self._send = send
        self._waiting: queue.SimpleQueue[list[Delivery] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._idle = threading.Condition()
        self._under_way = 0

    def take(self, deliveries: Iterable[Delivery]) -> None:
        """Send these soon."""
        if not (batch := list(deliveries)):
            return
        with self._idle:
            self._under_way += 1
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="github-courier", daemon=True)
                self._thread.start()
        self._waiting.put(batch)

    def finish(self, seconds: float) -> bool:
        """Wait until all is sent and answered; False if it is not within that time."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._under_way, seconds)

    def stop(self) -> None:
        """Let what is under way come to its end, and send no more."""
        if self._thread is not None:
            self._waiting.put(None)
            self._thread.join()

    def _run(self) -> None:
        while (batch := self._waiting.get()) is not None:
            self._send(batch)
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()


def _done(self: S, act: Callable[[], T]) -> tuple[T, list[Delivery]]:
    with self._hub.doing() as made:
        try:
            return act(), made
        except Refusal as refusal:
            msg = f"GitHub refuses: {refusal}"
            raise CannotHappen(msg) from refusal


def blocking(act: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """The act in the calling thread, until the app has answered every delivery."""

    @functools.wraps(act)
    def do(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result, made = _done(self, lambda: act(self, *args, **kwargs))
        self._send(made)
        return result

    return do


def awaited(act: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """The act as a coroutine."""

    @functools.wraps(act)
    async def do(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result, made = _done(self, lambda: act(self, *args, **kwargs))
        await self._asend(made)
        return result

    return do


def _inside_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
