"""Our words for where a request, its act and its cards stand, and for who did it; the same in every channel. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from hitl_middleware.display import one_line
from hitl_middleware.records import Action, Card, Occasion, ReviewRequest
from hitl_middleware.review import ActionStatus, RequestStatus


@dataclass(frozen=True, slots=True)
class StatusWords:
    """Two stories: what was decided, and what became of the act. A failed execution does not unmake an approval."""

    decision: str
    outcome: str | None = None
    hint: str | None = None
    """What a person should do now, where there is something."""
    then: str | None = None
    """What follows from the decision, where no act of ours does."""

    @property
    def headline(self) -> str:
        """The newest of the two, alone."""
        return self.outcome or self.decided(None)

    def decided(self, by: str | None) -> str:
        """The first story as a sentence: “Approved by @ann”."""
        sentence = f"{self.decision} by {by}" if by else self.decision
        return f"{sentence} – {self.then}" if self.then else sentence


WAITING: Final = "Waiting for a decision"
OVERDUE: Final = "Overdue, and still waiting for a decision"
UNANSWERED: Final = "nobody answered in time"
NOT_DONE: Final = f"{UNANSWERED}, so it was not done"

_DECISION: Final[Mapping[RequestStatus, str]] = {
    "pending": WAITING,
    "approved": "Approved",
    "rejected": "Rejected",
    "answered": "Answered",
    "revised": "Feedback sent",
    "expired": "Expired",
    "cancelled": "Cancelled",
    "superseded": "Superseded",
}
_OUTCOME: Final[Mapping[ActionStatus, str]] = {
    "executing": "Executing",
    "succeeded": "Executed",
    "failed": "Failed",
    "unknown": "Unknown",
}


def status_words(request: ReviewRequest, action: Action | None) -> StatusWords:
    """The words for where a request and its act stand."""
    decision = OVERDUE if request.status == "pending" and request.overdue else _DECISION[request.status]
    if request.status == "revised" and request.kind != "tool_call":
        decision = "Revision requested"
    if action is None:
        # Of an interrupt that is not ours we promise one decision and one resume, no more: its card ends at "handed back".
        then = "the run carries on" if request.kind == "step" else "handed back to the run"
        return StatusWords(decision, then={"approved": then, "expired": UNANSWERED}.get(request.status))
    outcome = _OUTCOME.get(action.status)
    if request.status == "expired":
        return StatusWords(decision, then=NOT_DONE)
    if outcome is None and request.status == "approved" and action.status == "waiting":
        outcome = "Asked again, because the call was edited"
    hint = None
    if action.status == "unknown":
        hint = f"It may have happened, or not. Look where it would show, then say so: hitl actions settle {action.id}"
    return StatusWords(decision, outcome, hint)


def late_words(request: ReviewRequest, occasion: Occasion, who: str, title: str | None = None) -> str:
    """What is said once of a deadline. ``who`` – whom it concerns – and ``title`` in the channel's own words; ``title``: else in ours."""
    until = f"{request.deadline_at:%Y-%m-%d %H:%M} UTC" if request.deadline_at else None
    what = one_line(request.title, 150) if title is None else title
    match occasion.kind:
        case "reminder":
            return f"Reminder for {who}: {what} waits for a decision until {until}."
        case "overdue":
            return f"Overdue since {until}, for {who}: {what}. It can still be decided."
        case "escalated":
            return f"Escalated to {who}, because nobody answered in time: {what}." + (
                f" Please decide by {until}." if until else ""
            )
        case "decided":
            return f"{what}: {status_words(request, None).decision}."


CardState = Literal["shown", "behind", "failed"]
"""Whether a posted message shows its request's newest version, does not yet, or will not: it was given up."""


def card_state(card: Card) -> CardState:
    """How a card stands."""
    if card.shown >= card.wanted:
        return "shown"
    return "failed" if card.gave_up else "behind"


def card_words(card: Card) -> str:
    """The same for people, with what went wrong."""
    match card_state(card):
        case "shown":
            return "up to date"
        case "failed":
            return f"not delivered – {card.error or 'given up'}"
        case "behind":
            return f"behind, tried again soon – {card.error}" if card.error else "on its way"


def person(identity: str | None, name: str | None = None) -> str | None:
    """Who it was, for people: the name they are known by, else the identity. Text of theirs: a channel has to escape it."""
    if identity is None:
        return None
    if identity == "policy":
        return "the policy"
    return one_line(name or identity, 80)
