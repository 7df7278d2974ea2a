"""LangGraph's SQLite saver, shared: its own statements, fewer trips and fewer commits.

What is written in the same moment is committed together: LangGraph saves the writes of a step and the checkpoint behind it separately,
and many runs do so at once. Each is durable when its caller hears of it, as before. Writers of this process take turns with the store.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy import URL

from hitl_middleware.errors import DatabaseUnreachable, LeaseLost
from hitl_middleware.gate.calls import lease_in
from hitl_middleware.records import Lease
from hitl_middleware.stores.saver.shared import Shared
from hitl_middleware.stores.turn import finish, turn_at
from hitl_middleware.stores.url import shown

_BUSY_SECONDS = 30.0
_FENCE = "SELECT fence FROM hitl_runs WHERE id = ?"


@dataclass(slots=True)
class _Script:
    """Statements that were dictated in place of being run, each with its rows of values; a cursor to whoever dictates."""

    statements: list[tuple[str, Sequence[Sequence[Any]]]] = field(default_factory=list)

    def execute(self, statement: str, values: Sequence[Any]) -> None:
        """Dictate one."""
        self.statements.append((statement, [values]))

    def executemany(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Dictate one with several rows."""
        self.statements.append((statement, rows))


class _Dictating(SqliteSaver):
    """LangGraph's saver, which serializes at once and says what it would run."""

    def dictate(self, put: Callable[[SqliteSaver], Any]) -> tuple[Any, _Script]:
        """What ``put`` answers, and the statements that make it true."""
        self._script = _Script()
        return put(self), self._script

    @contextmanager
    def cursor(self, transaction: bool = True) -> Iterator[sqlite3.Cursor]:  # noqa: ARG002, FBT001, FBT002 – LangGraph's signature
        yield cast("sqlite3.Cursor", self._script)


@dataclass(slots=True)
class _Write:
    """Statements under a lease (``None``: nobody drives the run under one), and who waits for them."""

    script: _Script
    lease: Lease | None
    done: asyncio.Future[None]


class SharedSqliteSaver(Shared, AsyncSqliteSaver):
    """Reads on a connection of its own, where it is asked; writes on another one, in a thread. The rest is LangGraph's, on a third."""

    def __init__(self, path: Path, *, serde: SerializerProtocol) -> None:
        connection = aiosqlite.connect(path, timeout=_BUSY_SECONDS)
        # The connection's thread must not keep a finished script alive (SQLAlchemy does the same for its own).
        connection._thread.daemon = True  # noqa: SLF001 – aiosqlite offers no other way
        super().__init__(connection, serde=serde)
        self._path = path
        self._turn = turn_at(path)
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="hitl-saver")
        self._opened: list[sqlite3.Connection] = []
        self._reader: SqliteSaver | None = None
        self._writer: sqlite3.Connection | None = None
        self._waiting: list[_Write] = []
        self._writing: asyncio.Task[None] | None = None

    async def ready(self) -> None:
        """Connect, and create LangGraph's tables."""
        if self._reader is not None:
            return
        await self.setup()
        if self._reader is None:
            self._writer, reading = self._connect(), self._connect("PRAGMA query_only = ON")
            self._dictating = _Dictating(reading, serde=self.serde)
            self._reader = SqliteSaver(reading, serde=self.serde)
            self._reader.is_setup = True

    async def close(self) -> None:
        """See ``Shared.close``."""
        if self._writing is not None:
            await asyncio.wait({self._writing})
        for connection in self._opened:
            connection.close()
        self._disk.shutdown(wait=False)
        await self.conn.close()

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """As LangGraph's."""

        async def get() -> CheckpointTuple | None:
            assert self._reader is not None  # noqa: S101 – ``ready``
            return self._reader.get_tuple(config)

        return await self._home(get)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As LangGraph's. Raises ``LeaseLost``."""
        kept: RunnableConfig = await self._home(
            self._put, config, lambda saver: saver.put(config, checkpoint, metadata, new_versions)
        )
        return kept

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As LangGraph's. Raises ``LeaseLost``."""
        await self._home(
            self._put, config, lambda saver: saver.put_writes(config, writes, task_id, task_path)
        )

    async def _put(self, config: RunnableConfig, put: Callable[[SqliteSaver], Any]) -> Any:
        answer, script = self._dictating.dictate(put)
        loop = asyncio.get_running_loop()
        write = _Write(script, lease_in(config["configurable"]), loop.create_future())
        self._waiting.append(write)
        if self._writing is None or self._writing.done():
            self._writing = loop.create_task(self._write_all())
        await write.done
        return answer

    async def _write_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            await asyncio.sleep(0)  # what is said in this very moment goes along
            async with self._turn:
                batch, self._waiting = self._waiting, []
                try:
                    lost = await finish(loop.run_in_executor(self._disk, self._commit, batch))
                except Exception as error:  # noqa: BLE001 – whoever waits for the writes is told, each of them
                    for write in batch:
                        _tell(write.done, error)
                else:
                    for write in batch:
                        _tell(write.done, lost.get(id(write)))

    def _commit(self, batch: Sequence[_Write]) -> dict[int, LeaseLost]:
        """Write them in one transaction, but those whose run is another process's by now: these, by their place in memory."""
        assert self._writer is not None  # noqa: S101 – ``ready``
        lost: dict[int, LeaseLost] = {}
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            for write in batch:
                if write.lease is not None and self._fence(write.lease.run_id) not in {
                    None,
                    write.lease.fence,
                }:
                    lost[id(write)] = LeaseLost(run=write.lease.run_id)
                    continue
                for statement, rows in write.script.statements:
                    self._writer.executemany(statement, rows)
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise
        return lost

    def _fence(self, run_id: str) -> int | None:
        assert self._writer is not None  # noqa: S101 – ``ready``
        row = self._writer.execute(_FENCE, (run_id,)).fetchone()
        return row[0] if row is not None else None

    def _connect(self, *pragmas: str) -> sqlite3.Connection:
        # Without transactions of the driver's own: they begin and end where we say. SQLite's FULL is its default, and is said here, too:
        # a checkpoint that was acknowledged survives a power cut.
        connection = sqlite3.connect(
            self._path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        for pragma in ("PRAGMA synchronous = FULL", *pragmas):
            connection.execute(pragma).close()
        self._opened.append(connection)
        return connection


def _tell(waiting: asyncio.Future[None], error: Exception | None) -> None:
    if waiting.done():
        return  # cancelled meanwhile
    if error is None:
        waiting.set_result(None)
    else:
        waiting.set_exception(error)


async def open_sqlite_saver(url: URL, *, serde: SerializerProtocol) -> SharedSqliteSaver:
    """The saver on a file, owned by the running loop. Raises ``DatabaseUnreachable`` where its folder cannot be made."""
    path = Path(url.database or "")
    try:
        await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnreachable(url=shown(url), reason=error.strerror or str(error)) from error
    return SharedSqliteSaver(path, serde=serde)
