"""SQLite's query plans: what is done often, or on many rows, reads an index."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.dialects import sqlite

from hitl_middleware.clock import SystemClock
from hitl_middleware.stores import open_store
from hitl_middleware.stores.sql.asked import asked
from hitl_middleware.stores.sql.audit import finding
from hitl_middleware.stores.sql.due import STATEMENTS
from hitl_middleware.stores.sql.requests import AT_PLACE
from hitl_middleware.stores.sql.troubles import ACTIVE, UNASKED, UNDELIVERED, UNKNOWN
from hitl_middleware.stores.sql.waiting import WAITING_AFTER, audiences, waiting_among

LOOKING_BACK = [
    (asked(of_graph=False, following=False), "ix_hitl_requests_asked (created_at>? AND created_at<?)"),
    (asked(of_graph=True, following=True), "ix_hitl_requests_asked (created_at>? AND (created_at,id)<(?,?))"),
    *(
        (finding(frozenset({name, "before"}), newest_first=True), f"ix_hitl_audit_{index}")
        for name, index in {
            "kind": "kind", "actors": "actor", "thread_id": "thread", "run_id": "run", "request_id": "request",
        }.items()
    ),
    (finding(frozenset({"family", "before"}), newest_first=True), "seq<?)"),
    (finding(frozenset({"kind", "actors", "after"}), newest_first=False), "ix_hitl_audit_"),
]  # fmt: skip


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A database that is empty."""
    store = open_store(f"sqlite:///{tmp_path}/hitl.db", clock=SystemClock())
    await store.prepare()
    await store.close()
    return tmp_path / "hitl.db"


@pytest.mark.parametrize(
    ("topic", "index"),
    [
        ("run", "ix_hitl_runs_due"),
        ("request", "ix_hitl_requests_timed"),
        ("card", "ix_hitl_cards_due"),
        ("notice", "ix_hitl_notices_due"),
        ("delivery", "ix_hitl_deliveries_due"),
    ],
)
async def test_due_work_is_found_without_walking_what_is_finished(path: Path, topic, index) -> None:
    """The sweep, once a second, reads a partial index of unfinished rows and nothing else."""
    statement = STATEMENTS[topic].compile(
        dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True}
    )
    with closing(sqlite3.connect(path)) as connection:
        values = [0] * str(statement).count("?")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert index in plan[0]
    assert [step for step in plan if "SCAN" in step and index not in step] == []


async def test_a_request_is_added_without_walking_the_actions(path: Path) -> None:
    """While a key to a row that comes later is open, SQLite looks for whatever refers to a new one: by an index."""
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        keys = [
            (table, key[3])
            for (table,) in tables
            for key in connection.execute(f"PRAGMA foreign_key_list({table})")
            if key[2] == "hitl_requests"
        ]
        assert ("hitl_actions", "request_id") in keys
        for table, column in keys:
            query = f"EXPLAIN QUERY PLAN SELECT 1 FROM {table} WHERE {column} = 'x'"  # noqa: S608 – names of our own
            assert "INDEX" in connection.execute(query).fetchall()[0][3], table


async def test_a_place_is_found_without_walking_the_thread(path: Path) -> None:
    """A node that asks looks its question up at every re-run: by the index of the places, however long the thread is."""
    statement = str(AT_PLACE.plain.compile(dialect=sqlite.dialect()))
    with closing(sqlite3.connect(path)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", [0, 0, 0])]
    assert "ix_hitl_requests_placed" in plan[0]


async def test_the_line_is_read_in_its_order(path: Path) -> None:
    """O-05: what waits is read from its index, from the first page to the last; nothing is sorted and no row is skipped over."""
    statement = str(WAITING_AFTER.compile(dialect=sqlite.dialect()))
    with closing(sqlite3.connect(path)) as connection:
        values = [0] * statement.count("?")
        (plan,) = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert plan.startswith("SEARCH")
    assert "ix_hitl_requests_waiting (status=? AND (precedence,id)>(?,?))" in plan


async def test_a_line_of_some_audiences_is_read_in_its_order(path: Path) -> None:
    """O-05: of each audience no more than a page is read, by its index; what others wait for is not looked at."""
    statement = str(waiting_among(2, following=True).compile(dialect=sqlite.dialect()))
    with closing(sqlite3.connect(path)) as connection:
        values = [0] * statement.count("?")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    by_index = "ix_hitl_requests_audience (status=? AND audience=? AND (precedence,id)>(?,?))"
    assert len([step for step in plan if by_index in step]) == 2
    assert statement.count("LIMIT") == 3
    assert not [step for step in plan if "SCAN hitl_requests" in step], plan


@pytest.mark.parametrize("following", [False, True])
async def test_audiences_are_found_without_walking_what_waits(path: Path, following) -> None:
    """O-05: from one audience to the next by the index, however much waits for each."""
    statement = str(audiences(following=following).compile(dialect=sqlite.dialect()))
    with closing(sqlite3.connect(path)) as connection:
        values = [1] * statement.count("?")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    steps = [step for step in plan if "waiting" in step]
    assert len(steps) == 3
    assert all("SEARCH" in step and "ix_hitl_requests_audience" in step for step in steps), plan
    assert not [step for step in plan if "hitl_requests" in step and "SCAN" in step], plan


@pytest.mark.parametrize(("statement", "index"), LOOKING_BACK, ids=[index for _, index in LOOKING_BACK])
async def test_looking_back_reads_no_more_than_it_shows(path: Path, statement, index) -> None:
    """O-01, O-06: a page of a period, and of what is searched in the audit, is read from its index, in its order: nothing is sorted."""
    told = (
        statement.params(of_actors=["ann"], of_seq=9, of_kind="x", rows=9)
        if "actors" in str(statement)
        else statement
    )
    said = str(told.compile(dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True}))
    with closing(sqlite3.connect(path)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {said}", [0] * said.count("?"))]
    assert plan[0].startswith("SEARCH")
    assert index in plan[0]
    assert not [step for step in plan if "SCAN" in step or "TEMP B-TREE" in step], plan


@pytest.mark.parametrize(
    ("statement", "indexes"),
    [
        (ACTIVE, {"ix_hitl_runs_active"}),
        (UNASKED, {"ix_hitl_runs_active", "ix_hitl_requests_run"}),
        (UNKNOWN, {"ix_hitl_actions_unknown"}),
        (UNDELIVERED["card"], {"ix_hitl_cards_failed"}),
        (UNDELIVERED["notice"], {"ix_hitl_notices_failed"}),
        (UNDELIVERED["delivery"], {"ix_hitl_deliveries_failed"}),
    ],
    ids=["active", "unasked", "unknown", "card", "notice", "delivery"],
)
async def test_what_is_out_of_order_is_found_without_walking_what_is_finished(
    path: Path, statement, indexes
) -> None:
    """Runs are many over the years: the diagnosis reads indexes of what is unfinished or failed, in their order, nothing else."""
    said = statement.params(among=["support"], after="", rows=1, clock=None).compile(
        dialect=sqlite.dialect(), compile_kwargs={"render_postcompile": True}
    )
    with closing(sqlite3.connect(path)) as connection:
        values = [0] * str(said).count("?")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {said}", values)]
    used = [step for step in plan if step.startswith(("SEARCH", "SCAN"))]
    assert {step.split("INDEX ")[1].split()[0] for step in used} == indexes, plan
    assert not [step for step in plan if "TEMP B-TREE" in step], plan
