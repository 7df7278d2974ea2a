"""Statements that run without SQLAlchemy between us and the driver mean what SQLAlchemy makes of them."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import bindparam, create_engine, insert, literal_column, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError

from hitl_middleware.stores.columns import NOW
from hitl_middleware.stores.sql.ready import Statements
from hitl_middleware.stores.tables import metadata, notices

AT = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
NOTICE = {
    "id": "n-1", "key": "k", "channel": "slack", "address": "C1", "body": {"text": "é"}, "created_at": AT,
    "sent_at": None, "attempts": 0, "next_attempt_at": None, "error": None, "gave_up": False, "lease_until": None,
}  # fmt: skip


def test_values_go_there_and_back():
    """Times, JSON and booleans are written and read by their columns' types, literals and several spellings of one value stay as said."""
    engine = create_engine("sqlite://")
    statements = Statements(engine.dialect)
    with engine.connect() as connection:
        metadata.create_all(connection)
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        with closing(driver.cursor()) as cursor:
            added = statements.ready(insert(notices), NOTICE)
            assert added is not None
            cursor.execute(added.sql, added.values(NOTICE))
            changed = (
                update(notices)
                .where(notices.c.id == bindparam("of_id"))
                .values(attempts=notices.c.attempts + 2)
            )
            ready = statements.ready(changed, {"of_id": "n-1"})
            assert ready is not None
            cursor.execute(ready.sql, ready.values({"of_id": "n-1"}))
            assert (cursor.rowcount, ready.columns) == (1, ())
            asked = select(notices, NOW.label("at"), literal_column("7").label("seven")).where(
                notices.c.gave_up.is_(False)
            )
            found = statements.ready(asked, {"clock": AT})
            assert found is not None
            (row,) = found.rows(cursor.execute(found.sql, found.values({"clock": AT})).fetchall())
            assert row == NOTICE | {"attempts": 2, "at": AT, "seven": 7}
            # The same row as SQLAlchemy reads it.
            assert dict(connection.execute(asked, {"clock": AT}).mappings().one()) == row
    engine.dispose()


def test_one_is_compiled_once_for_each_set_of_names():
    """A change without columns of its own changes those of which there are values."""
    statements = Statements(create_engine("sqlite://").dialect)
    change = update(notices).where(notices.c.id == bindparam("of_id"))
    one, other = ({"of_id": "n", name: None} for name in ("error", "sent_at"))
    assert statements.ready(change, one) is statements.ready(change, dict(one))
    ready = [statements.ready(change, each) for each in (one, other)]
    assert ["SET error" in ready[0].sql, "SET sent_at" in ready[1].sql] == [True, True]  # type: ignore[union-attr]  # both are


def test_what_grows_is_left_to_sqlalchemy():
    """A list of values is as long as it is."""
    statements = Statements(create_engine("sqlite://").dialect)
    many = select(notices.c.id).where(notices.c.channel.in_(bindparam("among", expanding=True)))
    assert statements.ready(many, {"among": ["slack"]}) is None


@pytest.mark.parametrize("lost", [False, True])
def test_a_drivers_error_is_sqlalchemys(lost: bool):
    """Its kind is kept, and no value is repeated in it."""
    statements = Statements(create_engine("sqlite://").dialect)
    error = statements.failed("INSERT", sqlite3.IntegrityError("UNIQUE"), sqlite3.Error, lost=lost)
    assert isinstance(error, IntegrityError)
    assert isinstance(error, DBAPIError)
    assert error.connection_invalidated is lost
