"""Statements ready for a driver: SQLAlchemy compiles each once, and from then on nothing stands between it and the database.

Our statements are built at import and never change, so what SQLAlchemy works out for each execution – the text, the order of values, how a
value is written and read – is worked out once here. One with a list of values that grows (``IN``) is left to SQLAlchemy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import BindParameter, ColumnElement, Dialect, Executable, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase

Write = Callable[[Any], Any]
Read = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Ready:
    """One statement for one driver. ``fixed``: values that stand in it, as the driver takes them; ``order``: of values without names."""

    sql: str
    order: tuple[str, ...] | None
    fixed: Mapping[str, Any]
    writes: Mapping[str, Write | None]
    columns: tuple[str, ...]
    reads: tuple[tuple[int, Read], ...]

    def values(self, given: Mapping[str, Any]) -> Any:
        """The values as the driver takes them."""
        found = dict(self.fixed)
        for name, write in self.writes.items():
            value = given[name]
            found[name] = value if write is None else write(value)
        return found if self.order is None else [found[name] for name in self.order]

    def rows(self, fetched: Sequence[Sequence[Any]]) -> Sequence[Mapping[str, Any]]:
        """What the driver gave, by the names of its columns."""
        if not self.reads:
            return [dict(zip(self.columns, row, strict=True)) for row in fetched]
        found = []
        for row in fetched:
            values = list(row)
            for place, read in self.reads:
                values[place] = read(values[place])
            found.append(dict(zip(self.columns, values, strict=True)))
        return found


class Statements:
    """What is ready for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._ready: WeakKeyDictionary[Executable, dict[tuple[str, ...], Ready | None]] = WeakKeyDictionary()

    def ready(self, statement: Executable, values: Mapping[str, Any]) -> Ready | None:
        """The statement with values of these names; ``None``: SQLAlchemy has to run it."""
        kinds = self._ready.setdefault(statement, {})
        names = tuple(values)
        try:
            return kinds[names]
        except KeyError:
            found = kinds[names] = self._compile(statement, names)
            return found

    def failed(self, sql: str, error: Exception, kind: type[Exception], *, lost: bool = False) -> Exception:
        """A driver's error as SQLAlchemy's, with no values in it. ``lost``: the connection is gone."""
        return DBAPIError.instance(
            sql, None, error, kind, hide_parameters=True, connection_invalidated=lost, dialect=self._dialect
        )

    def _compile(self, statement: Executable, names: Sequence[str]) -> Ready | None:
        if not isinstance(statement, Select | UpdateBase):
            return None
        # A change that says no columns changes those of which there are values.
        compiled = statement.compile(dialect=self._dialect, column_keys=list(names))
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 – what a statement is compiled to
        if any(bind.expanding for bind in compiled.bind_names):
            return None
        writes = {name: self._write(bind) for bind, name in compiled.bind_names.items()}
        inside = compiled.construct_params(_check=False)
        return Ready(
            sql=str(compiled),
            order=tuple(compiled.positiontup)
            if compiled.positional and compiled.positiontup is not None
            else None,
            fixed={
                name: inside[name] if write is None else write(inside[name])
                for name, write in writes.items()
                if name not in names
            },
            writes={name: writes[name] for name in names if name in writes},
            columns=tuple(str(column.key) for column in _columns(statement)),
            reads=tuple(self._reads(statement)),
        )

    def _write(self, bind: BindParameter[Any]) -> Write | None:
        found: Write | None = bind.type.dialect_impl(self._dialect).bind_processor(self._dialect)
        return found

    def _reads(self, statement: Select[Any] | UpdateBase) -> Iterator[tuple[int, Read]]:
        for place, column in enumerate(_columns(statement)):
            read = column.type.dialect_impl(self._dialect).result_processor(self._dialect, None)
            if read is not None:
                yield place, read


def _columns(statement: Select[Any] | UpdateBase) -> Sequence[ColumnElement[Any]]:
    """What a statement gives."""
    if isinstance(statement, UpdateBase) and not statement._returning:  # noqa: SLF001 – it has no public name
        return ()
    return tuple(statement.exported_columns)
