"""Who is signed in, in a browser."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TIME = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")


def upgrade() -> None:
    """Additive only: the version before this one must keep working beside it."""
    op.create_table(
        "hitl_sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("identity", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("asked", sa.Boolean(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("expires_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_hitl_sessions"),
    )
    op.create_index("ix_hitl_sessions_expires", "hitl_sessions", ["expires_at"])


def downgrade() -> None:
    """Take it back; everybody signs in again."""
    op.drop_table("hitl_sessions")
