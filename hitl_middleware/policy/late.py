"""What happens when nobody answers in time: who is asked next, and which deadlines make no sense. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, TypedDict, get_args

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.policy.plan import OnExpiry, PlannedEscalation

AtTheEnd = Literal["leave", "reject"]


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is asked, too, when nobody has answered in time: one step of a policy's ``escalate_to``.

    ``approvers``: identities and groups; those who were asked before may still decide. ``stands_in_for``: roles of the policy's
    ``required_from`` that they fill from then on as if they had them; without it a role stays with those who have it, however late it
    gets, and these people count as people only. ``expires_in``: how long they have, from the moment
    they are asked, before the next step of the chain; ``None``: as long as they like, which only the last step can say. ``on_expiry``: what
    happens when the last step's time has run out. Raises ``ConfigurationError``.
    """

    approvers: Sequence[str]
    expires_in: timedelta | None = None
    on_expiry: AtTheEnd = "leave"
    stands_in_for: Sequence[str] = ()

    def __post_init__(self) -> None:
        where = "escalate_to: Escalation"
        for value, what in ((self.approvers, "identities"), (self.stands_in_for, "roles")):
            if isinstance(value, str):
                msg = f"{where}: give a list of {what}, not the text {value!r}"
                raise ConfigurationError(msg)
        if not self.approvers:
            msg = f"{where}: the list of approvers is empty, so nobody would be asked"
            raise ConfigurationError(msg)
        _check_time(f"{where}(expires_in=…)", self.expires_in)
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
        object.__setattr__(self, "stands_in_for", tuple(self.stands_in_for))


class Lateness(TypedDict, total=False):
    """Keywords beside ``expires_in`` in ``human_step`` and ``ask``; they mean what they mean in a ``Policy``."""

    on_expiry: OnExpiry
    remind: Sequence[timedelta]
    escalate_to: Sequence[Escalation]


def check_deadline(
    expires_in: timedelta | None,
    on_expiry: OnExpiry,
    remind: Sequence[timedelta],
    chain: Sequence[Escalation],
) -> None:
    """Raises ``ConfigurationError`` for a deadline, reminders or a chain that could never do what they say."""
    if on_expiry not in get_args(OnExpiry):
        msg = f"on_expiry: {on_expiry!r}; choose from {', '.join(get_args(OnExpiry))}"
        raise ConfigurationError(msg)
    _check_times(expires_in, remind)
    if expires_in is None and (on_expiry != "leave" or remind or chain):
        named = "on_expiry" if on_expiry != "leave" else "remind" if remind else "escalate_to"
        msg = f"{named}: there is no deadline, so nothing would ever come of it; give expires_in, too"
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


def _check_times(expires_in: timedelta | None, remind: Sequence[timedelta]) -> None:
    _check_time("expires_in", expires_in)
    if isinstance(remind, timedelta | str):
        msg = f"remind: give a list of times, not {remind!r} alone"
        raise ConfigurationError(msg)
    if expires_in is not None and expires_in <= timedelta(0):
        msg = f"expires_in: {expires_in}; a deadline lies ahead"
        raise ConfigurationError(msg)
    for each in remind:
        _check_time("remind", each)
        if expires_in is not None and not timedelta(0) < each < expires_in:
            msg = f"remind: {each} before the deadline is not within the {expires_in} that people have"
            raise ConfigurationError(msg)


def _check_time(name: str, value: object) -> None:
    """A number is refused: nobody would see whether it means seconds or hours."""
    if value is not None and not isinstance(value, timedelta):
        msg = f"{name}: {value!r}; give a time, as in timedelta(hours=8)"
        raise ConfigurationError(msg)


def seconds(time: timedelta | None) -> float | None:
    """As a plan has it."""
    return None if time is None else time.total_seconds()


def told(step: Escalation) -> list[Any]:
    """The step as it enters the policy's fingerprint."""
    declared: list[Any] = [list(step.approvers), str(step.expires_in), step.on_expiry]
    return [*declared, sorted(step.stands_in_for)] if step.stands_in_for else declared


def planned(chain: Sequence[Escalation]) -> tuple[PlannedEscalation, ...]:
    """The chain as a plan has it."""
    last = len(chain) - 1
    return tuple(
        PlannedEscalation(
            approvers=tuple(each.approvers),
            expires_in=seconds(each.expires_in),
            on_expiry=each.on_expiry if number == last else "escalate",
            stands_in_for=tuple(each.stands_in_for),
        )
        for number, each in enumerate(chain)
    )
