"""The event loop on which a process's store lives, in a daemon thread, and the two ways to it: from threads and from other loops."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

import structlog

from hitl_middleware.errors import ForkedProcess

log = structlog.get_logger("hitl.portal")

P = ParamSpec("P")
T = TypeVar("T")


class Portal:
    """One loop in one thread. Starts at first use, so that importing and configuring do no I/O."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._process = 0

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop; started now if it was not. Raises ``ForkedProcess`` where it runs in the process that this one is a fork of."""
        if self._loop is not None and self._process != os.getpid():
            raise ForkedProcess
        with self._lock:
            if self._loop is None:
                self._process = os.getpid()
                ready = threading.Event()
                self._thread = threading.Thread(target=self._run, args=(ready,), name=self._name, daemon=True)
                self._thread.start()
                ready.wait()
            assert self._loop is not None  # noqa: S101 – set before ``ready``
            return self._loop

    def call(self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn`` on the loop and wait for it, from a thread that is not the loop's."""
        if threading.current_thread() is self._thread:
            msg = f"{getattr(fn, '__name__', fn)} was called synchronously on its own event loop; await it instead"
            raise RuntimeError(msg)
        return self.submit(fn, *args, **kwargs).result()

    async def run(self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``fn`` on the loop and await it, from any loop. Cancelling the waiter does not tear ``fn``: it finishes on its own."""
        if asyncio.get_running_loop() is self._loop:
            return await fn(*args, **kwargs)
        return await asyncio.shield(asyncio.wrap_future(self.submit(fn, *args, **kwargs)))

    def submit(
        self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> concurrent.futures.Future[T]:
        """Begin ``fn`` on the loop."""

        async def begin() -> T:
            return await fn(*args, **kwargs)

        return asyncio.run_coroutine_threadsafe(begin(), self.loop)

    def stop(self) -> None:
        """Cancel what still runs, close the loop and end the thread."""
        with self._lock:
            loop, thread, self._loop, self._thread = self._loop, self._thread, None, None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    def _run(self, ready: threading.Event) -> None:
        with asyncio.Runner() as runner:
            self._loop = loop = runner.get_loop()
            loop.call_soon(ready.set)
            while self._loop is loop:  # ``stop`` forgets the loop before it stops it
                try:
                    loop.run_forever()
                except (SystemExit, KeyboardInterrupt):
                    # asyncio lets these out of a task and through the loop. What one task does must not end all the others.
                    log.exception("a task tried to end the process", thread=self._name)
