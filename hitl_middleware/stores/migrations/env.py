"""Alembic's environment: applies revisions on the connection it is handed, inside that connection's transaction."""

from alembic import context

from hitl_middleware.stores.tables import PREFIX, VERSION_TABLE, metadata


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    """Look only at our own tables: the same database may hold others."""
    return kind != "table" or (name is not None and name.startswith(PREFIX))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    include_name=_ours,
)
with context.begin_transaction():
    context.run_migrations()
