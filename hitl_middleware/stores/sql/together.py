"""SQLite's writer: units of work that wait for each other are committed together, for a commit waits for the disk and nothing else does.

Whoever comes while another one writes goes on in the same transaction, from a savepoint of its own: what raises is taken back alone. All of
them end when their transaction is committed, also those that were refused something, for they may have seen what another one had written.
Where nobody waits, a unit is a transaction of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from hitl_middleware.stores.turn import Turn, finish

MOST = 32
"""Units in one transaction: others of the file (LangGraph's saver, further stores) want their turn, too."""


class Writer(Protocol):
    """The connection, which is in a transaction between ``begin`` and the end of ``commit`` or ``rollback``."""

    async def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def mark(self) -> None:
        """Set the savepoint to which ``undo`` goes back, and which ``keep`` forgets."""

    def keep(self) -> None: ...

    def undo(self) -> None:
        """Raises where the database has given up the whole transaction."""


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True, eq=False)
class _Transaction:
    """``units``: how many have begun in it. ``empty``: the only one was taken back. ``ended``: how it was committed."""

    units: int = 0
    empty: bool = False
    broken: BaseException | None = None
    ended: asyncio.Future[None] = field(default_factory=_future)

    @property
    def is_lost(self) -> bool:
        """Whether there is nothing to commit."""
        return self.empty or self.broken is not None

    async def over(self) -> None:
        """Wait until it is durable; raises what went wrong."""
        if self.ended.done():
            self.ended.result()
        else:
            await asyncio.shield(self.ended)

    def end(self, error: BaseException | None) -> None:
        if error is None:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(error)
            self.ended.exception()  # seen: there may be nobody left who waits


class Together:
    """Lets units of work write, one at a time, first come first served. ``begin`` opens the transaction; ``turn`` is the file's."""

    def __init__(self, writer: Writer, turn: Turn, begin: Callable[[], Awaitable[None]]) -> None:
        self._writer = writer
        self._turn = turn
        self._begin = begin
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._taken = False
        self._holder: asyncio.Task[Any] | None = None
        self._open: _Transaction | None = None

    @property
    def is_free(self) -> bool:
        """Whether nobody writes."""
        return not self._taken

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[None]:
        """A unit of work: durable when this ends, and as if it had never been where it raises."""
        await self._take()
        transaction: _Transaction | None = None
        try:
            self._holder = asyncio.current_task()
            transaction = self._open or await self._opened()
            with _Part(self._writer, transaction):
                yield
        except asyncio.CancelledError:
            await finish(self._leave())
            raise
        except BaseException:
            await finish(self._leave())
            if transaction is not None:
                await transaction.over()
            raise
        # Others wait for what becomes of a common transaction. Who is alone may be cancelled: a commit goes to its end by itself.
        await (self._leave() if transaction.units == 1 else finish(self._leave()))
        await transaction.over()

    async def _take(self) -> None:
        if self._holder is not None and asyncio.current_task() is self._holder:
            msg = "this task is inside a unit of work already: pass that one on instead of beginning another"
            raise RuntimeError(msg)
        if not self._taken:
            self._taken = True
            return
        mine = _future()
        self._waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine in self._waiting:
                self._waiting.remove(mine)
            else:  # it had come in this very moment
                await finish(self._leave())
            raise

    async def _opened(self) -> _Transaction:
        await self._turn.__aenter__()
        try:
            await self._begin()
        except BaseException:
            await self._turn.__aexit__(None, None, None)
            raise
        self._open = _Transaction()
        return self._open

    async def _leave(self) -> None:
        """Let the next one write; where there is none, or were enough, the transaction ends before that."""
        self._holder = None
        transaction = self._open
        try:
            if transaction is not None and (
                not self._waiting or transaction.units >= MOST or transaction.is_lost
            ):
                self._open = None
                try:
                    await self._end(transaction)
                finally:
                    await self._turn.__aexit__(None, None, None)
        finally:
            self._pass_on()

    def _pass_on(self) -> None:
        while self._waiting:
            following = self._waiting.popleft()
            if not following.done():
                following.set_result(None)
                return
        self._taken = False

    async def _end(self, transaction: _Transaction) -> None:
        """Commit, or take back what is broken."""
        try:
            if transaction.is_lost:
                self._writer.rollback()
            else:
                await self._writer.commit()
        except Exception as error:  # noqa: BLE001 – each of its units raises it
            transaction.end(error)
        else:
            transaction.end(transaction.broken)


class _Part:
    """One unit's part of a transaction. The first one needs no savepoint: what it takes back is all there is."""

    def __init__(self, writer: Writer, transaction: _Transaction) -> None:
        self._writer = writer
        self._transaction = transaction

    def __enter__(self) -> None:
        self._transaction.units += 1
        if self._transaction.units > 1:
            self._writer.mark()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        alone = self._transaction.units == 1
        if error is None:
            if not alone:
                self._writer.keep()
        elif alone:
            self._transaction.empty = True
        else:
            try:
                self._writer.undo()
            except Exception as gone:  # noqa: BLE001 – with it goes all that the others have written
                self._transaction.broken = gone
