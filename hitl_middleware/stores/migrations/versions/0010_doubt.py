"""Of a card, the version until which there may be messages of it that nobody knows of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Additive only: the version before this one must keep working beside it."""
    op.add_column("hitl_cards", sa.Column("doubt", sa.Integer(), nullable=False, server_default=sa.text("0")))


def downgrade() -> None:
    """Take it back."""
    op.drop_column("hitl_cards", "doubt")
