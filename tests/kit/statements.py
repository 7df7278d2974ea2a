"""What a piece of work asks of a database, counted to the statement: on every connection that is opened in this process, whoever opens it.

SQLite itself tells of each statement that it runs (``set_trace_callback``), psycopg's cursors do as they are asked to (``cursor_factory``);
the drivers' ``connect`` is only followed by asking for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import psycopg

_READS = ("SELECT", "WITH")
_TURN = "BEGIN IMMEDIATE"
_TURN_ON_POSTGRESQL = "SELECT clock_timestamp(); BEGIN"
_OF_SAVER = ("checkpoint_blobs", "checkpoint_writes", "INTO checkpoints", "fence - fence")
_WRITES = ("INSERT", "UPDATE", "DELETE", "REPLACE")


@dataclass
class Counted:
    """``said``: the statements in order. ``commits``: transactions that changed something; ``idle``: a writer's turn for nothing."""

    said: list[str] = field(default_factory=list)
    commits: int = 0
    idle: int = 0

    @property
    def reads(self) -> int:
        """Queries."""
        return sum(each.startswith(_READS) for each in self.said)

    @property
    def writes(self) -> int:
        """Changes; of a statement with a list of values one for each."""
        return sum(each.startswith(_WRITES) for each in self.said)


@dataclass
class Statements:
    """Hears of all statements. ``counting()`` counts those of a piece of work."""

    _counts: list[Counted] = field(default_factory=list)

    @contextmanager
    def counting(self) -> Iterator[Counted]:
        """Count what is run in here."""
        count = Counted()
        self._counts.append(count)
        try:
            yield count
        finally:
            self._counts.remove(count)

    def trace(self, connection: sqlite3.Connection) -> None:
        """Listen to one connection."""
        connection.set_trace_callback(self.listener())

    def listener(self) -> Callable[[str], None]:
        """What is told of each statement of one connection."""
        takes_turn = wrote = False

        def heard(statement: str) -> None:
            nonlocal takes_turn, wrote
            words = " ".join(statement.split())
            ends = words.startswith(("COMMIT", "ROLLBACK"))
            for count in self._counts:
                count.said.append(words)
                count.commits += ends and wrote
                count.idle += ends and takes_turn and not wrote
            if words.startswith("BEGIN"):
                takes_turn, wrote = words == _TURN, False
            elif ends:
                takes_turn = wrote = False
            else:
                wrote = wrote or words.startswith(_WRITES)

        return heard


@contextmanager
def heard_on_postgresql() -> Iterator[Statements]:
    """The same for the asynchronous connections to PostgreSQL, without what LangGraph's saver says there: it commits with each trip."""
    found, connect = Statements(), psycopg.AsyncConnection.connect

    async def connected(*args: Any, **options: Any) -> psycopg.AsyncConnection[Any]:
        connection = await connect(*args, **options)
        hear = found.listener()

        class Heard(psycopg.AsyncCursor[Any]):
            async def execute(self, query: Any, *more: Any, **given: Any) -> Any:
                if not any(word in str(query) for word in _OF_SAVER):
                    hear(_TURN if query == _TURN_ON_POSTGRESQL else str(query))
                return await super().execute(query, *more, **given)

        connection.cursor_factory = Heard
        return connection

    with patch.object(psycopg.AsyncConnection, "connect", connected):
        yield found


@contextmanager
def heard_statements() -> Iterator[Statements]:
    """Statements of the connections that are opened in here."""
    found, connect = Statements(), sqlite3.connect

    def connected(*args: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*args, **options)
        found.trace(connection)
        return connection

    # One function under two names: SQLAlchemy's driver looks into the second module.
    with patch.object(sqlite3, "connect", connected), patch.object(sqlite3.dbapi2, "connect", connected):
        yield found
