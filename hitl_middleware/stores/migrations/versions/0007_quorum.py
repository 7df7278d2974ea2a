"""As whom an answer counts, and which of the required roles it fills."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Additive only: the version before this one must keep working beside it."""
    op.add_column("hitl_submissions", sa.Column("counts_as", sa.Text(), nullable=True))
    op.add_column("hitl_submissions", sa.Column("fills", sa.Text(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("hitl_submissions", "fills")
    op.drop_column("hitl_submissions", "counts_as")
