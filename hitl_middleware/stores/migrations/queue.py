"""The tables of the job queue. They are Procrastinate's, made with ours by whoever may change the schema."""

from __future__ import annotations

from sqlalchemy import URL, Connection, inspect

from hitl_middleware.errors import QueueBroken, QueueMissing
from hitl_middleware.stores.url import shown


def make_queue(connection: Connection) -> None:
    """Make them where there are none: an application that uses Procrastinate itself has them already, and shares them.

    Raises ``QueueBroken`` where somebody has taken away a part of them.
    """
    if connection.dialect.name != "postgresql" or inspect(connection).has_table("procrastinate_jobs"):
        return
    from procrastinate.schema import SchemaManager
    from psycopg import errors

    # Past SQLAlchemy: many statements at once, in which a percent sign is a percent sign.
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 – it is connected
    try:
        driver.execute(SchemaManager.get_schema())
    except (errors.DuplicateObject, errors.DuplicateTable, errors.DuplicateFunction) as error:
        raise QueueBroken(reason=str(error).partition("\n")[0]) from error


def check_queue(connection: Connection, url: URL) -> None:
    """Raise ``QueueMissing`` where there is none."""
    if not inspect(connection).has_table("procrastinate_jobs"):
        raise QueueMissing(url=shown(url))
