"""Who may decide what waits, as one value, so that one person's line is as cheap as the whole one, whatever else waits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PENDING = sa.text("status = 'pending'")


def upgrade() -> None:
    """Additive only. What was filed before, or is by the version before this one, has none: such requests are judged one by one."""
    op.add_column("hitl_requests", sa.Column("audience", sa.Text(), nullable=False, server_default=""))
    op.create_index(
        "ix_hitl_requests_audience",
        "hitl_requests",
        ["status", "audience", "precedence", "id"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_hitl_requests_audience", "hitl_requests")
    op.drop_column("hitl_requests", "audience")
