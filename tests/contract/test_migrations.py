"""Migrations up and down with data in the tables, on both databases and for every revision there is (O-07)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import MetaData, Table, create_engine, inspect, select, text
from sqlalchemy.exc import DBAPIError

from hitl_middleware import audit
from hitl_middleware.clock import SystemClock
from hitl_middleware.errors import DatabaseForbids, DatabaseNewer, MigrationNeeded, QueueBroken, QueueMissing
from hitl_middleware.stores import migrations, open_store
from hitl_middleware.stores.tables import PREFIX, VERSION_TABLE, metadata
from hitl_middleware.stores.url import connection_words, driven, parse
from hitl_middleware.testing.store_contract.case import (
    a_card,
    a_delivery,
    a_notice,
    a_request,
    a_run,
    a_submission,
    an_action,
    an_edit,
    an_event,
    decided,
)

from tests.kit.commands import Commands
from tests.kit.postgres import Postgres

OLDER = migrations.revisions()[1:]
"""Every revision but the newest, newer ones first."""

Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture
def bare_postgres(postgres_server: Postgres) -> Iterator[str]:
    """A PostgreSQL database without any table: it behaves in its own way."""
    with postgres_server.bare() as url:
        yield url


def filled(url: str) -> Rows:
    """Bring the database to the newest revision and put something in every table; its rows."""

    async def fill() -> None:
        migrations.upgrade(url)
        store = open_store(url, clock=SystemClock())
        run = a_run(wanted=3, seen=2, fence=7, lease_owner="me", error="no")
        request = decided(a_request(run.id))
        action = replace(
            an_action(run_id=run.id, request_id=request.id),
            status="unknown",
            decision=an_edit(),
            result=b"\x00\xff",
        )
        async with store.begin() as uow:
            assert await uow.add_run(run)
            assert await uow.add_run(a_run(status="queued", thread_id=run.thread_id))
            assert await uow.add_request(replace(request, action_id=action.id))
            await uow.add_submission(a_submission(request.id))
            assert await uow.add_action(action)
            assert await uow.add_card(a_card(request.id, ref="C1:1.2", shown=1))
            assert await uow.add_notice(a_notice())
            assert await uow.add_delivery(a_delivery())
            for _ in range(2):
                await uow.append(an_event())
        await audit.seal(store)
        await store.close()

    asyncio.run(fill())
    return rows(url)


def rows(url: str) -> Rows:
    """All that stands in our tables, whichever columns they have at the moment; but not who is signed in, for they sign in again."""
    engine = create_engine(driven(parse(url), "sync"))
    with engine.connect() as connection:
        names = [name for name in inspect(connection).get_table_names() if name.startswith(PREFIX)]
        tables = [
            Table(name, MetaData(), autoload_with=connection)
            for name in names
            if name not in {VERSION_TABLE, "hitl_sessions"}
        ]
        found = {
            table.name: [dict(row) for row in connection.execute(select(table).order_by("id")).mappings()]
            for table in tables
        }
    engine.dispose()
    return found


def kept(before: Rows, after: Rows) -> Rows:
    """``before``, as far as ``after`` has its tables and columns."""
    return {
        name: [{key: row[key] for key in row.keys() & after[name][0].keys()} for row in before[name]]
        for name in after
    }


def test_every_revision_down_and_up_again_keeps_the_data(bare_url: str) -> None:
    """O-07: one revision down after the other, each time up again and on: no row is lost, and none is changed in what stays."""
    full = filled(bare_url)
    assert all(full.values()), "every table has something to lose"
    newer = full
    for revision in OLDER:
        migrations.downgrade(bare_url, revision)
        older = rows(bare_url)
        assert older == kept(newer, older), f"{revision} is reached without loss"
        assert older.keys() <= newer.keys(), f"what came after {revision} only adds tables"
        migrations.upgrade(bare_url)
        again = rows(bare_url)
        assert kept(again, older) == older, f"what {revision} stored is carried up"
        assert again.keys() == full.keys()
        assert asyncio.run(readable(bare_url)) == (2, 1, 1)
        migrations.downgrade(bare_url, revision)
        newer = older
    migrations.downgrade(bare_url, "base")
    assert rows(bare_url) == {}
    assert migrations.current(bare_url) is None
    migrations.upgrade(bare_url)
    assert migrations.current(bare_url) == migrations.HEAD


async def readable(url: str) -> tuple[int, int, int]:
    """How many runs, requests and actions this version reads in a database that an older one wrote; and the audit's chain holds."""
    store = open_store(url, clock=SystemClock())
    async with store.read() as uow:
        runs = (await uow.list_runs()).items
        requests = (await uow.list_requests()).items
        actions = [action for run in runs for action in await uow.actions_of_run(run.id)]
        assert await uow.submissions(requests[0].id)
        assert await uow.cards_of(requests[0].id)
    assert (await audit.verify(store)).problem is None
    await store.close()
    return len(runs), len(requests), len(actions)


