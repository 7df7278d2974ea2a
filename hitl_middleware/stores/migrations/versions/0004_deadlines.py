"""When time does something to a request next, and whether its deadline has passed: reminders, expiry, escalation.

What waits with a deadline today falls due at it, and then meets what its policy says.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TIME = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")
TIMED = sa.text("status = 'pending' AND due_at IS NOT NULL")
EXPIRES = sa.text("status = 'pending' AND deadline_at IS NOT NULL")


def upgrade() -> None:
    """Additive only: the version before this one must keep working beside it. The index that goes was read by nobody."""
    op.add_column("hitl_requests", sa.Column("due_at", TIME, nullable=True))
    op.add_column(
        "hitl_requests", sa.Column("overdue", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.execute("UPDATE hitl_requests SET due_at = deadline_at WHERE status = 'pending' AND kind <> 'outcome'")
    op.create_index(
        "ix_hitl_requests_timed",
        "hitl_requests",
        ["status", "due_at"],
        sqlite_where=TIMED,
        postgresql_where=TIMED,
    )
    op.drop_index("ix_hitl_requests_expiring", "hitl_requests")


def downgrade() -> None:
    """Take it back."""
    op.create_index(
        "ix_hitl_requests_expiring",
        "hitl_requests",
        ["status", "deadline_at"],
        sqlite_where=EXPIRES,
        postgresql_where=EXPIRES,
    )
    op.drop_index("ix_hitl_requests_timed", "hitl_requests")
    op.drop_column("hitl_requests", "overdue")
    op.drop_column("hitl_requests", "due_at")
