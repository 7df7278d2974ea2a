"""Looking back: indexes for figures of a period, and for searching the audit."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

SEALED = sa.text("seq IS NOT NULL")
SEARCHED = {"kind": ["kind", "seq"], "actor": ["actor", "seq"], "thread": ["thread_id", "seq"], "at": ["at"]}


def upgrade() -> None:
    """Additive only: the version before this one runs on."""
    op.create_index("ix_hitl_requests_asked", "hitl_requests", ["created_at", "id"])
    for name, columns in SEARCHED.items():
        op.create_index(
            f"ix_hitl_audit_{name}", "hitl_audit", columns, sqlite_where=SEALED, postgresql_where=SEALED
        )


def downgrade() -> None:
    """Take it back."""
    for name in SEARCHED:
        op.drop_index(f"ix_hitl_audit_{name}", "hitl_audit")
    op.drop_index("ix_hitl_requests_asked", "hitl_requests")
