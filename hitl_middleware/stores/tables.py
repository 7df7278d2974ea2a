"""The tables: one per record, columns named like its fields. SQLAlchemy Core, no ORM.

Names carry ``hitl_`` because the same database may hold the graph's checkpoints and the user's own tables. What a rule calls unique is
a unique index here (DESIGN §2, §5), so that no race can break it. Every index behind due work and behind claims covers only the rows
that are not finished: finished rows pile up for years and must cost nothing.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    TextClause,
    UniqueConstraint,
    false,
    text,
)

from hitl_middleware.stores.columns import Json, UtcTime, Words

PREFIX = "hitl_"
VERSION_TABLE = "hitl_schema_version"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

# Conditions of partial indexes. A query must repeat its index's condition word for word (SQLite proves no more than that),
# so both take it from here.
RUN_ACTIVE = text("status IN ('running', 'suspended')")
RUN_QUEUED = text("status = 'queued'")
RUN_DUE = text(
    "status IN ('queued', 'running', 'suspended') AND (wanted > seen OR (status = 'running' AND driver = 'hitl'))"
)
REQUEST_PENDING = text("status = 'pending'")
REQUEST_PLACED = text("ordinal IS NOT NULL")
REQUEST_TIMED = text("status = 'pending' AND due_at IS NOT NULL")
SUBMISSION_SOURCED = text("source IS NOT NULL")
ACTION_EXECUTING = text("status = 'executing'")
ACTION_UNKNOWN = text("status = 'unknown'")
CARD_BEHIND = text("shown < wanted AND NOT gave_up")
CARD_POSTED = text("ref IS NOT NULL")
CARD_FAILED = text("gave_up AND shown < wanted")
NOTICE_UNSENT = text("sent_at IS NULL AND NOT gave_up")
NOTICE_FAILED = text("gave_up AND sent_at IS NULL")
DELIVERY_UNPROCESSED = text("processed_at IS NULL")
DELIVERY_FAILED = text("processed_at IS NOT NULL AND error IS NOT NULL")
AUDIT_UNSEALED = text("seq IS NULL")
AUDIT_SEALED = text("seq IS NOT NULL")


def _id() -> Column[str]:
    return Column("id", Words, primary_key=True)


def _text(name: str, *, null: bool = False) -> Column[str]:
    return Column(name, Words, nullable=null)


def _time(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, UtcTime, nullable=null)


def _json(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Json, nullable=null)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _of(name: str, table: str, *, null: bool = False, deferred: bool = False) -> Column[str]:
    """A foreign key."""
    key = (
        ForeignKey(f"{PREFIX}{table}.id", deferrable=True, initially="DEFERRED")
        if deferred
        else ForeignKey(f"{PREFIX}{table}.id")
    )
    return Column(name, Words, key, nullable=null)


def _some(name: str, *columns: str, where: TextClause, unique: bool = False) -> Index:
    """An index over some of the rows."""
    return Index(f"ix_{PREFIX}{name}", *columns, unique=unique, sqlite_where=where, postgresql_where=where)


runs = Table(
    "hitl_runs",
    metadata,
    _id(),
    _text("thread_id"),
    _text("graph"),
    _text("status"),
    _text("driver"),
    _time("created_at"),
    _time("updated_at"),
    _json("input", null=True),
    _text("requester", null=True),
    _text("started_by", null=True),
    _text("on_new_input"),
    _json("labels"),
    _text("note", null=True),
    _text("error", null=True),
    _count("wanted"),
    _count("seen"),
    _count("fence"),
    _text("lease_owner", null=True),
    _time("lease_until", null=True),
    _some("runs_active", "thread_id", where=RUN_ACTIVE, unique=True),
    _some("runs_queued", "thread_id", "id", where=RUN_QUEUED),
    _some("runs_due", "id", where=RUN_DUE),
)

requests = Table(
    "hitl_requests",
    metadata,
    _id(),
    _text("code"),
    _text("kind"),
    _text("status"),
    _count("version"),
    _of("run_id", "runs"),
    _text("thread_id"),
    _text("graph"),
    _text("interrupt_id"),
    _json("plan"),
    _text("title"),
    _time("created_at"),
    _time("updated_at"),
    _count("position"),
    _text("checkpoint_ns"),
    _text("description"),
    _text("tool", null=True),
    _json("args", null=True),
    _text("digest"),
    _json("response_schema", null=True),
    # No foreign key: a request and its action name each other, and one direction of proof is enough.
    _text("action_id", null=True),
    _text("requester", null=True),
    _time("deadline_at", null=True),
    _json("decision", null=True),
    _text("decided_by", null=True),
    _text("decided_by_name", null=True),
    _time("decided_at", null=True),
    _text("decided_via", null=True),
    _json("notes"),
    _text("step", null=True),
    Column("round", Integer, nullable=True),
    Column("ordinal", Integer, nullable=True),
    _json("edited_from", null=True),
    Column("labels", Json, nullable=False, server_default="{}"),
    _time("due_at", null=True),
    Column("overdue", Boolean, nullable=False, server_default=false()),
    # No field of the record: what the plan's risk comes to, so that an index can be in the order of what waits.
    Column("precedence", Integer, nullable=False, server_default=text("3")),
    Column("audience", Words, nullable=False, server_default=""),
    UniqueConstraint("thread_id", "interrupt_id", "position"),
    Index("ix_hitl_requests_status", "status", "id"),
    Index("ix_hitl_requests_code", "code"),
    Index("ix_hitl_requests_run", "run_id"),
    Index("ix_hitl_requests_asked", "created_at", "id"),
    _some("requests_pending_code", "code", where=REQUEST_PENDING, unique=True),
    _some("requests_placed", "thread_id", "checkpoint_ns", "ordinal", where=REQUEST_PLACED),
    # Led by the status only so that SQLite prefers it to the index above.
    _some("requests_timed", "status", "due_at", where=REQUEST_TIMED),
    _some("requests_waiting", "status", "precedence", "id", where=REQUEST_PENDING),
    _some("requests_audience", "status", "audience", "precedence", "id", where=REQUEST_PENDING),
)

submissions = Table(
    "hitl_submissions",
    metadata,
    _id(),
    _of("request_id", "requests"),
    _text("person"),
    _text("name", null=True),
    _text("via"),
    _json("decision"),
    _time("created_at"),
    _text("vouched_by", null=True),
    _text("source", null=True),
    _text("counts_as", null=True),
    Column("fills", Json, nullable=False, server_default="[]"),
    Index("ix_hitl_submissions_request", "request_id", "id"),
    _some("submissions_source", "source", where=SUBMISSION_SOURCED, unique=True),
)

actions = Table(
    "hitl_actions",
    metadata,
    _id(),
    _text("thread_id"),
    _text("checkpoint_ns"),
    _text("tool_call_id"),
    _text("tool"),
    _json("args"),
    _text("digest"),
    _text("proposed_digest"),
    _json("plan"),
    _text("status"),
    _text("idempotency_key"),
    _time("created_at"),
    _time("updated_at"),
    _of("run_id", "runs", null=True),
    # Deferred, so that a unit of work may write a request and its action in either order.
    _of("request_id", "requests", null=True, deferred=True),
    _flag("edited"),
    _flag("idempotent"),
    _json("decision", null=True),
    _text("decided_by", null=True),
    _text("claim_id", null=True),
    _text("claim_owner", null=True),
    _time("claim_until", null=True),
    _count("attempts"),
    _text("result_type", null=True),
    Column("result", LargeBinary, nullable=True),
    _text("result_text", null=True),
    _text("error", null=True),
    _text("settled_by", null=True),
    _time("settled_at", null=True),
    UniqueConstraint("thread_id", "checkpoint_ns", "tool_call_id"),
    Index("ix_hitl_actions_run", "run_id"),
    Index("ix_hitl_actions_request", "request_id"),
    _some("actions_executing", "claim_until", where=ACTION_EXECUTING),
    _some("actions_unknown", "id", where=ACTION_UNKNOWN),
)

cards = Table(
    "hitl_cards",
    metadata,
    _id(),
    _of("request_id", "requests"),
    _text("channel"),
    _text("address"),
    _time("created_at"),
    _count("wanted"),
    _count("shown"),
    _text("ref", null=True),
    _count("attempts"),
    _time("next_attempt_at", null=True),
    _text("error", null=True),
    _flag("gave_up"),
    _text("lease_owner", null=True),
    _time("lease_until", null=True),
    Column("doubt", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("request_id", "channel", "address"),
    _some("cards_due", "id", where=CARD_BEHIND),
    _some("cards_posted", "ref", "channel", where=CARD_POSTED),
    _some("cards_failed", "id", where=CARD_FAILED),
)

notices = Table(
    "hitl_notices",
    metadata,
    _id(),
    _text("key"),
    _text("channel"),
    _text("address"),
    _json("body"),
    _time("created_at"),
    _time("sent_at", null=True),
    _count("attempts"),
    _time("next_attempt_at", null=True),
    _text("error", null=True),
    _flag("gave_up"),
    _time("lease_until", null=True),
    UniqueConstraint("key"),
    _some("notices_due", "id", where=NOTICE_UNSENT),
    _some("notices_failed", "id", where=NOTICE_FAILED),
)

deliveries = Table(
    "hitl_deliveries",
    metadata,
    _id(),
    _text("channel"),
    _text("key"),
    Column("body", LargeBinary, nullable=False),
    _time("received_at"),
    _time("processed_at", null=True),
    _count("attempts"),
    _time("next_attempt_at", null=True),
    _text("error", null=True),
    _time("lease_until", null=True),
    UniqueConstraint("channel", "key"),
    _some("deliveries_due", "id", where=DELIVERY_UNPROCESSED),
    _some("deliveries_failed", "id", where=DELIVERY_FAILED),
)

sessions = Table(
    "hitl_sessions",
    metadata,
    _id(),
    _text("identity"),
    _text("name", null=True),
    _flag("asked"),
    _time("created_at"),
    _time("expires_at"),
    Index("ix_hitl_sessions_expires", "expires_at"),
)

# No foreign keys: the audit outlives what it tells of.
audit = Table(
    "hitl_audit",
    metadata,
    _id(),
    _time("at"),
    _text("kind"),
    _text("actor"),
    _text("via", null=True),
    _text("run_id", null=True),
    _text("request_id", null=True),
    _text("action_id", null=True),
    _text("thread_id", null=True),
    _json("data"),
    Column("seq", BigInteger, nullable=True),
    _text("hash", null=True),
    UniqueConstraint("seq"),
    Index("ix_hitl_audit_run", "run_id", "seq"),
    Index("ix_hitl_audit_request", "request_id", "seq"),
    _some("audit_unsealed", "id", where=AUDIT_UNSEALED),
    # For whoever searches. Only what is sealed: so a change that writes its event pays nothing for them, the sealer does.
    _some("audit_kind", "kind", "seq", where=AUDIT_SEALED),
    _some("audit_actor", "actor", "seq", where=AUDIT_SEALED),
    _some("audit_thread", "thread_id", "seq", where=AUDIT_SEALED),
    _some("audit_at", "at", where=AUDIT_SEALED),
)

audit_head = Table(
    "hitl_audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    _text("hash"),
)
"""One row, number 1, written by the first migration: the end of the chain, and the lock of who extends it."""
