"""Rules in, a plan out: what of a tool's calls people are asked about, and what is asked of whom. Pure: no clock, no database, no graph."""

from __future__ import annotations

from hitl_middleware.policy.late import AtTheEnd, Escalation, Lateness
from hitl_middleware.policy.plan import (
    DEFAULT_DECISIONS,
    NO_POLICY,
    OnExpiry,
    PlannedEscalation,
    ReviewPlan,
    Verdict,
)
from hitl_middleware.policy.rules import Explanation, Policy, Reconcile, Settled, When, from_interrupt_on

__all__ = [
    "DEFAULT_DECISIONS",
    "NO_POLICY",
    "AtTheEnd",
    "Escalation",
    "Explanation",
    "Lateness",
    "OnExpiry",
    "PlannedEscalation",
    "Policy",
    "Reconcile",
    "ReviewPlan",
    "Settled",
    "Verdict",
    "When",
    "from_interrupt_on",
]
