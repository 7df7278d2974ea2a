"""What a request is about (repository, issue, conversation), by which a channel finds it.

And what brought an answer, so that it counts once; and an index of the webhooks that nobody could act on, among all that ever came.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SOURCED = sa.text("source IS NOT NULL")
FAILED = sa.text("processed_at IS NOT NULL AND error IS NOT NULL")


def upgrade() -> None:
    """Additive only: the version before this one must keep working beside it."""
    op.add_column("hitl_requests", sa.Column("labels", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("hitl_submissions", sa.Column("source", sa.Text(), nullable=True))
    op.create_index(
        "ix_hitl_submissions_source",
        "hitl_submissions",
        ["source"],
        unique=True,
        sqlite_where=SOURCED,
        postgresql_where=SOURCED,
    )
    op.create_index(
        "ix_hitl_deliveries_failed",
        "hitl_deliveries",
        ["id"],
        sqlite_where=FAILED,
        postgresql_where=FAILED,
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_hitl_deliveries_failed", "hitl_deliveries")
    op.drop_index("ix_hitl_submissions_source", "hitl_submissions")
    op.drop_column("hitl_submissions", "source")
    op.drop_column("hitl_requests", "labels")
