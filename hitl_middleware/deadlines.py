"""What time does to a request: when, and what comes of it. Pure; "now" is always the database's time.

A request that people have only so long for bears in ``due_at`` the next moment at which something happens to it:

- a reminder, so long before its deadline as the plan says. Those that were missed while nobody looked are made good by one;
- its deadline. Then ``on_expiry`` holds: it is left pending and overdue, it expires, or the next people of the chain are asked, who have
  their whole time from then on, with reminders of their own.

Whoever comes by first after that moment lets it happen, before anything else: the sweep, or an answer that is too late. So what counts is
the order in which the request's lock was taken, and the database's time then: an answer under the lock before the deadline counts, however
long the sweep has been waiting; one after it finds what the deadline has made of the request, though no sweep has been there.
What became of an unknown act (kind ``outcome``) has no deadline: the truth is not a matter of time.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Literal

from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import ReviewRequest
from hitl_middleware.review import RequestKind, step

Event = Literal["remind", "overdue", "expire", "escalate"]
"""What comes of a moment: ``due_at`` before the deadline, or the deadline with the plan's ``leave``, ``reject``, ``escalate``."""


def times(
    plan: ReviewPlan, kind: RequestKind, asked_at: dt.datetime
) -> tuple[dt.datetime | None, dt.datetime | None]:
    """``deadline_at`` and ``due_at`` of what is asked now."""
    if plan.expires_in is None or kind == "outcome":
        return None, None
    deadline = asked_at + dt.timedelta(seconds=plan.expires_in)
    return deadline, _following(plan, deadline, asked_at)


def due(request: ReviewRequest, now: dt.datetime) -> Event | None:
    """What happens to the request now; ``None``: nothing yet, or nothing any more."""
    if request.status != "pending" or request.due_at is None or now < request.due_at:
        return None
    if request.deadline_at is not None and now < request.deadline_at:
        return "remind"
    if request.plan.on_expiry == "escalate" and request.plan.escalate_to:
        return "escalate"
    return "expire" if request.plan.on_expiry == "reject" else "overdue"


def after(request: ReviewRequest, event: Event, now: dt.datetime) -> ReviewRequest:
    """The request when that has happened to it. A reminder changes nothing that a card shows."""
    deadline, plan = request.deadline_at or now, request.plan
    if event == "remind":
        return replace(request, due_at=_following(plan, deadline, now))
    seen = replace(request, version=request.version + 1, due_at=None, updated_at=now)
    if event == "overdue":
        return replace(seen, overdue=True)
    if event == "expire":
        step("request", request.status, "expired")
        return replace(seen, status="expired", notes=(*request.notes, unanswered(request)))
    deadline_at, due_at = times(escalated := plan.escalated(), request.kind, now)
    told = f"Escalated to {', '.join(plan.escalate_to[0].approvers)}: {unanswered(request)}"
    return replace(seen, plan=escalated, deadline_at=deadline_at, due_at=due_at, notes=(*request.notes, told))


def unanswered(request: ReviewRequest) -> str:
    """Why a deadline had consequences, as a sentence without its full stop."""
    return f"Nobody answered by {request.deadline_at:%Y-%m-%d %H:%M:%S} UTC"


def _following(plan: ReviewPlan, deadline: dt.datetime, now: dt.datetime) -> dt.datetime | None:
    """The first moment after ``now``."""
    asked_at = deadline - dt.timedelta(seconds=plan.expires_in or 0)
    reminders = (deadline - dt.timedelta(seconds=seconds) for seconds in plan.remind)
    return min((at for at in (*reminders, deadline) if at > max(now, asked_at)), default=None)
