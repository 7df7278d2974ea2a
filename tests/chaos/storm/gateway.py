"""What stands before the servers, as before every deployment: one address, and whoever lives behind it. Here it is an unreliable one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from random import Random
from typing import Final
from urllib.parse import urlsplit

from tests.chaos.storm.plan import WELL, Mood

_CHUNK: Final = 65_536


class Gateway:
    """Hands each connection on to one of ``servers``, as the next of its ``moods`` has it; ``calm`` ends the moods.

    Where nobody lives, a connection is closed without a byte.
    """

    def __init__(self, moods: Iterator[Mood], seed: str) -> None:
        self._moods = moods
        self._draw = Random(seed)
        self._ports: set[int] = set()
        self._calm = False
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)
        self._thread.start()

    def add(self, url: str) -> None:
        """Somebody listens there."""
        self._ports = self._ports | {_port(url)}

    def remove(self, url: str) -> None:
        """Nobody listens there any more."""
        self._ports = self._ports - {_port(url)}

    def calm(self) -> None:
        """From now on it loses nothing."""
        self._calm = True

    def close(self) -> None:
        """Cut every connection, and take none."""

        async def end() -> None:
            self._server.close()
            for task in [*self._tasks]:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = self._loop.create_task(self._carry(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mood = WELL if self._calm else next(self._moods)
        try:
            await asyncio.sleep(mood.delay)
            if mood.loses == "question" or (there := await self._dial()) is None:
                return
            answers, questions = there
            try:
                with contextlib.suppress(OSError):
                    await _exchange(reader, writer, answers, questions, loses=mood.loses == "answer")
            finally:
                questions.transport.abort()
        finally:
            # What was written is sent first; where nothing was, whoever waits hears at once that nothing comes.
            writer.close()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        ports = sorted(self._ports)
        self._draw.shuffle(ports)
        for port in ports:
            with contextlib.suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        return None


async def _exchange(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    answers: asyncio.StreamReader,
    questions: asyncio.StreamWriter,
    *,
    loses: bool,
) -> None:
    async def back() -> None:
        while chunk := await answers.read(_CHUNK):
            if loses:
                return
            writer.write(chunk)
            await writer.drain()

    async def forth() -> None:
        while chunk := await reader.read(_CHUNK):
            questions.write(chunk)
            await questions.drain()

    both = [asyncio.ensure_future(back()), asyncio.ensure_future(forth())]
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in both:
            task.cancel()
        await asyncio.gather(*both, return_exceptions=True)


def _port(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port
