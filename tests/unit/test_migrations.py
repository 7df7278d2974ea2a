"""Migrations up and down, from one process and from several (O-07)."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

import hitl_middleware
from hitl_middleware.errors import DatabaseNewer
from hitl_middleware.stores import migrations
from hitl_middleware.stores.tables import PREFIX, VERSION_TABLE, metadata

ROOT = Path(hitl_middleware.__file__).parents[1]

PREPARE = """
import asyncio, sys
from hitl_middleware.clock import SystemClock
from hitl_middleware.stores import open_store

async def main(url):
    store = open_store(url, clock=SystemClock())
    print("ready", flush=True)
    sys.stdin.readline()
    await store.prepare()
    async with store.begin() as uow:
        print((await uow.chain_head(lock=True)).seq)
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def path(tmp_path):
    """A file in a folder that is not there, with a name that settings could trip over."""
    return tmp_path / "100%" / "hitl.db"


@pytest.fixture
def url(path):
    """Its URL."""
    return f"sqlite:///{path}"


def schema(path: Path) -> dict[str, str]:
    """Every table and index of ours in a file, in SQLite's words."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: " ".join(sql.split()) for name, sql in rows if name != VERSION_TABLE}


def waiting_row(**facts: str | int | None) -> dict[str, str | int | None]:
    """A row of ``hitl_requests`` with what every revision has."""
    row: dict[str, str | int | None] = dict.fromkeys(
        ("run_id", "thread_id", "graph", "title", "checkpoint_ns", "description", "digest"), "x"
    )
    row |= dict.fromkeys(("version", "created_at", "updated_at", "position"), 1)
    return row | {"plan": "{}", "notes": "[]", "status": "pending", "kind": "step"} | facts


def test_up_down_and_up_again(path, url) -> None:
    """Upgrading makes the tables, downgrading takes them away, and the second time it is as the first (O-07)."""
    assert migrations.current(url) is None
    assert not path.parent.exists()
    migrations.upgrade(url)
    first = schema(path)
    assert migrations.current(url) == migrations.HEAD
    assert {f"{PREFIX}runs", f"{PREFIX}audit_head", f"ix_{PREFIX}runs_active"} <= set(first)
    migrations.downgrade(url, "base")
    assert migrations.current(url) is None
    assert schema(path) == {}
    migrations.upgrade(url, migrations.HEAD)
    assert schema(path) == first


def test_what_waits_with_a_deadline_falls_due_at_it(path, url) -> None:
    """P-03, O-07: an upgrade forgets no deadline; what is decided, or asks what became of an act, has none."""
    migrations.upgrade(url, "0003")
    kinds = (
        ("pending", "step", 7),
        ("pending", "step", None),
        ("approved", "step", 7),
        ("pending", "outcome", 7),
    )
    with closing(sqlite3.connect(path)) as connection:
        for number, (status, kind, deadline) in enumerate(kinds):
            one = waiting_row(status=status, kind=kind, deadline_at=deadline)
            one |= dict.fromkeys(("id", "code", "interrupt_id"), str(number))
            names, marks = ", ".join(one), ", ".join("?" * len(one))
            into = f"INSERT INTO hitl_requests ({names}) VALUES ({marks})"  # noqa: S608 – names of ours
            connection.execute(into, list(one.values()))
        connection.commit()
    migrations.upgrade(url)
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT due_at, overdue FROM hitl_requests ORDER BY id").fetchall()
    assert found == [(7, 0), (None, 0), (None, 0), (None, 0)]


def test_what_waits_stands_in_line_by_its_risk(path, url) -> None:
    """O-05, O-07: what an earlier version filed is put in line, what it files meanwhile stands behind what is known to be risky."""
    migrations.upgrade(url, "0008")
    plans = ('{"risk":" High"}', '{"risk":null}', "{}", '{"risk":"money"}', '{"risk":"critical"}')
    with closing(sqlite3.connect(path)) as connection:
        for number, plan in enumerate(plans):
            one = waiting_row(plan=plan) | dict.fromkeys(("id", "code", "interrupt_id"), str(number))
            names, marks = ", ".join(one), ", ".join("?" * len(one))
            into = f"INSERT INTO hitl_requests ({names}) VALUES ({marks})"  # noqa: S608 – names of ours
            connection.execute(into, list(one.values()))
        connection.commit()
    migrations.upgrade(url)
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT id FROM hitl_requests ORDER BY precedence, id").fetchall()
    assert [key for (key,) in found] == ["4", "0", "3", "1", "2"]


def test_what_was_judged_on_github_stays_judged(path, url) -> None:
    """G-12, O-07: by its number, once, however often the repository was spelled otherwise; what was not done is still to do; and back."""
    migrations.upgrade(url, "0012")
    before = {
        ("github.comment", "acme/shop:7"): 1, ("github.comment", "ACME/Shop:7"): 2, ("github.comment", "acme/shop:8"): None,
        ("github.review", "acme/shop:review:7"): 3, ("github.events", "acme/shop:9"): 4,
    }  # fmt: skip
    with closing(sqlite3.connect(path)) as connection:
        into = "INSERT INTO hitl_deliveries (id, channel, key, body, received_at, processed_at, attempts) VALUES (?, ?, ?, x'', 0, ?, 1)"
        for number, ((channel, key), done) in enumerate(before.items()):
            connection.execute(into, [str(number), channel, key, done])
        connection.commit()

    def known() -> dict[tuple[str, str], int | None]:
        with closing(sqlite3.connect(path)) as connection:
            found = connection.execute("SELECT channel, key, processed_at FROM hitl_deliveries").fetchall()
        return {(channel, key): done for channel, key, done in found}

    migrations.upgrade(url)
    assert known() == before | {("github.comment", "7"): 1, ("github.review", "7"): 3}
    migrations.downgrade(url, "0012")
    assert known() == before


def test_the_head_is_the_newest_revision() -> None:
    """What this version works with is what its migrations end at."""
    assert migrations.revisions()[0] == migrations.HEAD


def test_the_migrated_schema_is_the_tables(tmp_path, path, url) -> None:
    """Alembic finds no difference, and SQLite says the same of both word for word – conditions of indexes included (O-07)."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    migrations.upgrade(url)
    made = create_engine(f"sqlite:///{tmp_path}/made.db")
    metadata.create_all(made)
    engine = create_engine(url)
    with engine.connect() as connection:
        ours = {"include_name": lambda name, kind, _: kind != "table" or name != VERSION_TABLE}
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, **ours})
        assert compare_metadata(context, metadata) == []
    engine.dispose()
    made.dispose()
    assert schema(path) == schema(tmp_path / "made.db")


