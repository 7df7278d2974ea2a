"""PostgreSQL's query plans: what is done often, or on many rows, reads an index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import psycopg
import pytest
from sqlalchemy import Select
from sqlalchemy.dialects.postgresql.psycopg import dialect

from hitl_middleware.stores.sql.asked import asked
from hitl_middleware.stores.sql.audit import finding
from hitl_middleware.stores.sql.due import STATEMENTS
from hitl_middleware.stores.sql.store import SqlStore
from hitl_middleware.stores.sql.waiting import WAITING_AFTER, audiences, waiting_among
from hitl_middleware.stores.url import connection_words, parse
from hitl_middleware.testing.store_contract.case import BORN, a_request, a_run

pytestmark = pytest.mark.postgres

INDEX = {
    "run": "runs_due",
    "request": "requests_timed",
    "card": "cards_due",
    "notice": "notices_due",
    "delivery": "deliveries_due",
}


def _names(statement: Select[Any]) -> Sequence[str]:
    """Those of its parameters."""
    return tuple(statement.compile(dialect=dialect()).params)


def _some(name: str) -> object:
    """A value of the kind that a parameter has."""
    if name.endswith(("_at", "since", "until")):
        return BORN
    return 9 if name in {"rows", "of_seq", "letters"} else "x"


@pytest.mark.parametrize("topic", STATEMENTS)
async def test_due_work_is_found_without_walking_what_is_finished(postgres_url, topic) -> None:
    """The sweep, once a second, can be answered from the partial index of unfinished rows: its condition is proved for the planner."""
    statement = STATEMENTS[topic].compile(dialect=dialect(), compile_kwargs={"render_postcompile": True})
    values = {"clock": None, "rows": 100}
    with psycopg.connect(**connection_words(parse(postgres_url))) as connection:
        connection.execute("SET enable_seqscan = off")
        plan = connection.execute(f"EXPLAIN {statement}", values).fetchall()
    lines = "\n".join(line for (line,) in plan)
    assert f"ix_hitl_{INDEX[topic]}" in lines
    assert "Seq Scan" not in lines


async def test_the_line_is_read_in_its_order(postgres_url) -> None:
    """O-05: what waits is read from its index, from the first page to the last; nothing is sorted and no row is skipped over."""
    statement = WAITING_AFTER.compile(dialect=dialect(), compile_kwargs={"render_postcompile": True})
    values = {**dict.fromkeys(statement.params, ""), "of_precedence": 1, "rows": 26}
    with psycopg.connect(**connection_words(parse(postgres_url))) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        plan = "\n".join(line for (line,) in connection.execute(f"EXPLAIN {statement}", values).fetchall())
    assert "Index Scan using ix_hitl_requests_waiting" in plan
    assert re.search(r"Index Cond: .*ROW\(precedence, .*id.*\) > ROW\(", plan), plan
    assert "Sort" not in plan
    assert "Filter" not in plan


@pytest.mark.parametrize(
    ("statement", "times"), [(waiting_among(2, following=True), 2), (audiences(following=True), 3)]
)
async def test_a_line_of_some_audiences_is_read_by_the_index(postgres_url, statement, times, clock) -> None:
    """O-05: of each audience no more than a page, and from one audience to the next past all that is for the same.

    Executed, and something waits, because PostgreSQL does not tell before what a recursion's later steps do.
    """
    store = SqlStore(postgres_url, clock=clock)
    run = a_run(status="suspended")
    async with store.begin() as uow:
        assert await uow.add_run(run)
        for audience in ("y", "z"):
            assert await uow.add_request(a_request(run.id, audience=audience))
    await store.close()
    said = statement.compile(dialect=dialect(), compile_kwargs={"render_postcompile": True})
    values = {**dict.fromkeys(said.params, "x"), "of_precedence": 1, "rows": 26}
    values |= {name: value for name, value in said.params.items() if value is not None}
    with psycopg.connect(**connection_words(parse(postgres_url))) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        plan = "\n".join(
            line for (line,) in connection.execute(f"EXPLAIN (ANALYZE) {said}", values).fetchall()
        )
    assert len(re.findall(r"using ix_hitl_requests_audience", plan)) == times, plan
    assert len(re.findall(r"Index Cond: .*audience", plan)) == times, plan
    assert "Seq Scan" not in plan


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (asked(of_graph=False, following=False), "ix_hitl_requests_asked"),
        (asked(of_graph=True, following=True), "ix_hitl_requests_asked"),
        (finding(frozenset({"kind", "before"}), newest_first=True), "ix_hitl_audit_kind"),
        (finding(frozenset({"actors", "before"}), newest_first=True), "ix_hitl_audit_actor"),
        (finding(frozenset({"thread_id"}), newest_first=True), "ix_hitl_audit_thread"),
        (finding(frozenset({"since", "until"}), newest_first=True), "ix_hitl_audit_at"),
    ],
    ids=["asked", "asked on", "kind", "actor", "thread", "at"],
)
async def test_looking_back_reads_no_more_than_it_shows(postgres_url, statement, index) -> None:
    """O-01, O-06: a page of a period, and of what is searched in the audit, is read from its index; nothing is walked."""
    told = (
        statement.params(of_actors=["ann"], of_seq=9, of_kind="x", rows=9)
        if "actors" in str(statement)
        else statement
    )
    said = told.compile(dialect=dialect(), compile_kwargs={"render_postcompile": True})
    values = {"of_actors_1": "ann"} | {name: _some(name) for name in _names(statement)}
    with psycopg.connect(**connection_words(parse(postgres_url))) as connection:
        connection.execute("SET enable_seqscan = off")
        connection.execute("SET enable_bitmapscan = off")
        plan = connection.execute(f"EXPLAIN {said}", values).fetchall()
    lines = "\n".join(line for (line,) in plan)
    assert index in lines
    assert "Seq Scan" not in lines
