"""Identity before authority: who somebody is was settled by the channel; whether they may decide is settled here."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from hitl_middleware.errors import AlreadyDecided, DigestMismatch, NotAllowed, NotFound
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.ports import Directory, Person
from hitl_middleware.records import ReviewRequest, Run


async def check_person(
    plan: ReviewPlan, requester: str | None, run: Run | None, by: Person, directory: Directory
) -> None:
    """Let ``by`` decide what ``requester`` asked for under ``plan``, or raise ``NotAllowed`` with a sentence that says who may.

    Nobody decides what they asked for, unless the plan allows it; nor does somebody named by the very token that started the run,
    where the plan wants another person than the requester. Operators may decide anything else.
    """
    mine = {directory.spelling(each) for each in by.identities | {by.identity}}
    if not plan.allow_requester and requester is not None:
        if directory.spelling(requester) in mine:
            raise NotAllowed(who=by.identity, why="whoever asked for it does not decide it.")
        if run is not None and by.vouched_by is not None and by.vouched_by == run.started_by:
            why = "the token that started this run cannot also name the person who decides it."
            raise NotAllowed(who=by.identity, why=why)
    if by.operator:
        return
    approvers = plan.approvers or ()  # the desk fills in the default ones when it files a request
    for approver in approvers:
        people = await directory.members(approver) if approver.startswith("group:") else {approver}
        if (mine | by.groups) & {*people, *map(directory.spelling, people)}:
            return
    raise NotAllowed(who=by.identity, why=f"it is for {_listed(approvers)} to decide.")


def still_open(request: ReviewRequest | None, key: str, if_match: str | None = None) -> ReviewRequest:
    """The request with the id ``key``, if it waits for an answer. ``if_match``: the digest that somebody saw.

    Raises ``NotFound``, ``AlreadyDecided``, ``DigestMismatch``.
    """
    if request is None:
        raise NotFound(kind="request", key=key)
    if request.status != "pending":
        at = instant(request.decided_at or request.updated_at)
        raise AlreadyDecided(status=request.status, by=decider(request), at=at)
    if if_match is not None and if_match != request.digest:
        raise DigestMismatch(digest=request.digest)
    return request


def decider(request: ReviewRequest) -> str:
    """Who decided, for a sentence."""
    if request.decided_by is None:
        return "its deadline" if request.status == "expired" else "the run itself"
    return (
        f"{request.decided_by_name} ({request.decided_by})" if request.decided_by_name else request.decided_by
    )


def instant(at: dt.datetime) -> str:
    """A time, for a sentence."""
    return at.strftime("%Y-%m-%d %H:%M:%S UTC")


def _listed(people: Sequence[str]) -> str:
    return people[0] if len(people) == 1 else f"{', '.join(people[:-1])} or {people[-1]}"
