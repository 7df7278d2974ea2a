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

from hitl_middleware import cel
from hitl_middleware.actions import DECISION_TYPES, ActionRequest, DecisionType, canonical
from hitl_middleware.errors import ConfigurationError

Verdict = Literal["none", "record", "ask", "refuse"]
"""What happens to a call. No policy says ``refuse``: it is what a call gets that people have rejected too often."""
OnExpiry = Literal["leave", "reject", "escalate"]
When = Callable[[ActionRequest], bool] | str
"""A function of the call, or text in CEL (``hitl_middleware.cel`` says what it may read): whether to ask."""
Settled = Literal["done", "failed"]
Reconcile = Callable[[str], Settled | None]
"""Asks the outside world what became of the act with this idempotency key; ``None``: it does not know either."""

DEFAULT_DECISIONS: tuple[DecisionType, ...] = ("approve", "edit", "reject", "feedback")
"""``respond`` (a person answers in the tool's place) only where a policy lists it."""


class ReviewPlan(BaseModel):
    """What was decided about asking, at the moment of asking. Stored with the request and never recomputed.

    ``approvers`` are identities (``slack:U…``, ``github:…``, ``group:…``, ``api``); ``None``: whoever ``HITL_DEFAULT_APPROVERS`` names.
    ``expires_in`` is in seconds. ``reason`` is a sentence for people: why somebody is asked. ``redact`` names the arguments that nobody
    is shown.
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
    redact: tuple[str, ...] = ()
    reason: str = ""
    policy_version: str = "0"

    def covers(self, other: ReviewPlan) -> bool:
        """Whether an approval under this plan is all that ``other`` would ask for (an edited call is checked with it).

        It is not where ``other`` wants other people or more of them, does not let people answer so, tells of another risk, or shows
        them an argument that this plan hides: then they did not decide on what ``other`` would have shown them.
        """
        if other.verdict != "ask":
            return True
        same_people = other.approvers is None or (
            self.approvers is not None and set(self.approvers) <= set(other.approvers)
        )
        return (
            same_people
            and self.required_approvals >= other.required_approvals
            and (other.allow_requester or not self.allow_requester)
            and set(self.allowed_decisions) <= set(other.allowed_decisions)
            and other.risk in {None, self.risk}
            and set(self.redact) <= set(other.redact)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a policy says of one call, and why. ``rule``: the text or the function that was asked; ``None``: there is none."""

    plan: ReviewPlan
    rule: str | None
    says: Literal["yes", "no", "fails", "always"]
    """What the rule answered; ``always``: without a rule every call is asked about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """When one tool needs a person, and who.

    ``when`` is given the call and says whether to ask (default: always): a function, or text in CEL. One that fails asks.
    ``otherwise`` is what happens to the rest: ``"none"`` runs it and writes nothing, ``"record"`` runs it as an action approved by the
    policy – claimed, audited, at most once.

    ``approvers`` are identities (default: ``HITL_DEFAULT_APPROVERS``); ``decisions`` what they may answer; ``expires_in`` how long they
    have. ``risk`` is a word of yours, shown to them. ``redact`` names arguments (of the top level) that nobody is shown – in no channel,
    page, API, log or export; people see that something is hidden and may still decide. The digest covers the whole call, so a secret
    that can be guessed (a PIN) can be checked against it; and a tool's result or error is shown as the tool words it.

    ``max_rejections``: a call that people have rejected so often on its thread, to the letter, is refused without asking
    (``None``: never). ``title`` heads the card. ``idempotent`` allows retries inside the gate: the tool must use its action's
    idempotency key. ``reconcile`` asks the outside world about an act whose outcome is unknown.
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
    redact: Sequence[str] = ()
    max_rejections: int | None = 3
    title: str | None = None
    idempotent: bool = False
    reconcile: Reconcile | None = None
    version: str = "1"

    def __post_init__(self) -> None:
        unknown = [d for d in self.decisions if d not in DECISION_TYPES]
        if unknown or not self.decisions:
            msg = f"decisions: {unknown or 'none given'}; choose from {', '.join(DECISION_TYPES)}"
            raise ConfigurationError(msg)
        for name in ("required_approvals", "max_rejections"):
            value = getattr(self, name)
            if value is not None and value < 1:
                msg = f"{name}: {value}; at least 1"
                raise ConfigurationError(msg)
        for name, what in (("approvers", "identities"), ("redact", "names of arguments")):
            if isinstance(value := getattr(self, name), str):
                msg = f"{name}: give a list of {what}, not the text {value!r}"
                raise ConfigurationError(msg)
        if self.approvers is not None and not self.approvers:
            msg = "approvers: the list is empty, so nobody could ever decide; leave it out for HITL_DEFAULT_APPROVERS"
            raise ConfigurationError(msg)
        if self.expires_in is not None and self.expires_in <= timedelta(0):
            msg = f"expires_in: {self.expires_in}; a deadline lies ahead"
            raise ConfigurationError(msg)
        if isinstance(self.when, str):
            cel.compiled(self.when)

        # Tuples: a list could change after it was shown, and has no hash.
        object.__setattr__(self, "decisions", tuple(self.decisions))
        object.__setattr__(self, "approvers", None if self.approvers is None else tuple(self.approvers))
        object.__setattr__(self, "redact", tuple(self.redact))

    def plan(self, call: ActionRequest) -> ReviewPlan:
        """The plan for one call. A rule that fails asks: fail closed, and say so."""
        return self.explain(call).plan

    def explain(self, call: ActionRequest) -> Explanation:
        """The plan for one call, with the rule it comes from and what that said."""
        says: Literal["yes", "no", "fails", "always"] = "always"
        reason = f"{call.name} always needs a decision"
        if self.when is not None:
            rule = f"the rule for {call.name}"
            text = f": {' '.join(self.when.split())}" if isinstance(self.when, str) else ""
            try:
                says = "yes" if self._asks(call) else "no"
            except cel.RuleFailed as error:
                says, reason = "fails", f"{rule} failed ({error}), so a person is asked{text}"
            except Exception as error:  # noqa: BLE001 – any failure of a user's rule means "ask"
                says, reason = "fails", f"{rule} failed ({type(error).__name__}), so a person is asked"
            else:
                reason = f"{rule} asks{text}" if says == "yes" else f"{rule} asks nobody{text}"
        plan = ReviewPlan(
            verdict=self.otherwise if says == "no" else "ask",
            allowed_decisions=tuple(self.decisions),
            approvers=None if self.approvers is None else tuple(self.approvers),
            required_approvals=self.required_approvals,
            allow_requester=self.allow_requester,
            expires_in=None if self.expires_in is None else self.expires_in.total_seconds(),
            on_expiry=self.on_expiry,
            risk=self.risk,
            redact=tuple(self.redact),
            reason=reason,
            policy_version=self.fingerprint,
        )
        return Explanation(plan=plan, rule=self.rule, says=says)

    def _asks(self, call: ActionRequest) -> bool:
        if isinstance(self.when, str):
            return cel.compiled(self.when).asks(call)
        return self.when is None or bool(self.when(call))

    @property
    def rule(self) -> str | None:
        """What ``when`` is called: its text, or the function's name and place."""
        if self.when is None or isinstance(self.when, str):
            return self.when
        name = f"{getattr(self.when, '__module__', '?')}.{getattr(self.when, '__qualname__', type(self.when).__name__)}"
        code = getattr(self.when, "__code__", None)
        return name if code is None else f"{name} (line {code.co_firstlineno})"

    @property
    def fingerprint(self) -> str:
        """The declared version with a hash of what is declared beside it; enters every digest.

        Of a function in ``when`` nothing is hashed: raise ``version`` when its meaning changes.
        """
        declared = {
            "approvers": None if self.approvers is None else list(self.approvers),
            "decisions": list(self.decisions),
            "required": self.required_approvals,
            "requester": self.allow_requester,
            "expiry": [str(self.expires_in), self.on_expiry],
            "otherwise": self.otherwise,
            "when": self.when if isinstance(self.when, str) else None,
            "risk": self.risk,
            "redact": sorted(self.redact),
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
