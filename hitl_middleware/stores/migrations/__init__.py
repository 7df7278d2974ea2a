"""The schema's revisions, applied by Alembic (O-07). Everything here is synchronous and works on a connection of its own.

On PostgreSQL the tables of LangGraph's saver are made with ours, by whoever may change the schema; on SQLite its saver makes them itself.
There is no ``alembic.ini``: the environment is configured here, so that it works from an installed wheel.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

from hitl_middleware.errors import DatabaseNewer, DatabaseUnreachable, MigrationNeeded
from hitl_middleware.stores.migrations.queue import check_queue, make_queue
from hitl_middleware.stores.tables import VERSION_TABLE
from hitl_middleware.stores.url import driven, gone, parse, shown, unreachable

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0013"
"""The revision this version works with."""

_BUSY_SECONDS = 30.0
_PAUSES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_LOCK_KEY = 0x6869746C
"""PostgreSQL's advisory lock while the schema changes: the letters ``hitl``. It ends with its connection."""


def prepare(url: str, *, busy_seconds: float = _BUSY_SECONDS) -> None:
    """Bring the schema to ``HEAD`` where that is ours to do: SQLite always, PostgreSQL only where it has none of our tables.

    Processes that do so at once wait for each other. Raises ``DatabaseUnreachable``, or ``MigrationNeeded`` where an operator
    must act: a PostgreSQL database at another revision; ``DatabaseNewer`` for any database at one this version does not know.
    """
    with _connection(parse(url), busy_seconds) as connection:
        found = _revision(connection)
        if found == HEAD:
            return
        _check_known(found)
        if found is not None and connection.dialect.name == "postgresql":
            raise MigrationNeeded(current=found, wanted=HEAD)
        _upgrade(connection, "head")


def upgrade(url: str, revision: str = "head") -> None:
    """Apply revisions up to ``revision``, all in one transaction. Raises ``DatabaseNewer``."""
    with _connection(parse(url), _BUSY_SECONDS) as connection:
        _check_known(_revision(connection))
        _upgrade(connection, revision)


def downgrade(url: str, revision: str) -> None:
    """Take revisions back down to ``revision`` (``base``: to no tables), all in one transaction."""
    with _connection(parse(url), _BUSY_SECONDS) as connection:
        _command("downgrade", connection, revision)


def current(url: str) -> str | None:
    """The revision the database is at; ``None``: it has none of our tables. Creates nothing."""
    if not is_there(url):
        return None
    with _connection(parse(url), _BUSY_SECONDS) as connection:
        return _revision(connection)


def check(url: str, *, queue: bool = True) -> bool:
    """Whether anything is stored, in a form that this version works with; looks, and changes nothing.

    ``queue``: whether that of PostgreSQL is needed. Raises ``DatabaseUnreachable`` (also where a file could not be made),
    ``MigrationNeeded``, ``DatabaseNewer``, ``QueueMissing``.
    """
    parsed = parse(url)
    if not is_there(url):
        _check_place(parsed)
        return False
    with _connection(parsed, _BUSY_SECONDS) as connection:
        found = _revision(connection)
        if found is None:
            return False
        _check_known(found)
        if found != HEAD:
            raise MigrationNeeded(current=found, wanted=HEAD)
        if queue and connection.dialect.name == "postgresql":
            check_queue(connection, parsed)
    if parsed.drivername == "postgresql":
        from hitl_middleware.stores.saver.postgresql import check_tables

        check_tables(parsed)
    return True


def is_there(url: str) -> bool:
    """Whether there is something to look into: a server, which may be away, or a file."""
    parsed = parse(url)
    return parsed.drivername != "sqlite" or Path(parsed.database or "").exists()


def revisions() -> tuple[str, ...]:
    """Every revision there is, newest first."""
    from alembic.script import ScriptDirectory

    return tuple(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


def _check_known(revision: str | None) -> None:
    if revision is not None and revision not in revisions():
        raise DatabaseNewer(current=revision, wanted=HEAD)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 – a constant
    return found


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _upgrade(connection: Connection, revision: str) -> None:
    _command("upgrade", connection, revision)
    if connection.dialect.name == "postgresql":
        from hitl_middleware.stores.saver.postgresql import make_tables

        # On a connection of its own: LangGraph builds indexes as no transaction may. Nobody else does so meanwhile, for we hold the lock.
        make_tables(connection.engine.url)
        make_queue(connection)  # where somebody has taken it away


def _command(name: str, connection: Connection, revision: str) -> None:
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    getattr(command, name)(config, revision)


@contextmanager
def _connection(url: URL, busy_seconds: float) -> Iterator[Connection]:
    """A connection in a transaction that no other process's migration can overlap; commits when the block ends."""
    sqlite = url.drivername == "sqlite"
    arguments: dict[str, Any] = {"timeout": busy_seconds, "isolation_level": None} if sqlite else {}
    engine = create_engine(driven(url, "sync"), poolclass=NullPool, connect_args=arguments)
    if sqlite:
        _make_folder(url)
        event.listen(engine, "connect", _use_wal)
        event.listen(engine, "begin", _begin_immediate)
    connected = False
    try:
        with nullcontext() if sqlite else _alone(engine, url, busy_seconds), engine.begin() as connection:
            connected = True
            yield connection
    except DBAPIError as error:
        if gone(error, connected=connected):
            raise unreachable(url, error) from error
        raise
    finally:
        engine.dispose()


@contextmanager
def _alone(engine: Engine, url: URL, busy_seconds: float) -> Iterator[None]:
    """While no other process changes a PostgreSQL schema; waited for.

    By asking again and again, outside any transaction: LangGraph's building of indexes waits for every transaction that has begun, also for
    one that only waits for us.
    """
    lock, end = text("SELECT pg_try_advisory_lock(:key)"), time.monotonic() + busy_seconds
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard:
        while not guard.execute(lock, {"key": _LOCK_KEY}).scalar():
            if time.monotonic() > end:
                reason = f"another process has been changing its schema for {busy_seconds:g} s"
                raise DatabaseUnreachable(url=shown(url), reason=reason)
            time.sleep(_PAUSES[1])  # noqa: TID251 – migrations run in a thread of their own
        yield


def _check_place(url: URL) -> None:
    """Raise ``DatabaseUnreachable`` where a file's folder is none, or can surely not be made or written to."""
    folder = Path(url.database or "").absolute().parent
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        reason = f"{nearest} is {'not to be written to' if nearest.is_dir() else 'no folder'}"
        raise DatabaseUnreachable(url=shown(url), reason=reason)


def _make_folder(url: URL) -> None:
    try:
        Path(url.database or "").absolute().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnreachable(url=shown(url), reason=error.strerror or str(error)) from error


def _use_wal(connection: sqlite3.Connection, _record: object) -> None:
    """Write-ahead logging is a property of the file. Changing it does not wait for other processes, so we do."""
    for pause in _PAUSES:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or pause == _PAUSES[-1]:
                raise
            time.sleep(pause)  # noqa: TID251 – migrations run in a thread of their own
        else:
            return


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
