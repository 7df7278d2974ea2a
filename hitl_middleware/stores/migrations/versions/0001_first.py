"""The first tables.

Written out by hand and never changed: later revisions add to it. The types say what ``stores.columns`` stores: times are microseconds on
SQLite and ``timestamptz`` on PostgreSQL, JSON is text.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text()
TIME = sa.BigInteger().with_variant(sa.DateTime(timezone=True), "postgresql")
COUNT = sa.Integer()
FLAG = sa.Boolean()
BYTES = sa.LargeBinary()


def _must(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _may(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _key(table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("id", name=f"pk_{table}")


def _to(table: str, column: str, target: str, **options: Any) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{table}_{column}", **options)


def _unique(table: str, *columns: str) -> sa.UniqueConstraint:
    return sa.UniqueConstraint(*columns, name=f"uq_{table}_{columns[0]}")


def _some(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    """Create everything."""
    _runs()
    _requests()
    _submissions()
    _actions()
    _cards()
    _notices()
    _deliveries()
    _audit()


def downgrade() -> None:
    """Drop everything, what refers before what it refers to."""
    referring = ("audit_head", "audit", "deliveries", "notices", "cards", "actions", "submissions")
    for table in (*referring, "requests", "runs"):
        op.drop_table(f"hitl_{table}")


def _runs() -> None:
    op.create_table(
        "hitl_runs",
        _must("id", TEXT),
        _must("thread_id", TEXT),
        _must("graph", TEXT),
        _must("status", TEXT),
        _must("driver", TEXT),
        _must("created_at", TIME),
        _must("updated_at", TIME),
        _may("input", TEXT),
        _may("requester", TEXT),
        _may("started_by", TEXT),
        _must("on_new_input", TEXT),
        _must("labels", TEXT),
        _may("note", TEXT),
        _may("error", TEXT),
        _must("wanted", COUNT),
        _must("seen", COUNT),
        _must("fence", COUNT),
        _may("lease_owner", TEXT),
        _may("lease_until", TIME),
        _key("hitl_runs"),
    )
    _some(
        "ix_hitl_runs_active", "hitl_runs", ["thread_id"], "status IN ('running', 'suspended')", unique=True
    )
    _some("ix_hitl_runs_queued", "hitl_runs", ["thread_id", "id"], "status = 'queued'")
    _some(
        "ix_hitl_runs_due",
        "hitl_runs",
        ["id"],
        "status IN ('queued', 'running', 'suspended') "
        "AND (wanted > seen OR (status = 'running' AND driver = 'hitl'))",
    )


def _requests() -> None:
    op.create_table(
        "hitl_requests",
        _must("id", TEXT),
        _must("code", TEXT),
        _must("kind", TEXT),
        _must("status", TEXT),
        _must("version", COUNT),
        _must("run_id", TEXT),
        _must("thread_id", TEXT),
        _must("graph", TEXT),
        _must("interrupt_id", TEXT),
        _must("plan", TEXT),
        _must("title", TEXT),
        _must("created_at", TIME),
        _must("updated_at", TIME),
        _must("position", COUNT),
        _must("checkpoint_ns", TEXT),
        _must("description", TEXT),
        _may("tool", TEXT),
        _may("args", TEXT),
        _must("digest", TEXT),
        _may("response_schema", TEXT),
        _may("action_id", TEXT),
        _may("requester", TEXT),
        _may("deadline_at", TIME),
        _may("decision", TEXT),
        _may("decided_by", TEXT),
        _may("decided_by_name", TEXT),
        _may("decided_at", TIME),
        _may("decided_via", TEXT),
        _must("notes", TEXT),
        _key("hitl_requests"),
        _unique("hitl_requests", "thread_id", "interrupt_id", "position"),
        _to("hitl_requests", "run_id", "hitl_runs"),
    )
    op.create_index("ix_hitl_requests_status", "hitl_requests", ["status", "id"])
    op.create_index("ix_hitl_requests_code", "hitl_requests", ["code"])
    op.create_index("ix_hitl_requests_run", "hitl_requests", ["run_id"])
    _some("ix_hitl_requests_pending_code", "hitl_requests", ["code"], "status = 'pending'", unique=True)
    _some(
        "ix_hitl_requests_expiring",
        "hitl_requests",
        ["status", "deadline_at"],
        "status = 'pending' AND deadline_at IS NOT NULL",
    )


def _submissions() -> None:
    op.create_table(
        "hitl_submissions",
        _must("id", TEXT),
        _must("request_id", TEXT),
        _must("person", TEXT),
        _may("name", TEXT),
        _must("via", TEXT),
        _must("decision", TEXT),
        _must("created_at", TIME),
        _may("vouched_by", TEXT),
        _key("hitl_submissions"),
        _to("hitl_submissions", "request_id", "hitl_requests"),
    )
    op.create_index("ix_hitl_submissions_request", "hitl_submissions", ["request_id", "id"])


def _actions() -> None:
    op.create_table(
        "hitl_actions",
        _must("id", TEXT),
        _must("thread_id", TEXT),
        _must("checkpoint_ns", TEXT),
        _must("tool_call_id", TEXT),
        _must("tool", TEXT),
        _must("args", TEXT),
        _must("digest", TEXT),
        _must("proposed_digest", TEXT),
        _must("plan", TEXT),
        _must("status", TEXT),
        _must("idempotency_key", TEXT),
        _must("created_at", TIME),
        _must("updated_at", TIME),
        _may("run_id", TEXT),
        _may("request_id", TEXT),
        _must("edited", FLAG),
        _must("idempotent", FLAG),
        _may("decision", TEXT),
        _may("decided_by", TEXT),
        _may("claim_id", TEXT),
        _may("claim_owner", TEXT),
        _may("claim_until", TIME),
        _must("attempts", COUNT),
        _may("result_type", TEXT),
        _may("result", BYTES),
        _may("result_text", TEXT),
        _may("error", TEXT),
        _may("settled_by", TEXT),
        _may("settled_at", TIME),
        _key("hitl_actions"),
        _unique("hitl_actions", "thread_id", "checkpoint_ns", "tool_call_id"),
        _to("hitl_actions", "run_id", "hitl_runs"),
        _to("hitl_actions", "request_id", "hitl_requests", deferrable=True, initially="DEFERRED"),
    )
    op.create_index("ix_hitl_actions_run", "hitl_actions", ["run_id"])
    _some("ix_hitl_actions_executing", "hitl_actions", ["claim_until"], "status = 'executing'")
    _some("ix_hitl_actions_unknown", "hitl_actions", ["id"], "status = 'unknown'")


def _cards() -> None:
    op.create_table(
        "hitl_cards",
        _must("id", TEXT),
        _must("request_id", TEXT),
        _must("channel", TEXT),
        _must("address", TEXT),
        _must("created_at", TIME),
        _must("wanted", COUNT),
        _must("shown", COUNT),
        _may("ref", TEXT),
        _must("attempts", COUNT),
        _may("next_attempt_at", TIME),
        _may("error", TEXT),
        _must("gave_up", FLAG),
        _may("lease_owner", TEXT),
        _may("lease_until", TIME),
        _key("hitl_cards"),
        _unique("hitl_cards", "request_id", "channel", "address"),
        _to("hitl_cards", "request_id", "hitl_requests"),
    )
    _some("ix_hitl_cards_due", "hitl_cards", ["id"], "shown < wanted AND NOT gave_up")
    _some("ix_hitl_cards_failed", "hitl_cards", ["id"], "gave_up AND shown < wanted")


def _notices() -> None:
    op.create_table(
        "hitl_notices",
        _must("id", TEXT),
        _must("key", TEXT),
        _must("channel", TEXT),
        _must("address", TEXT),
        _must("body", TEXT),
        _must("created_at", TIME),
        _may("sent_at", TIME),
        _must("attempts", COUNT),
        _may("next_attempt_at", TIME),
        _may("error", TEXT),
        _must("gave_up", FLAG),
        _may("lease_until", TIME),
        _key("hitl_notices"),
        _unique("hitl_notices", "key"),
    )
    _some("ix_hitl_notices_due", "hitl_notices", ["id"], "sent_at IS NULL AND NOT gave_up")
    _some("ix_hitl_notices_failed", "hitl_notices", ["id"], "gave_up AND sent_at IS NULL")


def _deliveries() -> None:
    op.create_table(
        "hitl_deliveries",
        _must("id", TEXT),
        _must("channel", TEXT),
        _must("key", TEXT),
        _must("body", BYTES),
        _must("received_at", TIME),
        _may("processed_at", TIME),
        _must("attempts", COUNT),
        _may("next_attempt_at", TIME),
        _may("error", TEXT),
        _may("lease_until", TIME),
        _key("hitl_deliveries"),
        _unique("hitl_deliveries", "channel", "key"),
    )
    _some("ix_hitl_deliveries_due", "hitl_deliveries", ["id"], "processed_at IS NULL")


def _audit() -> None:
    op.create_table(
        "hitl_audit",
        _must("id", TEXT),
        _must("at", TIME),
        _must("kind", TEXT),
        _must("actor", TEXT),
        _may("via", TEXT),
        _may("run_id", TEXT),
        _may("request_id", TEXT),
        _may("action_id", TEXT),
        _may("thread_id", TEXT),
        _must("data", TEXT),
        _may("seq", sa.BigInteger()),
        _may("hash", TEXT),
        _key("hitl_audit"),
        _unique("hitl_audit", "seq"),
    )
    op.create_index("ix_hitl_audit_run", "hitl_audit", ["run_id", "seq"])
    op.create_index("ix_hitl_audit_request", "hitl_audit", ["request_id", "seq"])
    _some("ix_hitl_audit_unsealed", "hitl_audit", ["id"], "seq IS NULL")
    head = op.create_table(
        "hitl_audit_head",
        sa.Column("id", COUNT, autoincrement=False, nullable=False),
        _must("seq", sa.BigInteger()),
        _must("hash", TEXT),
        _key("hitl_audit_head"),
    )
    op.bulk_insert(head, [{"id": 1, "seq": 0, "hash": ""}])
