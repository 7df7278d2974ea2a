"""What somebody may answer, before they do: so that nobody is offered a button which the desk would refuse."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from hitl_middleware.actions import Decision
from hitl_middleware.desk.authority import check_person, in_groups, weigh
from hitl_middleware.errors import ApprovalNotNeeded, NotAllowed
from hitl_middleware.ports import Directory, Person, Store
from hitl_middleware.quorum import approvals, progress, shows
from hitl_middleware.records import ReviewRequest, Submission


@dataclass(frozen=True, slots=True)
class Offer:
    """``refused``: why an answer of theirs would not be taken at all; ``unneeded``: why their approval changes nothing, a "no" does."""

    refused: str | None = None
    unneeded: str | None = None


async def offers(
    store: Store, directory: Directory, by: Person, requests: Collection[ReviewRequest]
) -> Mapping[str, Offer]:
    """What ``by`` may answer to each of these requests, by id. Judged by the rule for answers, which is applied again when one comes."""
    several = [request.id for request in requests if shows(request)]
    earlier: dict[str, list[Submission]] = {key: [] for key in several}
    if several:
        async with store.read() as uow:
            for each in await uow.submissions_of(several):
                earlier[each.request_id].append(each)
    # Outside of the unit: a directory may have to ask elsewhere.
    asks = [request for request in requests if not by.operator or request.id in earlier]
    people = await in_groups(by, asks, directory)
    return {
        each.id: await _offer(directory, people.get(each.id, by), each, earlier.get(each.id))
        for each in requests
    }


async def _offer(
    directory: Directory, by: Person, request: ReviewRequest, earlier: list[Submission] | None
) -> Offer:
    try:
        await check_person(request.plan, request.requester, None, by, directory)
        if earlier is not None:
            one, fills = await weigh(request.plan, by, earlier, Decision(type="approve"), directory)
            found = approvals(request.plan, earlier)
            given = any(each.counts_as == one for each in found.given)
            # Who came into a missing role since brings it further by approving once more.
            if given and set(found.still_from).isdisjoint(fills):
                return Offer(unneeded=f"You have approved: {progress(found)}.")
    except NotAllowed as refusal:
        return Offer(refused=f"This is not for you to decide: {refusal.facts['why']}")
    except ApprovalNotNeeded as refusal:
        return Offer(unneeded=str(refusal))
    return Offer()