def test_tables_of_others_are_left_alone(path, url) -> None:
    """The graph's checkpoints and the user's own tables in the same file, even of another Alembic, stay (O-07)."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE checkpoints (id); INSERT INTO checkpoints VALUES (1);"
            "CREATE TABLE alembic_version (version_num); INSERT INTO alembic_version VALUES ('theirs');"
        )
    migrations.prepare(url)
    migrations.downgrade(url, "base")
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT * FROM checkpoints").fetchall() == [(1,)]
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [("theirs",)]


def test_prepare_twice_changes_nothing(path, url) -> None:
    """The second process finds what the first one made."""
    migrations.prepare(url)
    first = schema(path)
    migrations.prepare(url)
    assert schema(path) == first


def test_a_revision_of_the_future_is_not_touched(path, url) -> None:
    """A database that a newer version has upgraded is refused by name, and stays as it is (O-07)."""
    migrations.prepare(url)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE hitl_schema_version SET version_num = '9999'")
    with pytest.raises(
        DatabaseNewer, match=rf"revision 9999, .* none after {migrations.HEAD}.*pip install --upgrade"
    ):
        migrations.prepare(url)
    assert migrations.current(url) == "9999"


def test_an_upgrade_that_fails_leaves_nothing(path, url) -> None:
    """All of a revision or none of it: a table in the way stops it half-way, and the first half is taken back (O-07)."""
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"CREATE TABLE {PREFIX}cards (id)")
    with pytest.raises(OperationalError, match="already exists"):
        migrations.prepare(url)
    assert set(schema(path)) == {f"{PREFIX}cards"}
    assert migrations.current(url) is None


@pytest.mark.parametrize("turn", range(2))
def test_processes_that_prepare_at_once_all_succeed(path, url, turn) -> None:
    """Four processes start on a new file at the same moment: one makes the schema, all can use it (O-07, O-09)."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", PREPARE, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    ended = [process.communicate(timeout=120) for process in processes]
    assert ended == [("0\n", "")] * 4
    assert migrations.current(url) == migrations.HEAD
