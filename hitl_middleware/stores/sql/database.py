"""What the verbs need of a database: a connection inside a transaction. One implementation per database, so that the rest is the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol, TypeVar, cast

from sqlalchemy import CursorResult, Executable

from hitl_middleware.stores.rows import Row

T = TypeVar("T")
Values = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class Result(NamedTuple):
    """What a statement gave: its rows by the names of their columns, and how many rows it changed."""

    rows: Sequence[Row]
    changed: int

    @property
    def column(self) -> list[Any]:
        """The first column."""
        return [next(iter(row.values())) for row in self.rows]


def fetched(result: CursorResult[Any]) -> Result:
    """All of a cursor's rows."""
    rows = cast("Sequence[Row]", result.mappings().all()) if result.returns_rows else ()
    return Result(rows, result.rowcount)


class Connection(Protocol):
    """A connection inside a transaction. ``dialect`` is SQLAlchemy's name of the database."""

    @property
    def dialect(self) -> str: ...

    @property
    def began(self) -> dt.datetime | None:
        """The database's time when the transaction began, where it was told then."""

    async def execute(self, statement: Executable, values: Values) -> Result:
        """Run one statement (with a list of values: once for each) and fetch all it gives."""

    async def tell(self, statement: Executable, values: Values) -> None:
        """Run one of which nothing is asked: it may go with the next one, or with the end. That it failed is then said there."""

    def savepoint(self) -> AbstractAsyncContextManager[Any]:
        """A statement that is refused inside does not end the transaction."""

    async def lend(self, write: Callable[[Any], Awaitable[T]]) -> T:
        """Have ``write`` use the driver's own connection; raises ``ConfigurationError`` where that is not to be lent."""


class Database(Protocol):
    """Gives connections."""

    def transaction(self, *, writes: bool) -> AbstractAsyncContextManager[Connection]:
        """Commits when the block ends, rolls back when it raises, whatever a cancellation hits."""

    def glance(self) -> AbstractAsyncContextManager[Connection]:
        """For one query: there is no transaction about it where the database needs none."""

    async def close(self) -> None: ...
