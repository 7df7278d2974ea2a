"""An index of actions by their request.

A request and its action refer to each other and are written in one transaction. SQLite looks, where such a key is still open, for whatever
refers to a row that is added: without an index it walks all actions for each new request.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Additive only: the version before this one must keep working beside it."""
    op.create_index("ix_hitl_actions_request", "hitl_actions", ["request_id"])


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_hitl_actions_request", "hitl_actions")
