"""Comments and reviews of GitHub are known by their number alone, whatever their repository is called: those judged so far stay judged.

What was refused would otherwise be judged once more after the upgrade, where something waits in its conversation, and might count then.
"""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

KINDS = ("github.comment", "github.review")
COLUMNS = ("id", "channel", "key", "body", "received_at", "processed_at", "attempts", "error")

deliveries = sa.table("hitl_deliveries", *map(sa.column, COLUMNS))


def upgrade() -> None:
    """Additive only: under a number of its own beside the longer key, by which the version before this one knows it."""
    connection = op.get_bind()
    judged = sa.select(deliveries).where(
        deliveries.c.channel.in_(KINDS), deliveries.c.processed_at.is_not(None)
    )
    known: dict[tuple[str, str], dict[str, object]] = {}
    for row in connection.execute(judged.order_by(deliveries.c.id)).mappings():
        repository, _, number = row["key"].rpartition(":")
        if repository:  # "acme/shop:7", "acme/shop:review:9"
            known.setdefault((row["channel"], number), dict(row, id=str(uuid.uuid4()), key=number))
    if known:
        connection.execute(sa.insert(deliveries), list(known.values()))


def downgrade() -> None:
    """Take it back."""
    op.execute(sa.delete(deliveries).where(deliveries.c.channel.in_(KINDS), deliveries.c.key.not_like("%:%")))
