"""What waits for one person: the pending requests whose answer the desk would take from them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import Final

from hitl_middleware.desk.authority import check_person
from hitl_middleware.errors import NotAllowed
from hitl_middleware.ports import Directory, Person, Store
from hitl_middleware.records import Card, ReviewRequest

MOST_READ: Final = 1_000
"""Pending requests that are looked at, newest first; ``more`` counts no further."""

PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class WaitingRequest:
    """One of them, with the messages that show it."""

    request: ReviewRequest
    cards: tuple[Card, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """The newest first. ``more`` wait besides; ``at`` is the database's time of looking."""

    items: tuple[WaitingRequest, ...]
    more: int
    at: dt.datetime


async def waiting_for(store: Store, directory: Directory, by: Person, *, most: int) -> Waiting:
    """What waits for ``by``, at most ``most`` of it with its messages. Judged by the rule for answers; who has voted is not waited for."""
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
    # Judged outside of the unit: a directory may have to ask elsewhere.
    may = [request for request in pending if await _may(request, by, directory)]
    async with store.read() as uow:
        mine: list[ReviewRequest] = []
        for request in may:
            if request.plan.required_approvals > 1:
                voted = {each.person for each in await uow.submissions(request.id)}
                if voted & (by.identities | {by.identity}):
                    continue
            mine.append(request)
        items = [WaitingRequest(each, tuple(await uow.cards_of(each.id))) for each in mine[:most]]
    return Waiting(items=tuple(items), more=max(len(mine) - most, 0), at=at)


async def _may(request: ReviewRequest, by: Person, directory: Directory) -> bool:
    by = replace(by, groups=await directory.groups(by, request))
    try:
        await check_person(request.plan, request.requester, None, by, directory)
    except NotAllowed:
        return False
    return True
