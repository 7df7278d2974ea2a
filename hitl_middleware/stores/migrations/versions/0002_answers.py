"""Workflow steps and the questions of ``ask``: what the step is called, which round it is, and where in its task it is asked.

What a call was before a reviewer edited it. And what a card is found by when somebody does something to its message.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

POSTED = sa.text("ref IS NOT NULL")
PLACED = sa.text("ordinal IS NOT NULL")


def upgrade() -> None:
    """Additive only: the version before this one must keep working beside it."""
    op.add_column("hitl_requests", sa.Column("step", sa.Text(), nullable=True))
    op.add_column("hitl_requests", sa.Column("round", sa.Integer(), nullable=True))
    op.add_column("hitl_requests", sa.Column("ordinal", sa.Integer(), nullable=True))
    op.add_column("hitl_requests", sa.Column("edited_from", sa.Text(), nullable=True))
    op.create_index(
        "ix_hitl_requests_placed",
        "hitl_requests",
        ["thread_id", "checkpoint_ns", "ordinal"],
        sqlite_where=PLACED,
        postgresql_where=PLACED,
    )
    op.create_index(
        "ix_hitl_cards_posted",
        "hitl_cards",
        ["ref", "channel"],
        sqlite_where=POSTED,
        postgresql_where=POSTED,
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_hitl_cards_posted", "hitl_cards")
    op.drop_index("ix_hitl_requests_placed", "hitl_requests")
    for column in ("edited_from", "ordinal", "round", "step"):
        op.drop_column("hitl_requests", column)
