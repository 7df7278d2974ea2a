"""Column types that mean the same on SQLite and PostgreSQL, and the database's own time as an SQL expression."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Dialect, Text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import bindparam
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def microseconds(at: dt.datetime) -> int:
    """A time as whole microseconds since 1970: exact, and sorted as the times are."""
    return (at - _EPOCH) // _MICROSECOND


class UtcTime(TypeDecorator[dt.datetime]):
    """An aware UTC time: ``timestamptz`` on PostgreSQL, integer microseconds on SQLite, which has no type for times."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """The database's own type."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(BigInteger())

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | int | None:
        """To the database. A naive time is refused: it would mean another moment on another machine."""
        if value is None:
            return None
        if value.tzinfo is None:
            msg = f"a time without a zone cannot be stored: {value!r}"
            raise ValueError(msg)
        return value if dialect.name == "postgresql" else microseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        """From the database."""
        if value is None:
            return None
        at: dt.datetime = (
            value.astimezone(dt.UTC) if dialect.name == "postgresql" else _EPOCH + value * _MICROSECOND
        )
        return at


def written(value: Any) -> str:
    """JSON as ``Json`` stores it."""
    return json.dumps(value, separators=(",", ":"))


class Json(TypeDecorator[Any]):
    """JSON as portable text. Escaped to ASCII, so that it holds every character a model may write, on both databases."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 – the same on both
        """To the database; ``None`` is NULL."""
        return None if value is None else written(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 – the same on both
        """From the database."""
        return None if value is None else json.loads(value)


class Words(TypeDecorator[str]):
    """Text from anywhere. What a database cannot hold (NUL on PostgreSQL, lone surrogates on both) becomes U+FFFD.

    So no input, however odd, fails in the database (O-08); a look-up by such a text finds what was stored for it.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 – the same on both
        """To the database."""
        return None if value is None else kept(value)


def kept(text: str) -> str:
    """A text as ``Words`` stores it."""
    if text.isascii() and "\0" not in text:
        return text
    replaced = text.replace("\0", _REPLACEMENT)
    return "".join(_REPLACEMENT if "\ud800" <= char <= "\udfff" else char for char in replaced)


class Within(FunctionElement[bool]):
    """Whether one text stands in another, letter by letter (SQLite's LIKE makes no difference between a and A)."""

    type = Boolean()
    inherit_cache = True
    name = "within"


@compiles(Within, "sqlite")
def _instr(within: Within, compiler: SQLCompiler, **options: Any) -> str:
    part, whole = (compiler.process(each, **options) for each in within.clauses)
    return f"(instr({whole}, {part}) > 0)"


@compiles(Within, "postgresql")
def _strpos(within: Within, compiler: SQLCompiler, **options: Any) -> str:
    part, whole = (compiler.process(each, **options) for each in within.clauses)
    return f"(strpos({whole}, {part}) > 0)"


class Moment(FunctionElement[dt.datetime]):
    """The database's time, and ``:ahead`` microseconds more.

    PostgreSQL asks its own clock (``clock_timestamp()``: the time of the statement, not of the transaction), unless ``:clock`` says
    otherwise: only a test does. SQLite runs on this machine and has no other clock, so there ``:clock`` is always the time.
    """

    type = UtcTime()
    inherit_cache = True
    name = "moment"


@compiles(Moment, "sqlite")
def _on_sqlite(moment: Moment, compiler: SQLCompiler, **options: Any) -> str:
    return "(" + " + ".join(compiler.process(part, **options) for part in moment.clauses) + ")"


@compiles(Moment, "postgresql")
def _on_postgresql(moment: Moment, compiler: SQLCompiler, **options: Any) -> str:
    clock, *ahead = (compiler.process(part, **options) for part in moment.clauses)
    later = (f" + {micros} * interval '1 microsecond'" for micros in ahead)
    return f"(coalesce({clock}, clock_timestamp()){''.join(later)})"


_CLOCK: Any = bindparam("clock", type_=UtcTime())
_AHEAD: Any = bindparam("ahead", type_=BigInteger())
NOW = Moment(_CLOCK)
LATER = Moment(_CLOCK, _AHEAD)
