"""Who was asked and why: a plan in sentences. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hitl_middleware.policy import NO_POLICY
from hitl_middleware.quorum import role_words
from hitl_middleware.records import Action, ReviewRequest

_UNITS = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def told(request: ReviewRequest, called: Callable[[str], str] = str) -> tuple[tuple[str, str], ...]:
    """What the plan of a request says, each under a word of what it is about. ``called``: words for an identity or a group."""
    return tuple(_told(request, called))


def settler(action: Action | None) -> str | None:
    """Who said what became of an act; ``None``: nobody had to, it was the process that performed it, the tool itself, or the sweep."""
    if action is None or action.settled_by in {None, action.claim_owner, "reconcile", "sweep"}:
        return None
    return action.settled_by


def _told(request: ReviewRequest, called: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    plan = request.plan
    if plan.reason:
        yield "Why", plan.reason
    if plan.risk:
        yield "Risk", plan.risk
    yield "Who decides", _who([called(each) for each in plan.approvers or ()], plan.required_approvals)
    if plan.required_from:
        yield "Among them", _list([role_words(role) for role in plan.required_from], "and")
    if request.requester:
        may = "and may decide it, too" if plan.allow_requester else "and does not decide it"
        yield "Asked for by", f"{called(request.requester)} – {may}"
    if request.kind == "outcome":
        yield "Answers", "done, failed or retry"
    else:
        yield "Answers", ", ".join(plan.allowed_decisions)
    yield from _in_time(request, called)
    if plan.redact:
        yield "Hidden", f"the policy shows nobody {_list(plan.redact, 'and')}"
    if plan.policy_version != NO_POLICY:
        yield "Policy", f"version {plan.policy_version}"


def _in_time(request: ReviewRequest, called: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    plan = request.plan
    if request.deadline_at is not None:
        yield "Overdue since" if request.overdue else "Until", f"{request.deadline_at:%Y-%m-%d %H:%M} UTC"
        if request.status == "pending" and not request.overdue:
            yield "And then", _then(request, called)
    if plan.remind and request.status == "pending":
        yield "Reminded", f"{_list([span(each) for each in plan.remind], 'and')} before"


def _who(approvers: Sequence[str], required: int) -> str:
    if not approvers:
        return "operators"
    if required > 1:
        return f"{required} of {_list(approvers, 'and')}"
    return _list(approvers, "or")


def _then(request: ReviewRequest, called: Callable[[str], str]) -> str:
    match request.plan.on_expiry:
        case "reject":
            return "it ends: nothing is done, and the run hears that nobody answered in time"
        case "escalate" if request.plan.escalate_to:
            following, *rest = request.plan.escalate_to
            who = _list([called(each) for each in following.approvers], "and")
            time = f", for {span(following.expires_in)}" if following.expires_in else ""
            more = f", and {len(rest)} more step{'s' if len(rest) > 1 else ''} after that" if rest else ""
            return f"{who} {'is' if len(following.approvers) == 1 else 'are'} asked, too{time}{more}"
    return "it is overdue, and can still be decided"


def span(seconds: float, units: int = 2) -> str:
    """A length of time in its largest units: ``2 h 5 min``."""
    left, found = round(seconds), []
    for unit, size in _UNITS:
        many, rest = divmod(left, size)
        if many:
            found.append(f"{many} {unit}{'s' if unit == 'day' and many > 1 else ''}")
            left = rest
        elif found:
            break
        if len(found) == units:
            break
    return " ".join(found) or "0 s"


def _list(items: Sequence[str], word: str) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}"
