"""What was decided about asking: the plan of one request, frozen with it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from hitl_middleware.actions import DecisionType

Verdict = Literal["none", "record", "ask", "refuse"]
"""What happens to a call. No policy says ``refuse``: it is what a call gets that people have rejected too often."""
OnExpiry = Literal["leave", "reject", "escalate"]
"""What happens to a request whose deadline has passed.

``leave``: it stays pending, says that it is overdue, and may still be decided. ``reject``: it ends as ``expired``, nothing is done, and the
run hears that nobody answered in time. ``escalate``: the next people of the chain are asked, too, and a new deadline begins for them.
"""

DEFAULT_DECISIONS: tuple[DecisionType, ...] = ("approve", "edit", "reject", "feedback")
"""``respond`` (a person answers in the tool's place) only where a policy lists it."""


NO_POLICY = "0"
"""Version of a plan that no policy made: a workflow step's, a plain interrupt's."""


class PlannedEscalation(BaseModel):
    """One step of a plan's chain. ``expires_in``: seconds from when these people are asked; ``on_expiry``: what comes after them.

    ``stands_in_for``: roles of ``required_from`` that these people fill, too, from then on.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    approvers: tuple[str, ...]
    expires_in: float | None = None
    on_expiry: OnExpiry = "leave"
    stands_in_for: tuple[str, ...] = ()


class ReviewPlan(BaseModel):
    """What was decided about asking, at the moment of asking. Stored with the request and never recomputed.

    ``approvers`` are identities (``slack:U…``, ``github:…``, ``group:…``, ``api``); ``None``: whoever ``HITL_DEFAULT_APPROVERS`` names.
    ``required_approvals`` different people must approve, and with them each of the roles ``required_from`` (``quorum`` says how that is
    counted); the roles are among the approvers. ``stand_ins``: (role, who fills it, too), since the request was escalated.
    ``expires_in`` is in seconds, as are the reminders (before each deadline); ``escalate_to`` is what is left of the chain: a request that
    was escalated bears the plan that ``escalated`` gives. ``reason`` is a sentence for people: why somebody is asked. ``redact`` names the
    arguments that nobody is shown.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Verdict
    allowed_decisions: tuple[DecisionType, ...] = DEFAULT_DECISIONS
    approvers: tuple[str, ...] | None = None
    required_approvals: int = 1
    required_from: tuple[str, ...] = ()
    stand_ins: tuple[tuple[str, str], ...] = ()
    allow_requester: bool = False
    expires_in: float | None = None
    on_expiry: OnExpiry = "leave"
    remind: tuple[float, ...] = ()
    escalate_to: tuple[PlannedEscalation, ...] = ()
    risk: str | None = None
    redact: tuple[str, ...] = ()
    reason: str = ""
    policy_version: str = NO_POLICY

    def escalated(self) -> ReviewPlan:
        """The plan after the next step of its chain: more people, their deadline, and what comes after that. There is a next step."""
        following, *rest = self.escalate_to
        for_them = [(role, who) for role in following.stands_in_for for who in following.approvers]
        return self.model_copy(
            update={
                "stand_ins": tuple(dict.fromkeys([*self.stand_ins, *for_them])),
                "approvers": tuple(dict.fromkeys([*(self.approvers or ()), *following.approvers])),
                "expires_in": following.expires_in,
                "on_expiry": following.on_expiry,
                "escalate_to": tuple(rest),
            }
        )

    def completed(self, default: Sequence[str]) -> ReviewPlan:
        """The plan with all of its approvers: those of ``default`` where it names none, and whoever fills a role that it requires."""
        named = default if self.approvers is None else self.approvers
        return self.model_copy(update={"approvers": tuple(dict.fromkeys([*named, *self.required_from]))})

    @property
    def by_several(self) -> bool:
        """Whether one person's approval may not be all it takes."""
        return self.required_approvals > 1 or len(self.required_from) > 1

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
            and set(self.required_from) >= set(other.required_from)
            and self._roles_by_others() <= other._roles_by_others()
            and (other.allow_requester or not self.allow_requester)
            and set(self.allowed_decisions) <= set(other.allowed_decisions)
            and other.risk in {None, self.risk}
            and set(self.redact) <= set(other.redact)
        )

    def _roles_by_others(self) -> set[tuple[str, str]]:
        """(role, who fills it without having it), now or later."""
        later = {
            (role, who) for each in self.escalate_to for role in each.stands_in_for for who in each.approvers
        }
        return {*self.stand_ins, *later}
