"""What the verbs of the SQL unit of work share. Statements are built once, at import; SQLAlchemy compiles each once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    BindParameter,
    Column,
    ColumnElement,
    Executable,
    Insert,
    Select,
    Table,
    bindparam,
)
from sqlalchemy.dialects import postgresql, sqlite

from hitl_middleware.records import Page
from hitl_middleware.stores.columns import NOW
from hitl_middleware.stores.rows import Record, Row, row_of
from hitl_middleware.stores.sql.database import Connection, Result

T = TypeVar("T")

_NEVER_CHANGES = ("id", "created_at")


class Reading(NamedTuple):
    """A query with and without a lock on its rows (which SQLite needs not: its writers take turns)."""

    plain: Select[Any]
    locking: Select[Any]


def reading(statement: Select[Any]) -> Reading:
    """Both forms of a query. No key is ever changed, so a locked row may still be referred to (``FOR NO KEY UPDATE``)."""
    return Reading(statement, statement.with_for_update(key_share=True))


def insert_new(table: Table) -> Mapping[str, Insert]:
    """``INSERT`` that does nothing, and gives no id, where any unique key stands already; per database."""
    return {
        "sqlite": sqlite.insert(table).on_conflict_do_nothing().returning(table.c.id),
        "postgresql": postgresql.insert(table).on_conflict_do_nothing().returning(table.c.id),
    }


def of(column: Column[Any]) -> BindParameter[Any]:
    """The value a column is compared with: ``:of_<column>``."""
    return bindparam(f"of_{column.name}", type_=column.type)


def new(column: Column[Any]) -> BindParameter[Any]:
    """The value a column gets: ``:new_<column>``."""
    return bindparam(f"new_{column.name}", type_=column.type)


def passed(column: Column[Any]) -> ColumnElement[bool]:
    """A time that is not set, or is over: a lease that is free, an attempt that is due."""
    return column.is_(None) | (column <= NOW)


class Verbs:
    """A connection in a transaction. ``writes`` is false where the unit of work only reads.

    ``time`` says what ``Moment`` is, or ``None``: the database knows.
    """

    def __init__(
        self, connection: Connection, time: Callable[[], dt.datetime | None], *, writes: bool
    ) -> None:
        self._connection = connection
        self._time = time
        self._writes = writes

    async def _execute(self, statement: Executable, **values: Any) -> Result:
        return await self._connection.execute(statement, values)

    async def _tell(self, statement: Executable, **values: Any) -> None:
        """Execute a statement of which nothing is asked."""
        await self._connection.tell(statement, values)

    async def _timed(self, statement: Executable, *, ahead: float | None = None, **values: Any) -> Result:
        """Execute a statement that speaks of ``NOW`` (and, with ``ahead`` seconds, of ``LATER``)."""
        values["clock"] = self._time()
        if ahead is not None:
            values["ahead"] = round(ahead * 1_000_000)
        return await self._connection.execute(statement, values)

    async def _read(self, statement: Reading, *, lock: bool = False, **values: Any) -> Sequence[Row]:
        if lock and not self._writes:
            msg = "a unit of work that only reads cannot lock; use begin()"
            raise RuntimeError(msg)
        return (await self._connection.execute(statement.locking if lock else statement.plain, values)).rows

    async def _first(
        self, statement: Reading, make: Callable[[Row], T], *, lock: bool = False, **values: Any
    ) -> T | None:
        rows = await self._read(statement, lock=lock, **values)
        return make(rows[0]) if rows else None

    async def _all(
        self, statement: Reading, make: Callable[[Row], T], *, lock: bool = False, **values: Any
    ) -> tuple[T, ...]:
        return tuple(make(row) for row in await self._read(statement, lock=lock, **values))

    async def _add(self, statement: Mapping[str, Insert], record: Record) -> bool:
        result = await self._connection.execute(statement[self._connection.dialect], row_of(record))
        return bool(result.rows)

    async def _save(self, statement: Executable, record: Record) -> None:
        """Run an ``UPDATE`` with all of a record that may change."""
        values = {name: value for name, value in row_of(record).items() if name not in _NEVER_CHANGES}
        await self._connection.tell(statement, {"of_id": record.id, **values})


def newest_first(table: Table, *conditions: ColumnElement[bool]) -> tuple[Select[Any], Select[Any]]:
    """Queries for the first page and for the page after ``:of_id``. Ids are UUIDv7: newest is largest."""
    first = table.select().where(*conditions).order_by(table.c.id.desc()).limit(bindparam("rows"))
    return first, first.where(table.c.id < of(table.c.id))


def page(rows: Sequence[Row], make: Callable[[Row], T], limit: int) -> Page[T]:
    """A page of ``limit`` from up to one row more."""
    items = tuple(make(row) for row in rows[:limit])
    return Page(items, rows[limit - 1]["id"] if len(rows) > limit else None)


def taken(result: Result, make: Callable[[Row], T]) -> T | None:
    """The one row an ``UPDATE … RETURNING`` changed, if it changed one."""
    return make(result.rows[0]) if result.rows else None