@pytest.mark.parametrize("revision", OLDER)
def test_an_older_sqlite_database_is_upgraded_by_itself(tmp_path: Path, revision: str) -> None:
    """DESIGN §5: on one machine nobody has to do anything, and what was stored is there."""
    url = f"sqlite:///{tmp_path}/hitl.db"
    before = filled(url)
    migrations.downgrade(url, revision)
    migrations.prepare(url)
    assert migrations.current(url) == migrations.HEAD
    assert rows(url).keys() == before.keys()


@pytest.mark.postgres
@pytest.mark.parametrize("revision", OLDER)
def test_an_older_postgresql_database_is_left_to_its_operator(
    bare_postgres: str, revision: str, tmp_path: Path
) -> None:
    """DESIGN §5: many machines, so nobody changes it by himself: serve, worker and every other command stop and name the one that does."""
    filled(bare_postgres)
    migrations.downgrade(bare_postgres, revision)
    before = rows(bare_postgres)
    with pytest.raises(MigrationNeeded, match="hitl db upgrade"):
        migrations.prepare(bare_postgres)
    hitl = Commands(tmp_path, {"HITL_DATABASE_URL": bare_postgres})
    sentence = (
        f"The database is at revision {revision}, this version needs {migrations.HEAD}. Run: hitl db upgrade"
    )
    for command in (["serve", "--port", "0"], ["worker"], ["requests", "list"]):
        assert hitl.refused(*command) == sentence
    assert rows(bare_postgres) == before
    assert hitl.said("db", "upgrade") == f"Upgraded from {revision} to {migrations.HEAD}.\n"
    migrations.prepare(bare_postgres)


def test_a_look_says_what_is_missing(bare_url: str) -> None:
    """Issue 5, "Bad input": an older and a newer revision, each with what to run; an empty database is nothing wrong."""
    assert migrations.check(bare_url) is False
    migrations.upgrade(bare_url, "0001")
    with pytest.raises(MigrationNeeded, match=r"revision 0001, .* Run: hitl db upgrade$"):
        migrations.check(bare_url)
    migrations.upgrade(bare_url)
    assert migrations.check(bare_url) is True
    engine = create_engine(driven(parse(bare_url), "sync"))
    with engine.begin() as connection:
        connection.execute(text("UPDATE hitl_schema_version SET version_num = '9999'"))
    engine.dispose()
    for command in (migrations.check, migrations.prepare, migrations.upgrade):
        with pytest.raises(
            DatabaseNewer, match=r"revision 9999, .* Run: pip install --upgrade hitl-middleware$"
        ):
            command(bare_url)
    assert migrations.current(bare_url) == "9999"


@pytest.mark.postgres
def test_tables_that_are_missing_or_closed(bare_postgres: str) -> None:
    """Issue 5, "Bad input": LangGraph's tables or the queue gone; a user who may read or make nothing: sentences, no traceback."""
    role = "weak_for_tests"
    weak = parse(bare_postgres).set(username=role, password="hunter2").render_as_string(hide_password=False)
    with psycopg.connect(**connection_words(parse(bare_postgres)), autocommit=True) as connection:
        connection.execute(f"DROP ROLE IF EXISTS {role}")
        connection.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'hunter2'")
        try:
            with pytest.raises(
                DatabaseForbids, match="refuses its user: permission denied for schema public"
            ):
                migrations.prepare(weak)
            migrations.prepare(bare_postgres)
            for command in (migrations.check, migrations.prepare, migrations.upgrade):
                with pytest.raises(DatabaseForbids, match="permission denied for table") as refusal:
                    command(weak)
                assert "hunter2" not in str(refusal.value)
        finally:
            connection.execute(f"DROP ROLE {role}")
        connection.execute("DROP TABLE procrastinate_jobs CASCADE")
        with pytest.raises(QueueMissing, match=r"Run: hitl db upgrade \(or set HITL_DISPATCHER=local\)$"):
            migrations.check(bare_postgres)
        assert migrations.check(bare_postgres, queue=False) is True
        with pytest.raises(QueueBroken, match=r"already exists\. Drop whatever begins with procrastinate_"):
            migrations.upgrade(bare_postgres)
        connection.execute("DROP TABLE checkpoint_migrations")
    with pytest.raises(MigrationNeeded, match=r"LangGraph's checkpoints\. Run: hitl db upgrade"):
        migrations.check(bare_postgres, queue=False)


