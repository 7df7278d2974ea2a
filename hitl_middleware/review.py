"""The life of a request, an action and a run, as tables. Pure; README draws its picture from here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from hitl_middleware.actions import DecisionType
from hitl_middleware.errors import IllegalTransition

RequestStatus = Literal[
    "pending", "approved", "rejected", "answered", "revised", "expired", "cancelled", "superseded"
]
ActionStatus = Literal["waiting", "approved", "denied", "executing", "succeeded", "failed", "unknown"]
RunStatus = Literal["queued", "running", "suspended", "succeeded", "failed", "cancelled"]
RequestKind = Literal["tool_call", "step", "question", "breakpoint", "outcome"]

REQUEST: Mapping[str, frozenset[str]] = {
    "pending": frozenset(
        {"approved", "rejected", "answered", "revised", "expired", "cancelled", "superseded"}
    ),
    "approved": frozenset(),
    "rejected": frozenset(),
    "answered": frozenset(),
    "revised": frozenset(),
    "expired": frozenset(),
    "cancelled": frozenset(),
    "superseded": frozenset(),
}
ACTION: Mapping[str, frozenset[str]] = {
    "waiting": frozenset({"approved", "denied"}),
    # approved → waiting: a reviewer's edit that the policy wants reviewed again, by other people than those who made it.
    "approved": frozenset({"executing", "waiting"}),
    "denied": frozenset(),
    "executing": frozenset({"succeeded", "failed", "unknown", "approved"}),
    "unknown": frozenset({"succeeded", "failed", "approved"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
}
RUN: Mapping[str, frozenset[str]] = {
    # queued: new input that waits for the thread's current run to end (on_new_input).
    "queued": frozenset({"running", "cancelled"}),
    "running": frozenset({"suspended", "succeeded", "failed", "cancelled"}),
    "suspended": frozenset({"running", "succeeded", "failed", "cancelled"}),
    "succeeded": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}
_BORN = {
    "request": ("pending",),
    "action": ("waiting", "approved"),  # approved: by the policy, on the record
    "run": ("running", "queued"),
}
_TABLES = {"request": REQUEST, "action": ACTION, "run": RUN}

STATUS_AFTER: Mapping[DecisionType, RequestStatus] = {
    "approve": "approved",
    "edit": "approved",
    "reject": "rejected",
    "respond": "answered",
    "feedback": "revised",
}
"""What a request becomes when an answer counts."""


def step(kind: Literal["request", "action", "run"], old: str, new: str) -> None:
    """Check one step against its table.

    Raises ``IllegalTransition``; callers look before they leap, so this is a bug when it happens.
    """
    if new not in _TABLES[kind][old]:
        raise IllegalTransition(kind=kind, old=old, new=new)


def is_final(kind: Literal["request", "action", "run"], status: str) -> bool:
    """Whether nothing can follow ``status``."""
    return not _TABLES[kind][status]


def drawing(kind: Literal["request", "action", "run"]) -> str:
    """The table of ``kind`` as a Mermaid state diagram; README shows these."""
    table = _TABLES[kind]
    lines = ["stateDiagram-v2", *(f"    [*] --> {status}" for status in _BORN[kind])]
    lines += [f"    {old} --> {new}" for old, targets in table.items() for new in table if new in targets]
    return "\n".join(lines)


_PRECEDENCE: Final[Mapping[str, int]] = {
    "critical": 0, "extreme": 0, "severe": 0, "high": 1, "low": 4, "minor": 4, "none": 4,
}  # fmt: skip


def precedence(risk: str | None) -> int:
    """Where what waits stands in line by its policy's word for its risk: 0 comes first, 4 last.

    A policy may use any word. One that is not known here (``medium``, ``money``) was written for a reason, so it comes before none.
    """
    return 3 if risk is None else _PRECEDENCE.get(risk.strip().lower(), 2)
