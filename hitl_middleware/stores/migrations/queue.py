"""The tables of the job queue. They are Procrastinate's, made with ours by whoever may change the schema."""

from __future__ import annotations

from sqlalchemy import Connection, inspect


def make_queue(connection: Connection) -> None:
    """Make them where there are none: an application that uses Procrastinate itself has them already, and shares them."""
    if connection.dialect.name != "postgresql" or inspect(connection).has_table("procrastinate_jobs"):
        return
    from procrastinate.schema import SchemaManager

    # Past SQLAlchemy: many statements at once, in which a percent sign is a percent sign.
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 – it is connected
    driver.execute(SchemaManager.get_schema())