@pytest.mark.postgres
def test_an_empty_postgresql_database_is_filled_by_the_first(bare_postgres: str) -> None:
    """DESIGN §5, O-07: six that start at once on an empty database: all succeed, one makes the tables – LangGraph's, too."""
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(migrations.prepare, [bare_postgres] * 6))
    assert migrations.current(bare_postgres) == migrations.HEAD
    with psycopg.connect(**connection_words(parse(bare_postgres))) as connection:
        (newest,) = connection.execute("SELECT max(v) FROM checkpoint_migrations").fetchone() or (None,)
        assert newest is not None
        invalid = connection.execute("SELECT count(*) FROM pg_index WHERE NOT indisvalid").fetchone()
        assert invalid == (0,)


@pytest.mark.postgres
def test_the_migrated_schema_is_the_tables(postgres_server: Postgres) -> None:
    """O-07: Alembic finds no difference on PostgreSQL, and both ways give the same columns and indexes, conditions included."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with postgres_server.bare() as url, postgres_server.bare() as made_url:
        migrations.upgrade(url)
        engine, made = (create_engine(driven(parse(each), "sync")) for each in (url, made_url))
        metadata.create_all(made)
        with engine.connect() as connection:
            ours = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
            context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE, **ours})
            assert compare_metadata(context, metadata) == []
        engine.dispose()
        made.dispose()
        assert schema(url) == schema(made_url)


@pytest.mark.postgres
def test_tables_of_others_are_left_alone(bare_postgres: str) -> None:
    """O-07: the user's own tables and their Alembic's stay, going up and down; so do LangGraph's checkpoints."""
    with psycopg.connect(**connection_words(parse(bare_postgres))) as connection:
        connection.execute("CREATE TABLE alembic_version AS SELECT 'theirs' AS version_num")
    migrations.prepare(bare_postgres)
    with psycopg.connect(**connection_words(parse(bare_postgres))) as connection:
        connection.execute("INSERT INTO checkpoints VALUES ('t', '', 'c', NULL, NULL, '{}')")
    migrations.downgrade(bare_postgres, "base")
    with psycopg.connect(**connection_words(parse(bare_postgres))) as connection:
        assert connection.execute("SELECT * FROM alembic_version").fetchall() == [("theirs",)]
        assert connection.execute("SELECT thread_id FROM checkpoints").fetchall() == [("t",)]


@pytest.mark.postgres
def test_an_upgrade_that_fails_leaves_nothing(bare_postgres: str) -> None:
    """O-07: all of it or none: a table in the way stops it half-way, and the first half is taken back."""
    with psycopg.connect(**connection_words(parse(bare_postgres))) as connection:
        connection.execute(f"CREATE TABLE {PREFIX}cards (id text)")
    with pytest.raises(DBAPIError, match="already exists"):
        migrations.prepare(bare_postgres)
    assert set(rows(bare_postgres)) == {f"{PREFIX}cards"}
    assert migrations.current(bare_postgres) is None


def schema(url: str) -> set[tuple[Any, ...]]:
    """Every column and index of ours in PostgreSQL's words."""
    columns = """SELECT table_name, column_name, data_type, is_nullable, column_default
                 FROM information_schema.columns WHERE table_name = ANY(%s)"""
    indexes = "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = ANY(%s)"
    with psycopg.connect(**connection_words(parse(url))) as connection:
        return {
            tuple(row)
            for query in (columns, indexes)
            for row in connection.execute(query, (list(metadata.tables),)).fetchall()
        }
