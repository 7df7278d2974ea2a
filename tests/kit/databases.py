"""Databases of tests. Which one a test runs on is decided in one place (``kinds_of``); a test does not know.

Where every case costs seconds the databases need not have the same: ``on_each``. Where a promise is the same wherever things are stored it
is proved once, in memory. ``HITL_TEST_DATABASES=postgresql`` (or ``sqlite``, or both with a comma) has all scenarios and deaths there, with
that database's own way of carrying wake-ups: nothing that a test says holds on one of them only.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any, Literal, cast

import psycopg
import pytest
from sqlalchemy import create_engine, inspect, select, table, text

from hitl_middleware.clock import SystemClock
from hitl_middleware.ports import Clock, Store
from hitl_middleware.stores import open_store
from hitl_middleware.stores.sql import SqlStore
from hitl_middleware.stores.url import connection_words, driven, parse

Kind = Literal["memory", "sqlite", "postgresql"]

BOTH: tuple[Kind, ...] = ("sqlite", "postgresql")
# A death takes seconds: on PostgreSQL only those die that a mark names, or ``on_each``.
ONLY = cast("tuple[Kind, ...]", tuple(filter(None, os.environ.get("HITL_TEST_DATABASES", "").split(","))))
"""What ``HITL_TEST_DATABASES`` names; empty: every test as it is marked."""

assert set(ONLY) <= {*BOTH, "memory"}, f"HITL_TEST_DATABASES: {', '.join(BOTH)}"
_OF_FOLDER: dict[str, tuple[Kind, ...]] = {"scenario": BOTH, "chaos": ("sqlite",)}


def kinds_of(metafunc: pytest.Metafunc) -> list[Any]:
    """What a test's ``database_kind`` may be: what its mark ``databases`` names, or what its folder's tests run on; else memory."""
    folder = metafunc.definition.path.parent.name
    marked = metafunc.definition.get_closest_marker("databases")
    kinds = marked.args if marked else _OF_FOLDER.get(folder, ("memory",))
    return [_case(kind) for kind in (folder in _OF_FOLDER and ONLY) or kinds]


def on_each(names: str, *, sqlite: Sequence[Any], postgresql: Sequence[Any]) -> pytest.MarkDecorator:
    """``parametrize`` with a database's own cases; where there are several ``names``, a case is a tuple."""
    several = "," in names

    def cases(kind: Kind, values: Sequence[Any]) -> list[Any]:
        return [_case(kind, *(value if several else (value,))) for value in values]

    both = cases("sqlite", sqlite) + cases("postgresql", postgresql)
    if ONLY:
        all_of_them = [*sqlite, *(case for case in postgresql if case not in sqlite)]
        both = [case for kind in ONLY for case in cases(kind, all_of_them)]
    return pytest.mark.parametrize(f"database_kind,{names}", both, indirect=["database_kind"])


def has_cases_of_its_own(metafunc: pytest.Metafunc) -> bool:
    """Whether a test says by ``on_each`` what it runs on."""
    return any("database_kind" in mark.args[0] for mark in metafunc.definition.iter_markers("parametrize"))


def _case(kind: Kind, *values: Any) -> Any:
    words = [kind, *(" then ".join(value) if isinstance(value, tuple) else str(value) for value in values)]
    return pytest.param(
        kind,
        *values,
        marks=[pytest.mark.postgres] if kind == "postgresql" else [],
        id="-".join(words),
    )


def sqlite_in(folder: Path) -> str:
    """The URL of a folder's SQLite database; where there is none, one as its first use leaves it (a copy: making one costs)."""
    path = folder / "hitl.db"
    if not path.exists():
        path.write_bytes(_empty())
    return f"sqlite:///{path}"


def open_turned(url: str, clock: Clock) -> Store:
    """The store of a URL with ``clock`` as its time, also where the database has a clock of its own, which no test can turn."""
    if not url.startswith("postgresql:"):
        return open_store(url, clock=clock)
    return SqlStore(url, clock=clock, clock_rules=True)


def free_to_write(url: str) -> bool:
    """Whether nobody is in the middle of writing, where that would hold others up."""
    if url.startswith("postgresql:"):
        holding = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xid IS NOT NULL"
        with psycopg.connect(**connection_words(parse(url))) as connection:
            return connection.execute(holding).fetchone() == (0,)
    with closing(sqlite3.connect(parse(url).database or "", timeout=0.3, isolation_level=None)) as database:
        try:
            database.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        database.execute("ROLLBACK")
        return True


def everything_in(url: str) -> dict[str, list[str]]:
    """Every row of every table, to see whether anything has changed; without what carries wake-ups, which moves by itself."""
    engine = create_engine(driven(parse(url), "sync"))
    with engine.connect() as connection:
        rows = {
            name: sorted(map(repr, connection.execute(select(text("*")).select_from(table(name)))))
            for name in inspect(connection).get_table_names()
            if not name.startswith("procrastinate_")
        }
    engine.dispose()
    return rows


@cache
def _empty() -> bytes:
    async def make(url: str) -> None:
        from hitl_middleware.stores.saver import close_saver, open_saver

        store = open_store(url, clock=SystemClock())
        await store.prepare()
        await store.close()
        saver = await open_saver(url)
        await saver.aget_tuple({"configurable": {"thread_id": "none", "checkpoint_ns": ""}})
        await close_saver(saver)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(make(f"sqlite:///{folder}/hitl.db"))
        return (Path(folder) / "hitl.db").read_bytes()
