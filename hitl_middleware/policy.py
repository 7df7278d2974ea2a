"""Rules in, a plan out. Pure: no clock, no database, no graph.

A ``Policy`` says of one tool when people are asked and who may answer. Applied to a call it gives a ``ReviewPlan``, which is frozen
with the request: a rule that changes its mind later changes nothing that was already asked (DESIGN rule 5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from hitl_middleware.actions import DECISION_TYPES, ActionRequest, DecisionType, canonical
from hitl_middleware.errors import ConfigurationError

Verdict = Literal["none", "record", "ask"]
OnExpiry = Literal["leave", "reject", "escalate"]
When = Callable[[ActionRequest], bool]
Settled = Literal["done", "failed"]
Reconcile = Callable[[str], Settled | None]
"""Asks the outside world what became of the act with this idempotency key; ``None``: it does not know either."""

DEFAULT_DECISIONS: tuple[DecisionType, ...] = ("approve", "edit", "reject", "feedback")
"""``respond`` (a person answers in the tool's place) only where a policy lists it."""


class ReviewPlan(BaseModel):
    """What was decided about asking, at the moment of asking. Stored with the request and never recomputed.

    ``approvers`` are identities (``slack:U…``, ``github:…``, ``group:…``, ``api``); ``None``: whoever ``HITL_DEFAULT_APPROVERS`` names.
    ``expires_in`` is in seconds. ``reason`` is a sentence for people: why somebody is asked.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Verdict
    allowed_decisions: tuple[DecisionType, ...] = DEFAULT_DECISIONS
    approvers: tuple[str, ...] | None = None
    required_approvals: int = 1
    allow_requester: bool = False
    expires_in: float | None = None
    on_expiry: OnExpiry = "leave"
    risk: str | None = None
    reason: str = ""
    policy_version: str = "0"

    def covers(self, other: ReviewPlan) -> bool:
        """Whether an approval under this plan is all that ``other`` would ask for (an edited call is checked with it)."""
        if other.verdict != "ask":
            return True
        same_people = other.approvers is None or (
            self.approvers is not None and set(self.approvers) <= set(other.approvers)
        )
        return (
            same_people
            and self.required_approvals >= other.required_approvals
            and (other.allow_requester or not self.allow_requester)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When one tool needs a person, and who.

    ``when`` is given the call and says whether to ask (default: always); a ``when`` that raises asks. ``otherwise`` is
    what happens to the rest: ``"none"`` runs it and writes nothing, ``"record"`` runs it as an action approved by the
    policy – claimed, audited, at most once. ``idempotent`` allows retries inside the gate: the tool must use its action's
    idempotency key. ``reconcile`` asks the outside world about an act whose outcome is unknown. ``title`` heads the card.
    """

    when: When | None = None
    otherwise: Literal["none", "record"] = "none"
    approvers: Sequence[str] | None = None
    decisions: Sequence[DecisionType] = DEFAULT_DECISIONS
    required_approvals: int = 1
    allow_requester: bool = False
    expires_in: timedelta | None = None
    on_expiry: OnExpiry = "leave"
    risk: str | None = None
    title: str | None = None
    idempotent: bool = False
    reconcile: Reconcile | None = None
    version: str = "1"

    def __post_init__(self) -> None:
        unknown = [d for d in self.decisions if d not in DECISION_TYPES]
        if unknown or not self.decisions:
            msg = f"decisions: {unknown or 'none given'}; choose from {', '.join(DECISION_TYPES)}"
            raise ConfigurationError(msg)
        if self.required_approvals < 1:
            msg = f"required_approvals: {self.required_approvals}; at least 1"
            raise ConfigurationError(msg)
        if isinstance(self.approvers, str):
            msg = f"approvers: give a list of identities, not the text {self.approvers!r}"
            raise ConfigurationError(msg)
        if self.approvers is not None and not self.approvers:
            msg = "approvers: the list is empty, so nobody could ever decide; leave it out for HITL_DEFAULT_APPROVERS"
            raise ConfigurationError(msg)

        # Tuples: a list could change after it was shown, and has no hash.
        object.__setattr__(self, "decisions", tuple(self.decisions))
        object.__setattr__(self, "approvers", None if self.approvers is None else tuple(self.approvers))

    def plan(self, call: ActionRequest) -> ReviewPlan:
        """The plan for one call. A rule that fails asks: fail closed, and say so."""
        verdict: Verdict = "ask"
        reason = f"{call.name} always needs a decision"
        if self.when is not None:
            try:
                asks = bool(self.when(call))
            except Exception as error:  # noqa: BLE001 – any failure of a user's rule means "ask"
                reason = f"the rule for {call.name} failed ({type(error).__name__}), so a person is asked"
            else:
                verdict = "ask" if asks else self.otherwise
                reason = f"the rule for {call.name} asks" if asks else f"the rule for {call.name} asks nobody"
        return ReviewPlan(
            verdict=verdict,
            allowed_decisions=tuple(self.decisions),
            approvers=None if self.approvers is None else tuple(self.approvers),
            required_approvals=self.required_approvals,
            allow_requester=self.allow_requester,
            expires_in=None if self.expires_in is None else self.expires_in.total_seconds(),
            on_expiry=self.on_expiry,
            risk=self.risk,
            reason=reason,
            policy_version=self.fingerprint,
        )

    @property
    def fingerprint(self) -> str:
        """The declared version with a hash of what is declared beside it; enters every digest."""
        declared = {
            "approvers": None if self.approvers is None else list(self.approvers),
            "decisions": list(self.decisions),
            "required": self.required_approvals,
            "requester": self.allow_requester,
            "expiry": [str(self.expires_in), self.on_expiry],
            "otherwise": self.otherwise,
        }
        return f"{self.version}-{hashlib.sha256(canonical(declared)).hexdigest()[:12]}"


def from_interrupt_on(config: bool | Mapping[str, Any]) -> Policy | None:  # noqa: FBT001 – LangChain's own form
    """LangChain's ``interrupt_on`` entry as a policy: ``True``, ``False`` or a mapping (``allowed_decisions``, ``when``, …).

    Raises ``ConfigurationError`` for a key LangChain does not know.
    """
    if config is False:
        return None
    if config is True:
        return Policy(decisions=("approve", "edit", "reject", "respond"))
    known = {"allowed_decisions", "when", "description", "args_schema"}
    if unknown := set(config) - known:
        msg = f"interrupt_on: unknown keys {sorted(unknown)}; LangChain knows {sorted(known)}"
        raise ConfigurationError(msg)
    description = config.get("description")
    return Policy(
        decisions=tuple(config.get("allowed_decisions", ("approve", "edit", "reject", "respond"))),
        when=config.get("when"),
        title=description if isinstance(description, str) else None,
    )
