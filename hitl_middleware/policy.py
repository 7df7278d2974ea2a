"""Rules in, a plan out. Pure: no clock, no database, no graph.

A ``Policy`` says of one tool when people are asked and who may answer. Applied to a call it gives a ``ReviewPlan``, which is frozen
with the request: a rule that changes its mind later changes nothing that was already asked (DESIGN rule 5).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypedDict, get_args

from pydantic import BaseModel, ConfigDict

from hitl_middleware import cel
from hitl_middleware.actions import DECISION_TYPES, ActionRequest, DecisionType, canonical
from hitl_middleware.errors import ConfigurationError

Verdict = Literal["none", "record", "ask", "refuse"]
"""What happens to a call. No policy says ``refuse``: it is what a call gets that people have rejected too often."""
OnExpiry = Literal["leave", "reject", "escalate"]
"""What happens to a request whose deadline has passed.

``leave``: it stays pending, says that it is overdue, and may still be decided. ``reject``: it ends as ``expired``, nothing is done, and the
run hears that nobody answered in time. ``escalate``: the next people of the chain are asked, too, and a new deadline begins for them.
"""
AtTheEnd = Literal["leave", "reject"]
When = Callable[[ActionRequest], bool] | str
"""A function of the call, or text in CEL (``hitl_middleware.cel`` says what it may read): whether to ask."""
Settled = Literal["done", "failed"]
Reconcile = Callable[[str], Settled | None]
"""Asks the outside world what became of the act with this idempotency key; ``None``: it does not know either."""

DEFAULT_DECISIONS: tuple[DecisionType, ...] = ("approve", "edit", "reject", "feedback")
"""``respond`` (a person answers in the tool's place) only where a policy lists it."""


class PlannedEscalation(BaseModel):
    """One step of a plan's chain. ``expires_in``: seconds from when these people are asked; ``on_expiry``: what comes after them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    approvers: tuple[str, ...]
    expires_in: float | None = None
    on_expiry: OnExpiry = "leave"


class ReviewPlan(BaseModel):
    """What was decided about asking, at the moment of asking. Stored with the request and never recomputed.

    ``approvers`` are identities (``slack:U…``, ``github:…``, ``group:…``, ``api``); ``None``: whoever ``HITL_DEFAULT_APPROVERS`` names.
    ``expires_in`` is in seconds, as are the reminders (before each deadline); ``escalate_to`` is what is left of the chain: a request that
    was escalated bears the plan that ``escalated`` gives. ``reason`` is a sentence for people: why somebody is asked. ``redact`` names the
    arguments that nobody is shown.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Verdict
    allowed_decisions: tuple[DecisionType, ...] = DEFAULT_DECISIONS
    approvers: tuple[str, ...] | None = None
    required_approvals: int = 1
    allow_requester: bool = False
    expires_in: float | None = None
    on_expiry: OnExpiry = "leave"
    remind: tuple[float, ...] = ()
    escalate_to: tuple[PlannedEscalation, ...] = ()
    risk: str | None = None
    redact: tuple[str, ...] = ()
    reason: str = ""
    policy_version: str = "0"

    def escalated(self) -> ReviewPlan:
        """The plan after the next step of its chain: more people, their deadline, and what comes after that. There is a next step."""
        following, *rest = self.escalate_to
        return self.model_copy(
            update={
                "approvers": tuple(dict.fromkeys([*(self.approvers or ()), *following.approvers])),
                "expires_in": following.expires_in,
                "on_expiry": following.on_expiry,
                "escalate_to": tuple(rest),
            }
        )

    @property
    def everyone(self) -> tuple[str, ...] | None:
        """Whoever may ever decide: the approvers, and those of the chain. ``None``: as of ``approvers``."""
        if self.approvers is None:
            return None
        return tuple(
            dict.fromkeys([*self.approvers, *(who for each in self.escalate_to for who in each.approvers)])
        )

    def covers(self, other: ReviewPlan) -> bool:
        """Whether an approval under this plan is all that ``other`` would ask for (an edited call is checked with it).

        It is not where ``other`` wants other people or more of them, does not let people answer so, tells of another risk, or shows
        them an argument that this plan hides: then they did not decide on what ``other`` would have shown them.
        """
        if other.verdict != "ask":
            return True
        mine, theirs = self.everyone, other.everyone
        same_people = theirs is None or (mine is not None and set(mine) <= set(theirs))
        return (
            same_people
            and self.required_approvals >= other.required_approvals
            and (other.allow_requester or not self.allow_requester)
            and set(self.allowed_decisions) <= set(other.allowed_decisions)
            and other.risk in {None, self.risk}
            and set(self.redact) <= set(other.redact)
        )


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is asked, too, when nobody has answered in time: one step of a policy's ``escalate_to``.

    ``approvers``: identities and groups; those who were asked before may still decide. ``expires_in``: how long they have, from the moment
    they are asked, before the next step of the chain; ``None``: as long as they like, which only the last step can say. ``on_expiry``: what
    happens when the last step's time has run out. Raises ``ConfigurationError``.
    """

    approvers: Sequence[str]
    expires_in: timedelta | None = None
    on_expiry: AtTheEnd = "leave"

    def __post_init__(self) -> None:
        where = "escalate_to: Escalation"
        if isinstance(self.approvers, str):
            msg = f"{where}: give a list of identities, not the text {self.approvers!r}"
            raise ConfigurationError(msg)
        if not self.approvers:
            msg = f"{where}: the list of approvers is empty, so nobody would be asked"
            raise ConfigurationError(msg)
        if self.expires_in is not None and self.expires_in <= timedelta(0):
            msg = f"{where}(expires_in={self.expires_in}): a deadline lies ahead"
            raise ConfigurationError(msg)
        if self.on_expiry not in get_args(AtTheEnd):
            choice = ", ".join(get_args(AtTheEnd))
            msg = f"{where}(on_expiry={self.on_expiry!r}): choose from {choice}; the chain itself says who is asked next"
            raise ConfigurationError(msg)
        if self.on_expiry == "reject" and self.expires_in is None:
            msg = f"{where}(on_expiry='reject'): when? Give expires_in, too"
            raise ConfigurationError(msg)
        object.__setattr__(self, "approvers", tuple(self.approvers))


class Lateness(TypedDict, total=False):
    """Keywords beside ``expires_in`` in ``human_step`` and ``ask``; they mean what they mean in a ``Policy``."""

    on_expiry: OnExpiry
    remind: Sequence[timedelta]
    escalate_to: Sequence[Escalation]


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
        _check_deadline(self.expires_in, self.on_expiry, self.remind, self.escalate_to)
        if isinstance(self.when, str):
            cel.compiled(self.when)

        # Tuples: a list could change after it was shown, and has no hash.
        object.__setattr__(self, "decisions", tuple(self.decisions))
        object.__setattr__(self, "approvers", None if self.approvers is None else tuple(self.approvers))
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
            allowed_decisions=tuple(self.decisions),
            approvers=None if self.approvers is None else tuple(self.approvers),
            required_approvals=self.required_approvals,
            allow_requester=self.allow_requester,
            **self.deadlines(),
            risk=self.risk,
            redact=tuple(self.redact),
            reason=reason,
            policy_version=self.fingerprint,
        )
        return Explanation(plan=plan, rule=self.rule, says=says)

    def deadlines(self) -> dict[str, Any]:
        """The fields of a plan that say what happens when nobody answers."""
        last = len(self.escalate_to) - 1
        chain = [
            PlannedEscalation(
                approvers=tuple(each.approvers),
                expires_in=_seconds(each.expires_in),
                on_expiry=each.on_expiry if number == last else "escalate",
            )
            for number, each in enumerate(self.escalate_to)
        ]
        return {
            "expires_in": _seconds(self.expires_in),
            "on_expiry": self.on_expiry,
            "remind": tuple(each.total_seconds() for each in self.remind),
            "escalate_to": tuple(chain),
        }

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
        if self.remind or self.escalate_to:
            declared["late"] = [list(map(str, self.remind)), [_told(each) for each in self.escalate_to]]
        return f"{self.version}-{hashlib.sha256(canonical(declared)).hexdigest()[:12]}"


def _check_deadline(
    expires_in: timedelta | None,
    on_expiry: OnExpiry,
    remind: Sequence[timedelta],
    chain: Sequence[Escalation],
) -> None:
    """Raises ``ConfigurationError`` for a deadline, reminders or a chain that could never do what they say."""
    if on_expiry not in get_args(OnExpiry):
        msg = f"on_expiry: {on_expiry!r}; choose from {', '.join(get_args(OnExpiry))}"
        raise ConfigurationError(msg)
    if expires_in is not None and expires_in <= timedelta(0):
        msg = f"expires_in: {expires_in}; a deadline lies ahead"
        raise ConfigurationError(msg)
    if expires_in is None and (on_expiry != "leave" or remind or chain):
        named = "on_expiry" if on_expiry != "leave" else "remind" if remind else "escalate_to"
        msg = f"{named}: there is no deadline, so nothing would ever come of it; give expires_in, too"
        raise ConfigurationError(msg)
    for each in remind:
        if expires_in is not None and not timedelta(0) < each < expires_in:
            msg = f"remind: {each} before the deadline is not within the {expires_in} that people have"
            raise ConfigurationError(msg)
    if (on_expiry == "escalate") != bool(chain):
        msg = (
            "escalate_to: nobody to escalate to; list an Escalation(approvers) or several"
            if not chain
            else f"escalate_to: it needs on_expiry='escalate', not {on_expiry!r}"
        )
        raise ConfigurationError(msg)
    for number, step in enumerate(chain, start=1):
        if number < len(chain) and (step.expires_in is None or step.on_expiry != "leave"):
            why = "needs expires_in" if step.expires_in is None else "cannot end it with on_expiry='reject'"
            msg = f"escalate_to: step {number} of {len(chain)} {why}, or those after it would never be asked"
            raise ConfigurationError(msg)


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()


def _told(step: Escalation) -> list[Any]:
    return [list(step.approvers), str(step.expires_in), step.on_expiry]


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
