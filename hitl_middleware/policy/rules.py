"""Rules in, a plan out. Pure: no clock, no database, no graph.

A ``Policy`` says of one tool when people are asked and who may answer. Applied to a call it gives a ``ReviewPlan``, which is frozen
with the request: a rule that changes its mind later changes nothing that was already asked (DESIGN rule 5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from inspect import iscoroutinefunction, unwrap
from typing import Any, Literal

from hitl_middleware import cel
from hitl_middleware.actions import DECISION_TYPES, ActionRequest, DecisionType, canonical
from hitl_middleware.errors import ConfigurationError
from hitl_middleware.policy.late import Escalation, check_deadline, planned, seconds, told
from hitl_middleware.policy.plan import DEFAULT_DECISIONS, OnExpiry, ReviewPlan

When = Callable[[ActionRequest], bool] | str
"""A function of the call, or text in CEL (``hitl_middleware.cel`` says what it may read): whether to ask."""
Settled = Literal["done", "failed"]
Reconcile = Callable[[str], Settled | None]
"""Asks the outside world what became of the act with this idempotency key; ``None``: it does not know either."""


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

    ``approvers`` are identities (default: ``HITL_DEFAULT_APPROVERS``); ``decisions`` what they may answer.

    ``required_approvals``: so many different people must approve; whoever answers in several places is one. ``required_from``: roles, as
    approvers are named (a person, ``group:…``, a Slack user group, a GitHub team or role), each of which must be among those who approved;
    they are approvers, too. Somebody with several of the roles fills them all, and is still one person. Which roles an approval fills is
    settled when it is given. An operator counts as a person and fills no role they do not have. One "no" ends it. Nobody edits alone what
    several must approve: "edit" is not offered then.

    ``expires_in``: how long they have; by default nothing expires. ``on_expiry`` says what happens then: ``"leave"`` (it stays pending and
    says that it is overdue), ``"reject"`` (nothing is done, the agent hears that nobody answered in time) or ``"escalate"`` (those of
    ``escalate_to`` are asked, too, one ``Escalation`` after the other). ``remind``: how long before a deadline those who have not answered
    are reminded, of each deadline of the chain that leaves so much time.

    ``risk`` is a word of yours, shown to them. ``redact`` names arguments (of the top level) that nobody is shown – in no channel, page,
    API, log or export; people see that something is hidden and may still decide. The digest covers the whole call, so a secret that can be
    guessed (a PIN) can be checked against it; and a tool's result or error is shown as the tool words it.

    ``max_rejections``: a call that people have rejected so often on its thread, to the letter, is refused without asking
    (``None``: never). ``title`` heads the card. ``idempotent`` allows retries inside the gate: the tool must use its action's
    idempotency key. ``reconcile`` asks the outside world about an act whose outcome is unknown.
    """

    when: When | None = None
    otherwise: Literal["none", "record"] = "none"
    approvers: Sequence[str] | None = None
    decisions: Sequence[DecisionType] = DEFAULT_DECISIONS
    required_approvals: int = 1
    required_from: Sequence[str] = ()
    allow_requester: bool = False
    expires_in: timedelta | None = None
    on_expiry: OnExpiry = "leave"
    remind: Sequence[timedelta] = ()
    escalate_to: Sequence[Escalation] = ()
    risk: str | None = None
    redact: Sequence[str] = ()
    max_rejections: int | None = 3
    title: str | None = None
    idempotent: bool = False
    reconcile: Reconcile | None = None
    version: str = "1"

    def __post_init__(self) -> None:
        if isinstance(self.decisions, str):
            msg = f"decisions: give a list of them, not the text {self.decisions!r}"
            raise ConfigurationError(msg)
        unknown = [d for d in self.decisions if d not in DECISION_TYPES]
        if unknown or not self.decisions:
            msg = f"decisions: {unknown or 'none given'}; choose from {', '.join(DECISION_TYPES)}"
            raise ConfigurationError(msg)
        for name in ("required_approvals", "max_rejections"):
            value = getattr(self, name)
            if value is not None and value < 1:
                msg = f"{name}: {value}; at least 1"
                raise ConfigurationError(msg)
        for name, what in (
            ("approvers", "identities"),
            ("required_from", "roles"),
            ("redact", "names of arguments"),
        ):
            if isinstance(value := getattr(self, name), str):
                msg = f"{name}: give a list of {what}, not the text {value!r}"
                raise ConfigurationError(msg)
        if self.approvers is not None and not self.approvers:
            msg = "approvers: the list is empty, so nobody could ever decide; leave it out for HITL_DEFAULT_APPROVERS"
            raise ConfigurationError(msg)
        check_deadline(self.expires_in, self.on_expiry, self.remind, self.escalate_to)
        _check_quorum(self)
        if isinstance(self.when, str):
            cel.compiled(self.when)
        elif self.when is not None and (not callable(self.when) or iscoroutinefunction(self.when)):
            msg = f"when: {self.when!r}; give a function of the call, not an async one, or text in CEL"
            raise ConfigurationError(msg)

        # Tuples: a list could change after it was shown, and has no hash.
        object.__setattr__(self, "decisions", tuple(self.decisions))
        object.__setattr__(self, "approvers", None if self.approvers is None else tuple(self.approvers))
        object.__setattr__(self, "required_from", tuple(dict.fromkeys(self.required_from)))
        object.__setattr__(self, "redact", tuple(self.redact))
        object.__setattr__(self, "remind", tuple(sorted(set(self.remind), reverse=True)))
        object.__setattr__(self, "escalate_to", tuple(self.escalate_to))

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
            allowed_decisions=self._taken(),
            **self.people(),
            allow_requester=self.allow_requester,
            **self.deadlines(),
            risk=self.risk,
            redact=tuple(self.redact),
            reason=reason,
            policy_version=self.fingerprint,
        )
        return Explanation(plan=plan, rule=self.rule, says=says)

    def _taken(self) -> tuple[DecisionType, ...]:
        """What is offered to people: nobody edits alone what several must approve, so it is not offered to them."""
        several = self.required_approvals > 1 or len(self.required_from) > 1
        return tuple(each for each in self.decisions if not (several and each == "edit"))

    def people(self) -> dict[str, Any]:
        """The fields of a plan that say who decides, and how many of them."""
        named = self.approvers
        return {
            # Who fills a role may decide; where no approvers are named that is added with the default ones (``completed``).
            "approvers": None if named is None else tuple(dict.fromkeys([*named, *self.required_from])),
            "required_approvals": self.required_approvals,
            "required_from": tuple(self.required_from),
        }

    def deadlines(self) -> dict[str, Any]:
        """The fields of a plan that say what happens when nobody answers."""
        return {
            "expires_in": seconds(self.expires_in),
            "on_expiry": self.on_expiry,
            "remind": tuple(each.total_seconds() for each in self.remind),
            "escalate_to": planned(self.escalate_to),
        }

    def _asks(self, call: ActionRequest) -> bool:
        if isinstance(self.when, str):
            return cel.compiled(self.when).asks(call)
        # A copy: what the rule does to it is not what people are shown, nor what runs.
        return self.when is None or bool(self.when(replace(call, args=deepcopy(dict(call.args)))))

    @property
    def rule(self) -> str | None:
        """What ``when`` is called: its text, or the function's name and place."""
        if self.when is None or isinstance(self.when, str):
            return self.when
        name = f"{getattr(self.when, '__module__', '?')}.{getattr(self.when, '__qualname__', type(self.when).__name__)}"
        code = getattr(unwrap(self.when), "__code__", None)
        return name if code is None else f"{name} (line {code.co_firstlineno})"

    @property
    def fingerprint(self) -> str:
        """The declared version with a hash of what is declared beside it; enters every digest.

        Of a function in ``when`` nothing is hashed: raise ``version`` when its meaning changes.
        """
        declared: dict[str, Any] = {
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
        if self.required_from:
            declared["from"] = sorted(self.required_from)
        if self.remind or self.escalate_to:
            declared["late"] = [list(map(str, self.remind)), [told(each) for each in self.escalate_to]]
        return f"{self.version}-{hashlib.sha256(canonical(declared)).hexdigest()[:12]}"


def _check_quorum(policy: Policy) -> None:
    """Raises ``ConfigurationError`` for approvals that nobody could ever give."""
    roles, several = set(policy.required_from), policy.required_approvals > 1
    if empty := [role for role in roles if not role.strip()]:
        msg = f"required_from: {empty[0]!r} names nobody"
        raise ConfigurationError(msg)
    if (several or roles) and "approve" not in policy.decisions:
        named = "required_from" if roles else "required_approvals"
        msg = f"{named}: decisions does not list 'approve', so nobody could give an approval"
        raise ConfigurationError(msg)
    for step in policy.escalate_to:
        if unknown := [role for role in step.stands_in_for if role not in roles]:
            known = ", ".join(sorted(roles)) or "none"
            msg = f"escalate_to: stands_in_for {unknown[0]!r} is no role of required_from ({known})"
            raise ConfigurationError(msg)


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
