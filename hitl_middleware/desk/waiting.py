"""What waits for one person: the pending requests whose answer the desk would take from them.

However much waits for others, it is not looked at: requests that the same people may decide are of one audience (``Directory.audience``),
so the first of each is judged, and then only what is for the person's audiences is read. Each of those is judged for itself, too: nobody
decides what they asked for, or is waited for once they have approved.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from hitl_middleware.actions import Decision
from hitl_middleware.desk.authority import check_person, in_groups, weigh
from hitl_middleware.errors import ApprovalNotNeeded, NotAllowed
from hitl_middleware.ports import Directory, Person, Store
from hitl_middleware.quorum import Approvals, approvals, shows
from hitl_middleware.records import Card, ReviewRequest, Submission

MOST_AUDIENCES: Final = 1_000
"""Different ones that are looked at. There are about as many as policies, times repositories where a role there is asked for."""

MOST_READ: Final = 1_000
"""Requests for the person's audiences that are looked at; ``more`` counts no further."""

PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """One of them, with the messages that show it. ``approvals``: how far it is, where several have to approve."""

    request: ReviewRequest
    cards: tuple[Card, ...]
    approvals: Approvals | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """The riskiest first, of equal ones the oldest. ``more`` wait besides; ``at`` is the database's time of looking."""

    items: tuple[WaitingRequest, ...]
    more: int
    at: dt.datetime


async def waiting_for(store: Store, directory: Directory, by: Person, *, most: int) -> Waiting:
    """What waits for ``by``, at most ``most`` of it with its messages. Judged by the rule for answers.

    Who has approved is not waited for, nor whose approval would change nothing.
    """
    async with store.glance() as uow:
        at = await uow.now()
    mine = [each async for page in _line(store, directory, by, PAGE) for each in page]
    async with store.read() as uow:
        items = [
            WaitingRequest(each, tuple(await uow.cards_of(each.id)), found) for each, found in mine[:most]
        ]
    return Waiting(items=tuple(items), more=max(len(mine) - most, 0), at=at)


async def first_in_line(
    store: Store, directory: Directory, by: Person, *, most: int
) -> tuple[ReviewRequest, ...]:
    """The same without messages and count: at most ``most``, and the line is read no further than to those."""
    found: list[ReviewRequest] = []
    async for page in _line(store, directory, by, most):
        found += [request for request, _ in page]
        if len(found) >= most:
            break
    return tuple(found[:most])


async def is_asked(store: Store, directory: Directory, by: Person) -> bool:
    """Whether something that waits is for ``by`` to decide, whoever asked for it and whoever has approved."""
    theirs, unsure = await _audiences(store, directory, by)
    if theirs:
        return True
    async for page in _pages(store, unsure, PAGE):
        if await _theirs(page, by, directory, whoever_asked=True):
            return True
    return False


async def _line(
    store: Store, directory: Directory, by: Person, at_once: int
) -> AsyncIterator[list[tuple[ReviewRequest, Approvals | None]]]:
    """What waits for ``by``, in its order, by so many at a time; how far those are that several have to approve."""
    among = None if by.operator else frozenset().union(*await _audiences(store, directory, by))
    async for page in _pages(store, among, at_once):
        yield await _for(store, directory, by, page)


async def _pages(
    store: Store, among: Collection[str] | None, at_once: int
) -> AsyncIterator[Sequence[ReviewRequest]]:
    cursor: str | None = None
    for _ in range(0, MOST_READ, at_once):
        async with store.glance() as uow:
            page = await uow.list_waiting(among=among, cursor=cursor, limit=at_once)
        yield page.items
        if (cursor := page.next) is None:
            return


async def _audiences(store: Store, directory: Directory, by: Person) -> tuple[frozenset[str], frozenset[str]]:
    """The audiences that ``by`` is of, and those of which one request does not tell of all: its people were named by other rules."""
    theirs: set[str] = set()
    unsure: set[str] = set()
    cursor: str | None = None
    for _ in range(0, MOST_AUDIENCES, PAGE):
        async with store.glance() as uow:
            page = await uow.list_audiences(cursor=cursor, limit=PAGE)
        sure = [r for r in page.items if directory.audience(r.plan.approvers, r.labels) == r.audience]
        unsure.update({each.audience for each in page.items} - {each.audience for each in sure})
        theirs.update(each.audience for each, _ in await _theirs(sure, by, directory, whoever_asked=True))
        if (cursor := page.next) is None:
            break
    return frozenset(theirs), frozenset(unsure)


async def _for(
    store: Store, directory: Directory, by: Person, pending: Sequence[ReviewRequest]
) -> list[tuple[ReviewRequest, Approvals | None]]:
    """Those that wait for ``by``, and how far those are that several have to approve."""
    # Judged outside of the unit: a directory may have to ask elsewhere.
    theirs = await _theirs(pending, by, directory)
    mine: list[tuple[ReviewRequest, Approvals | None]] = []
    async with store.read() as uow:
        for request, person in theirs:
            found = None
            if shows(request):
                earlier = await uow.submissions(request.id)
                if not await _is_missing(request, person, earlier, directory):
                    continue
                found = approvals(request.plan, earlier)
            mine.append((request, found))
    return mine


async def _theirs(
    requests: Sequence[ReviewRequest], by: Person, directory: Directory, *, whoever_asked: bool = False
) -> list[tuple[ReviewRequest, Person]]:
    """What is for ``by`` to decide, and the person with the groups that matter there. ``whoever_asked``: be it they themselves."""
    people = await in_groups(by, requests, directory)
    found = []
    for request in requests:
        try:
            requester = None if whoever_asked else request.requester
            await check_person(request.plan, requester, None, people[request.id], directory)
        except NotAllowed:
            continue
        found.append((request, people[request.id]))
    return found


async def _is_missing(
    request: ReviewRequest, by: Person, earlier: Sequence[Submission], directory: Directory
) -> bool:
    """Whether an approval of theirs would bring the request further. Who only could still say no is not waited for."""
    try:
        one, _ = await weigh(request.plan, by, earlier, Decision(type="approve"), directory)
    except ApprovalNotNeeded:
        return False
    return one not in {each.counts_as for each in approvals(request.plan, earlier).given}
