"""The outside checker: what must hold however it went. Pure; it knows the effects' ledger, the fakes and the API, nothing of the inside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.chaos.storm.outside import Decided
from tests.chaos.storm.seen import ActionSeen, CardSeen, RequestSeen, RunSeen, Seen

ENDED: Final = frozenset({"succeeded", "failed", "cancelled"})
SURE: Final = frozenset({"succeeded", "failed", "denied"})
"""Acts of which nothing is left to be done or said."""
BECOMES: Final = {"approve": "approved", "edit": "approved", "reject": "rejected", "feedback": "revised"}

SAYS: Final = {
    "approved": "Approved",
    "rejected": "Rejected",
    "revised": "Feedback sent",
    "expired": "Expired",
}
"""What a card says of a request."""
REVISED: Final = "Revision requested"
"""The same of a workflow's step."""
TELLS: Final = {"succeeded": "Executed", "failed": "Failed"}
"""What a card says of an act."""

COLUMNS: Final = ("twice", "lost", "stuck", "unseen", "untrue", "broken", "audit")
"""What must be zero. See the README of this folder."""


@dataclass(slots=True)
class Verdict:
    """What was found wrong, by column, and what there was."""

    wrong: dict[str, list[str]] = field(default_factory=lambda: {column: [] for column in COLUMNS})
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not any(self.wrong.values())

    @property
    def may_heal(self) -> bool:
        """Whether something is wrong that the system may still put right by itself."""
        return (
            any(self.wrong[column] for column in ("stuck", "untrue"))
            or len(self.wrong["lost"]) > self.counts["forgotten"]
        )

    def told(self) -> str:
        """All that is wrong, a line each."""
        return "\n".join(f"{column}: {what}" for column, found in self.wrong.items() for what in found)


def judge(seen: Seen) -> Verdict:
    """Look at everything."""
    verdict = Verdict()
    wrong, counts = verdict.wrong, verdict.counts
    actions = [action for run in seen.runs for action in run.actions]
    requests = [request for run in seen.runs for request in run.requests]
    counts.update(seen.heard.counts)
    counts["runs"] = len(seen.runs)
    counts["requests"] = len(requests)
    counts["acts"] = len(seen.books)
    counts["forgotten"] = len(seen.heard.forgotten)
    counts["unknown"] = len(seen.heard.doubts)
    wrong["twice"] += _twice(seen)
    wrong["lost"] += [
        *seen.heard.forgotten,
        *_lost_runs(seen),
        *_lost_decisions(seen, requests),
        *_lost_acts(seen, actions),
    ]
    wrong["stuck"] += _stuck(seen.runs)
    wrong["unseen"] += [f"act {doubt} was unknown, and its card never said so" for doubt in _unseen(seen)]
    by_request = {action.request: action for action in actions}
    for request in requests:
        wrong["untrue"] += _untrue(request, by_request.get(request.id), seen.cards.get(request.id, ()))
        counts["given up"] += sum(status == "failed" for status in request.delivered.values())
    wrong["broken"] += seen.heard.troubles
    wrong["audit"] += [seen.audit] if seen.audit else []
    return verdict


def _twice(seen: Seen) -> Iterator[str]:
    for key, times in Counter(entry.key for entry in seen.books).items():
        if times > 1 or key is None:
            yield f"the act with key {key} was performed {times} times"


def _unseen(seen: Seen) -> list[str]:
    """Doubts that nobody could see on their cards; one whose owner spoke before anybody looked is none any more."""
    settled = {told.action for told in seen.heard.settled}
    still = {action.id for run in seen.runs for action in run.actions if action.status == "unknown"} | settled
    return sorted(doubt for doubt in seen.heard.doubts - seen.heard.shown if doubt.split("/")[0] in still)


# what was promised ---------------------------------------------------------------------------------------------------


def _lost_runs(seen: Seen) -> Iterator[str]:
    known = {run.id for run in seen.runs}
    for run in seen.heard.runs:
        if run not in known:
            yield f"run {run} was accepted and is not there"
    issues = {run.issue for run in seen.runs}
    for issue in seen.heard.labelled:
        if issue not in issues:
            yield f"the label on issue {issue} was accepted, and no run came of it"
    for each in seen.runs:
        waits = any(request.status == "pending" for request in each.requests)
        if each.status == "failed":
            yield f"run {each.id} failed: {each.error}"
        elif each.status not in ENDED and not waits:
            yield f"run {each.id} is {each.status}, and nobody is asked anything"


def _lost_decisions(seen: Seen, requests: list[RequestSeen]) -> Iterator[str]:
    known = {request.id: request for request in requests}
    for told in seen.heard.decided:
        found = known.get(told.request)
        if found is None or not _is_in_effect(told, found):
            yield f"{told} was acknowledged; the request is {found}"
    for comment in seen.heard.commands:
        if comment not in seen.reacted:
            yield f"the command in comment {comment} was neither carried out nor refused"


def _is_in_effect(told: Decided, found: RequestSeen) -> bool:
    if told.kind is None:  # a click that was heard; who was first decides
        return found.status != "pending"
    return found.status == BECOMES[told.kind] and found.decided_by == told.by


def _lost_acts(seen: Seen, actions: list[ActionSeen]) -> Iterator[str]:
    amounts = {entry.key: entry.amount for entry in seen.books}
    for action in actions:
        done = action.key in amounts
        if action.status == "succeeded" and (not done or amounts[action.key] != action.amount):
            yield f"{action} is said to be done; the books say {amounts.get(action.key)}"
        if action.status in {"failed", "denied", "waiting", "approved"} and done:
            yield f"{action} is in the books"
    for key in amounts.keys() - {action.key for action in actions}:
        yield f"nobody knows the act with key {key}, which is in the books"


def _stuck(runs: Sequence[RunSeen]) -> Iterator[str]:
    for run in runs:
        if run.status not in ENDED:
            yield f"run {run.id} is {run.status}"
        for request in run.requests:
            if request.status == "pending":
                yield f"request {request.id} of run {run.id} is pending"
        for action in run.actions:
            if action.status not in SURE:
                yield f"act {action.id} of run {run.id} is {action.status}"


# what is said --------------------------------------------------------------------------------------------------------


def _untrue(request: RequestSeen, action: ActionSeen | None, cards: Sequence[CardSeen]) -> Iterator[str]:
    """A card that does not say what is, or stands there twice. One that was given up, and is known to be, is no lie."""
    about = f"request {request.id} ({request.status}, {action.status if action else 'no act'})"
    if request.kind == "outcome" and any(card.channel == "slack" for card in cards):
        yield f"{about} is asked on a card of its own"  # and not on that of the act
    for channel, status in request.delivered.items():
        here = [card for card in cards if card.channel == channel]
        if len(here) > 1:
            yield f"{about} has {len(here)} cards in {channel}"
        if status == "failed":
            continue
        if not here:
            yield f"{about} has no card in {channel}"
            continue
        words = [SAYS.get(request.status), TELLS.get(action.status) if action is not None else None]
        if request.kind != "tool_call":
            words = [REVISED if request.status == "revised" else words[0]]
        for word in words:
            if word is not None and word not in here[0].text:
                yield f"{about}: its card in {channel} says {here[0].text!r}"
        # An act in doubt is settled on its own card.
        if here[0].open and request.status != "pending" and (action is None or action.status != "unknown"):
            yield f"{about}: its card in {channel} can still be answered"
