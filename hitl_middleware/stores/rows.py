"""Records to rows and back. Pure.

Columns are named like fields. Three kinds of field need more: pydantic values (a plan, a decision) are stored as JSON, an ``Identity`` is
three columns and a ``Target`` two, and a tuple comes back from JSON as a list. One column is no field: a request's ``precedence``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from pydantic import BaseModel

from hitl_middleware.actions import Decision, Identity
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.ports import Session
from hitl_middleware.records import (
    Action,
    AuditEvent,
    Card,
    Delivery,
    Notice,
    ReviewRequest,
    Run,
    Submission,
    Target,
)
from hitl_middleware.review import precedence

Row = Mapping[str, Any]
Record = Run | ReviewRequest | Submission | Action | Card | Notice | Delivery | Session | AuditEvent


_KINDS: tuple[type[Record], ...] = get_args(Record)
_NAMES = {kind: tuple(field.name for field in fields(kind)) for kind in _KINDS}


def row_of(record: Record) -> dict[str, Any]:
    """The row of a record: a value for every column of its table."""
    row: dict[str, Any] = {}
    for name in _NAMES[type(record)]:
        match value := getattr(record, name):
            case Identity():
                row |= identity_columns(value)
            case Target():
                row |= {"channel": value.channel, "address": value.address}
            case BaseModel():
                row[name] = value.model_dump()
            case tuple():
                row[name] = list(value)
            case _:
                row[name] = value
    if isinstance(record, ReviewRequest):
        row["precedence"] = precedence(record.plan.risk)
    return row


def identity_columns(identity: Identity) -> dict[str, str]:
    """The three columns that are an action's identity."""
    return {
        "thread_id": identity.thread_id,
        "checkpoint_ns": identity.checkpoint_ns,
        "tool_call_id": identity.tool_call_id,
    }


def _decision(value: Any) -> Decision | None:
    return None if value is None else Decision.model_validate(value)


def run(row: Row) -> Run:
    """A row of ``runs``."""
    return Run(**row)


def request(row: Row) -> ReviewRequest:
    """A row of ``requests``."""
    values = {name: value for name, value in row.items() if name != "precedence"}
    values["plan"] = ReviewPlan.model_validate(values["plan"])
    values["decision"] = _decision(values["decision"])
    values["notes"] = tuple(values["notes"])
    return ReviewRequest(**values)


def submission(row: Row) -> Submission:
    """A row of ``submissions``."""
    values = dict(row)
    values["decision"] = Decision.model_validate(values["decision"])
    values["fills"] = tuple(values["fills"])
    return Submission(**values)


def action(row: Row) -> Action:
    """A row of ``actions``."""
    values = dict(row)
    identity = Identity(values.pop("thread_id"), values.pop("checkpoint_ns"), values.pop("tool_call_id"))
    values["plan"] = ReviewPlan.model_validate(values["plan"])
    values["decision"] = _decision(values["decision"])
    return Action(identity=identity, **values)


def card(row: Row) -> Card:
    """A row of ``cards``."""
    values = dict(row)
    target = Target(channel=values.pop("channel"), address=values.pop("address"))
    return Card(target=target, **values)


def notice(row: Row) -> Notice:
    """A row of ``notices``."""
    return Notice(**row)


def delivery(row: Row) -> Delivery:
    """A row of ``deliveries``."""
    return Delivery(**row)


def session(row: Row) -> Session:
    """A row of ``sessions``."""
    return Session(**row)


def event(row: Row) -> AuditEvent:
    """A row of ``audit``."""
    return AuditEvent(**row)
