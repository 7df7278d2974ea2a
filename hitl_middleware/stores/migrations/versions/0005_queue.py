"""Procrastinate's tables, on PostgreSQL: wake-ups for many machines. SQLite needs none."""

from __future__ import annotations

from alembic import op

from hitl_middleware.stores.migrations.queue import make_queue

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those of Procrastinate 3.10, where there are none yet."""
    make_queue(op.get_bind())


def downgrade() -> None:
    """Nothing: the tables may hold an application's own jobs by now, and nobody minds them."""
