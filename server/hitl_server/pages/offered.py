"""Which answers a page offers to whoever looks at it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from starlette.requests import Request

from hitl_middleware.desk.offers import Offer, offers
from hitl_middleware.hitl import Hitl
from hitl_middleware.records import ReviewRequest
from hitl_server.auth import Caller


async def offered(hitl: Hitl, asked: Request, requests: Collection[ReviewRequest]) -> Mapping[str, Offer]:
    """What whoever asks may answer to these requests, by id. Nothing where they only look on: a viewer, a program."""
    caller: Caller = asked.state.caller
    if caller.role == "viewer" or not requests:
        return {}

    async def look() -> Mapping[str, Offer]:
        person = await hitl.directory.person(caller.identity, name=caller.name)
        return await offers(hitl.store, hitl.directory, person, requests)

    return await hitl.portal.run(look)
