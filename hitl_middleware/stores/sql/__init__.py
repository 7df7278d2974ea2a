"""The store on SQLAlchemy Core: SQLite and PostgreSQL from the same statements."""

from hitl_middleware.stores.sql.store import SqlStore

__all__ = ["SqlStore"]
