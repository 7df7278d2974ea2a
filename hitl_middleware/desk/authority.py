"""Identity before authority: who somebody is was settled by the channel; whether they may decide is settled here."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from hitl_middleware.actions import Decision
from hitl_middleware.errors import AlreadyDecided, ApprovalNotNeeded, DigestMismatch, NotAllowed, NotFound
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.ports import Directory, Person
from hitl_middleware.quorum import approvals, counts_as, progress
from hitl_middleware.records import ReviewRequest, Run, Submission


async def check_person(
    plan: ReviewPlan, requester: str | None, run: Run | None, by: Person, directory: Directory
) -> None:
    """Let ``by`` decide what ``requester`` asked for under ``plan``, or raise ``NotAllowed`` with a sentence that says who may.

    Nobody decides what they asked for, unless the plan allows it; nor does somebody named by the very token that started the run,
    where the plan wants another person than the requester. Operators may decide anything else.
    """
    mine = _spelled(by, directory)
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
        if await _is_among(approver, mine | by.groups, directory):
            return
    raise NotAllowed(who=by.identity, why=f"it is for {_listed(approvers)} to decide.")


async def in_groups(
    by: Person, requests: Collection[ReviewRequest], directory: Directory
) -> Mapping[str, Person]:
    """``by`` with the groups that matter to each of these requests, by its id.

    Asked once for what is for the same people, and at once for all: a directory may have to ask elsewhere, and somebody waits for it.
    """
    audience = {each.id: directory.audience(each.plan.approvers, each.labels) for each in requests}
    one_of = {audience[each.id]: each for each in requests}
    told = await asyncio.gather(*(directory.groups(by, each) for each in one_of.values()))
    known = {key: replace(by, groups=groups) for key, groups in zip(one_of, told, strict=True)}
    return {key: known[each] for key, each in audience.items()}


async def roles_of(plan: ReviewPlan, by: Person, directory: Directory) -> tuple[str, ...]:
    """Those of the plan's required roles that ``by`` fills: has, or stands in for since the request was escalated."""
    mine = _spelled(by, directory) | by.groups
    filled = []
    for role in plan.required_from:
        names = (role, *(who for stood_for, who in plan.stand_ins if stood_for == role))
        if any([await _is_among(name, mine, directory) for name in names]):
            filled.append(role)
    return tuple(filled)


async def weigh(
    plan: ReviewPlan, by: Person, earlier: Sequence[Submission], decision: Decision, directory: Directory
) -> tuple[str, tuple[str, ...]]:
    """As whom an answer of ``by`` counts, and which roles it fills.

    Raises ``ApprovalNotNeeded`` for an approval that would change nothing (``quorum`` says which).
    """
    one = counts_as(frozenset(_spelled(by, directory) | {by.identity}), earlier)
    fills = await roles_of(plan, by, directory)
    if decision.type in {"approve", "edit"}:
        found = approvals(plan, earlier)
        if not found.helps(one, fills):
            raise ApprovalNotNeeded(who=by.name or by.identity, progress=progress(found))
    return one, fills


def _spelled(by: Person, directory: Directory) -> set[str]:
    """Everything this person is called, as it is compared."""
    return {directory.spelling(each) for each in by.identities | {by.identity}}


async def _is_among(name: str, mine: Collection[str], directory: Directory) -> bool:
    """Whether somebody who is called so, and is in these groups, is who ``name`` means: a person, a group of the file, or of a channel."""
    people = await directory.members(name) if name.startswith("group:") else {name}
    return not {*people, *map(directory.spelling, people)}.isdisjoint(mine)


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
