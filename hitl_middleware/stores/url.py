"""``HITL_DATABASE_URL``: a plain URL (``sqlite:///path``, ``postgresql://…``); which driver serves it is our affair."""

from __future__ import annotations

import sqlite3
from importlib.util import find_spec
from select import POLLIN, poll
from typing import Any, Literal

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from hitl_middleware.errors import ConfigurationError, DatabaseForbids, DatabaseUnreachable

CONNECT_SECONDS = 10
"""How long a server is waited for that does not answer at all, unless the URL says otherwise (``?connect_timeout=60``)."""

_SECRETS = ("password", "sslpassword")
_GONE = (
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_NOTADB,
)
_FORBIDDEN = "42501"
"""PostgreSQL's code for: insufficient privilege."""
_REFUSING = (_FORBIDDEN, "08", "53", "57P", "25P03", "40P01", "55P03")
"""How PostgreSQL's codes begin for: no connection, no room left, shutting down, a unit that slept too long, and locks not got.
What a user may not do is among them: a grant mends it, and nothing is lost meanwhile."""


def parse(url: str) -> URL:
    """The URL without a driver.

    Raises ``ConfigurationError``; its message never repeats a text that could not be parsed, for that may hold a password.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # the latter for a port that is none
        msg = "HITL_DATABASE_URL is not a URL; use sqlite:///path or postgresql://user@host/name"
        raise ConfigurationError(msg) from None
    backend = parsed.drivername.partition("+")[0]
    if backend == "postgres":
        backend = "postgresql"
    if backend not in {"sqlite", "postgresql"}:
        msg = f"HITL_DATABASE_URL: {backend} is not supported; use sqlite:///path or postgresql://user@host/name"
        raise ConfigurationError(msg)
    if backend == "sqlite" and parsed.database in {None, "", ":memory:"}:
        msg = (
            "HITL_DATABASE_URL: SQLite needs a path (sqlite:///path); for a store that forgets use memory://"
        )
        raise ConfigurationError(msg)
    if backend == "postgresql" and find_spec("psycopg") is None:
        msg = "HITL_DATABASE_URL names PostgreSQL, whose driver is an extra: pip install 'hitl-middleware[postgres]'"
        raise ConfigurationError(msg)
    return parsed.set(drivername=backend)


def driven(url: URL, by: Literal["async", "sync"]) -> URL:
    """The URL with our driver for it."""
    if url.drivername == "sqlite":
        return url.set(drivername="sqlite+aiosqlite" if by == "async" else "sqlite+pysqlite")
    patience = {} if "connect_timeout" in url.query else {"connect_timeout": str(CONNECT_SECONDS)}
    return url.set(drivername="postgresql+psycopg").update_query_dict(patience)


def connection_words(url: URL) -> dict[str, Any]:
    """The URL as psycopg's own keywords, for what speaks to it without SQLAlchemy."""
    url = driven(url, "sync")
    _, words = url.get_dialect()().create_connect_args(url)
    return dict(words)


def shown(url: URL) -> str:
    """The URL as it may be printed."""
    secrets = {key: "***" for key in url.query if key in _SECRETS}
    return url.update_query_dict(secrets).render_as_string(hide_password=True)


def gone(error: SQLAlchemyError, *, connected: bool) -> bool:
    """Whether the database is out of reach, rather than unwilling to do what it was told."""
    if not isinstance(error, DBAPIError):
        return isinstance(error, PoolTimeout)
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _GONE
    if (getattr(error.orig, "sqlstate", None) or "").startswith(_REFUSING):
        return True
    return error.connection_invalidated or (not connected and isinstance(error, OperationalError))


def unreachable(url: URL, error: Exception) -> DatabaseUnreachable:
    """The error, SQLAlchemy's or the driver's own, as a sentence for whoever set the URL."""
    told: object = error.orig if isinstance(error, DBAPIError) else error
    # What drivers say after the first line is advice, or the statement.
    first = next(iter(str(told).splitlines()), "")
    first = " ".join(first.split()).removeprefix("connection failed: ")
    reason = first.rstrip(".") or type(told).__name__
    forbidden = getattr(told, "sqlstate", None) == _FORBIDDEN
    kind = DatabaseForbids if forbidden else DatabaseUnreachable
    return kind(url=shown(url), reason=reason)


def has_news(pgconn: Any) -> bool:
    """Whether a connection that nobody uses has something to read, or is closed. Costs no trip to the server."""
    watched = poll()
    watched.register(pgconn.socket, POLLIN)
    return bool(watched.poll(0))
