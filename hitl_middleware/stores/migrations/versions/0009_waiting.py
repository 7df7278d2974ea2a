"""The order of what waits: how risky its plan says it is, then its age. With an index, so that a long line is as cheap as a short one."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

PENDING = sa.text("status = 'pending'")
PRECEDENCE = {"critical": 0, "extreme": 0, "severe": 0, "high": 1, "low": 4, "minor": 4, "none": 4}
UNKNOWN_WORD, NO_WORD = 2, 3

requests = sa.table(
    "hitl_requests", sa.column("id"), sa.column("status"), sa.column("plan"), sa.column("precedence")
)


def upgrade() -> None:
    """Additive only: what the version before this one files meanwhile stands where a request stands that says nothing of its risk."""
    op.add_column(
        "hitl_requests",
        sa.Column("precedence", sa.Integer(), nullable=False, server_default=sa.text(str(NO_WORD))),
    )
    connection = op.get_bind()
    # Only what waits: nothing else is ever read in this order.
    for key, plan in connection.execute(
        sa.select(requests.c.id, requests.c.plan).where(requests.c.status == "pending")
    ).all():
        risk = json.loads(plan).get("risk")
        if risk is not None:
            rank = PRECEDENCE.get(str(risk).strip().lower(), UNKNOWN_WORD)
            connection.execute(sa.update(requests).where(requests.c.id == key).values(precedence=rank))
    op.create_index(
        "ix_hitl_requests_waiting",
        "hitl_requests",
        ["status", "precedence", "id"],
        sqlite_where=PENDING,
        postgresql_where=PENDING,
    )


def downgrade() -> None:
    """Take it back."""
    op.drop_index("ix_hitl_requests_waiting", "hitl_requests")
    op.drop_column("hitl_requests", "precedence")
