"""LangGraph's PostgreSQL saver, shared, and its tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool
from sqlalchemy import URL

from hitl_middleware.errors import LeaseLost, MigrationNeeded
from hitl_middleware.gate.calls import lease_in
from hitl_middleware.records import Lease
from hitl_middleware.stores import migrations
from hitl_middleware.stores.saver.shared import Shared
from hitl_middleware.stores.turn import finish
from hitl_middleware.stores.url import connection_words, has_news, unreachable

T = TypeVar("T")

CONNECTIONS = 10
"""At most so many checkpoints are read and written at the same time by one process."""

_FENCED = "SELECT 1 / (fence - fence) FROM hitl_runs WHERE id = %s AND fence <> %s"
"""Gives nothing, or an error that ends the transaction: of a run that nobody drives under a lease there is nothing to judge."""
_driven_under: ContextVar[Lease | None] = ContextVar("driven_under", default=None)

_NEWEST = len(AsyncPostgresSaver.MIGRATIONS) - 1


@dataclass(frozen=True, slots=True)
class _Apart:
    """A string that must not be written where LangGraph writes strings, which is into JSONB: PostgreSQL's knows no NUL."""

    text: str


class _Opening:
    """Whether the pool is open yet; one for a saver and all its copies (LangGraph makes some)."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.done = False


class SharedPostgresSaver(Shared, AsyncPostgresSaver):
    """A pool. LangGraph's saver puts one lock before it, as if it were one connection (langgraph #7259).

    A connection from a pool is its borrower's alone, so there is nothing to guard: 16 parallel tasks need not queue up.
    """

    conn: AsyncConnectionPool[psycopg.AsyncConnection[DictRow]]

    def __init__(self, url: URL, *, serde: SerializerProtocol) -> None:
        pool: AsyncConnectionPool[psycopg.AsyncConnection[DictRow]] = AsyncConnectionPool(
            kwargs=_words(url),
            min_size=0,
            max_size=CONNECTIONS,
            open=False,
            check=_check,
            name="hitl-saver",
        )
        super().__init__(pool, serde=serde)
        self.lock = cast("asyncio.Lock", nullcontext())
        self._url = url
        self._opening = _Opening()

    async def ready(self) -> None:
        """Prepare the database and open the pool, once. Raises ``DatabaseUnreachable``, ``MigrationNeeded``."""
        if self._opening.done:
            return
        async with self._opening.lock:
            if not self._opening.done:
                await finish(asyncio.to_thread(_prepare, self._url))
                await self.conn.open()
                self._opening.done = True

    async def close(self) -> None:
        """See ``Shared.close``."""
        await self.conn.close()

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """As LangGraph's, for every string that a user may send (O-08). Raises ``LeaseLost``."""
        values = {
            channel: _Apart(value) if isinstance(value, str) and "\0" in value else value
            for channel, value in checkpoint["channel_values"].items()
        }
        apart: Checkpoint = {**checkpoint, "channel_values": values}
        put = super().aput
        kept: RunnableConfig = await self._fenced(config, lambda: put(config, apart, metadata, new_versions))
        return kept

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """As LangGraph's. Raises ``LeaseLost``."""
        put = super().aput_writes
        await self._fenced(config, lambda: put(config, writes, task_id, task_path))

    async def _fenced(self, config: RunnableConfig, put: Callable[[], Awaitable[T]]) -> T:
        """Have the server refuse what ``put`` sends where the run is another process's by now: it is asked in the same trip."""
        lease = lease_in(config["configurable"])

        async def fenced() -> T:
            before = _driven_under.set(lease)
            try:
                return await put()
            except psycopg.errors.DivisionByZero:
                raise LeaseLost(run=lease.run_id if lease else None) from None
            finally:
                _driven_under.reset(before)

        return await self._home(fenced)

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncIterator[psycopg.AsyncCursor[DictRow]]:
        async with super()._cursor(pipeline=pipeline) as cursor:
            if pipeline and (lease := _driven_under.get()) is not None:
                await cursor.execute(_FENCED, (lease.run_id, lease.fence))
            yield cursor

    def _dump_blobs(
        self, thread_id: str, checkpoint_ns: str, values: dict[str, Any], versions: ChannelVersions
    ) -> list[tuple[str, str, str, str, str, bytes | None]]:
        whole = {
            channel: value.text if isinstance(value, _Apart) else value for channel, value in values.items()
        }
        return super()._dump_blobs(thread_id, checkpoint_ns, whole, versions)


async def _check(connection: psycopg.AsyncConnection[DictRow]) -> None:
    """Ask a connection of the pool whether it is alive, only where it has something to say: that is the server's farewell."""
    if has_news(connection.pgconn):
        await AsyncConnectionPool.check_connection(connection)


def make_tables(url: URL) -> None:
    """Create LangGraph's tables, or bring them up to date. Not for several at once: see ``migrations``."""
    with psycopg.Connection[DictRow].connect(**_words(url)) as connection:
        PostgresSaver(connection).setup()


def check_tables(url: URL) -> None:
    """Whether LangGraph's tables are those of this version. Raises ``MigrationNeeded`` and ``DatabaseUnreachable``."""
    try:
        newest = _newest(url)
    except psycopg.OperationalError as error:
        raise unreachable(url, error) from error
    if newest is None:
        msg = "The database has no tables for LangGraph's checkpoints. Run: hitl db upgrade"
        raise MigrationNeeded(msg)
    if newest < _NEWEST:
        raise MigrationNeeded(current=f"{newest} of LangGraph's checkpoints", wanted=_NEWEST)


def _newest(url: URL) -> int | None:
    with psycopg.Connection[DictRow].connect(**_words(url)) as connection:
        found = connection.execute("SELECT to_regclass('checkpoint_migrations') AS there").fetchone()
        if found is None or found["there"] is None:
            return None
        row = connection.execute("SELECT max(v) AS v FROM checkpoint_migrations").fetchone()
        return row["v"] if row is not None else None


def _prepare(url: URL) -> None:
    migrations.prepare(url.render_as_string(hide_password=False))
    check_tables(url)


def _words(url: URL) -> dict[str, Any]:
    """As LangGraph connects."""
    return connection_words(url) | {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
