"""What waits for one person: the pending requests whose answer the desk would take from them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from hitl_middleware.actions import Decision
from hitl_middleware.desk.authority import check_person, weigh
from hitl_middleware.errors import ApprovalNotNeeded, NotAllowed
from hitl_middleware.ports import Directory, Person, Store
from hitl_middleware.quorum import Approvals, approvals, shows
from hitl_middleware.records import Card, ReviewRequest, Submission

MOST_READ: Final = 1_000
"""Pending requests that are looked at; ``more`` counts no further."""

PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """One of them, with the messages that show it. ``approvals``: how far it is, where several have to approve."""

    request: ReviewRequest
    cards: tuple[Card, ...]
    approvals: Approvals | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The newest first. ``more`` wait besides; ``at`` is the database's time of looking."""

    items: tuple[WaitingRequest, ...]
    more: int
    at: dt.datetime


async def waiting_for(store: Store, directory: Directory, by: Person, *, most: int) -> Waiting:
    """What waits for ``by``, at most ``most`` of it with its messages. Judged by the rule for answers.

    Who has approved is not waited for, nor whose approval would change nothing.
    """
    pending: list[ReviewRequest] = []
    async with store.read() as uow:
        at = await uow.now()
        cursor: str | None = None
        while len(pending) < MOST_READ:
            page = await uow.list_requests(status="pending", cursor=cursor, limit=PAGE)
            pending += page.items
            cursor = page.next
            if cursor is None:
                break
    mine = await _for(store, directory, by, pending)
    async with store.read() as uow:
        items = [
            WaitingRequest(each, tuple(await uow.cards_of(each.id)), found) for each, found in mine[:most]
        ]
    return Waiting(items=tuple(items), more=max(len(mine) - most, 0), at=at)


async def first_in_line(
    store: Store, directory: Directory, by: Person, *, most: int
) -> tuple[ReviewRequest, ...]:
    """What waits for ``by``, judged in the same way: the riskiest first, of equal ones the oldest; at most ``most`` of it.

    The line is read until so many are found, and no further than ``MOST_READ``.
    """
    found: list[ReviewRequest] = []
    cursor: str | None = None
    for _ in range(0, MOST_READ, PAGE):
        async with store.read() as uow:
            page = await uow.list_waiting(cursor=cursor, limit=PAGE)
        found += [request for request, _ in await _for(store, directory, by, page.items)]
        cursor = page.next
        if cursor is None or len(found) >= most:
            break
    return tuple(found[:most])


async def _for(
    store: Store, directory: Directory, by: Person, pending: Sequence[ReviewRequest]
) -> list[tuple[ReviewRequest, Approvals | None]]:
    """Those that wait for ``by``, and how far those are that several have to approve."""
    # Judged outside of the unit: a directory may have to ask elsewhere.
    may = [
        (request, person) for request in pending if (person := await _may(request, by, directory)) is not None
    ]
    mine: list[tuple[ReviewRequest, Approvals | None]] = []
    async with store.read() as uow:
        for request, person in may:
            found = None
            if shows(request):
                earlier = await uow.submissions(request.id)
                if not await _is_missing(request, person, earlier, directory):
                    continue
                found = approvals(request.plan, earlier)
            mine.append((request, found))
    return mine


async def _may(request: ReviewRequest, by: Person, directory: Directory) -> Person | None:
    """The person with the groups that matter here; ``None``: it is not for them to decide."""
    by = replace(by, groups=await directory.groups(by, request))
    try:
        await check_person(request.plan, request.requester, None, by, directory)
    except NotAllowed:
        return None
    return by


async def _is_missing(
    request: ReviewRequest, by: Person, earlier: Sequence[Submission], directory: Directory
) -> bool:
    """Whether an approval of theirs would bring the request further. Who only could still say no is not waited for."""
    try:
        one, _ = await weigh(request.plan, by, earlier, Decision(type="approve"), directory)
    except ApprovalNotNeeded:
        return False
    return one not in {each.counts_as for each in approvals(request.plan, earlier).given}
