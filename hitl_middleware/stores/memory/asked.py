"""What was asked in a period, for figures."""

from __future__ import annotations

from hitl_middleware.analytics.rows import Answered, Asked, Period
from hitl_middleware.records import Page, ReviewRequest
from hitl_middleware.stores.line import PlaceInTime, place_in_time
from hitl_middleware.stores.memory.state import Verbs, oldest_first


class AskedVerbs(Verbs):
    """What the port says of looking back."""

    async def list_asked(
        self, period: Period, *, graph: str | None = None, cursor: str | None = None, limit: int = 1_000
    ) -> Page[Asked]:
        after = place_in_time(cursor)
        found = sorted(
            (
                request
                for request in self._state.requests.values()
                if period.since <= request.created_at < period.until
                and graph in {None, request.graph}
                and (after is None or _place(request) < after)
            ),
            key=_place,
            reverse=True,
        )
        page = found[:limit]
        wanted = {request.id for request in page}
        given: dict[str, list[Answered]] = {}
        for each in oldest_first(s for s in self._state.submissions.values() if s.request_id in wanted):
            answer = Answered(
                at=each.created_at,
                decision=each.decision.type,
                person=each.counts_as or each.person,
                name=each.name,
                via=each.via,
                message=each.decision.message,
            )
            given.setdefault(each.request_id, []).append(answer)
        items = tuple(self._asked(request, tuple(given.get(request.id, ()))) for request in page)
        return Page(items, _place(page[-1]).cursor if len(found) > limit else None)

    def _asked(self, request: ReviewRequest, answers: tuple[Answered, ...]) -> Asked:
        action = self._state.actions.get(request.action_id or "")
        return Asked(
            id=request.id,
            graph=request.graph,
            kind=request.kind,
            status=request.status,
            asked_at=request.created_at,
            tool=request.tool,
            step=request.step,
            decided_at=request.decided_at,
            decided_by=request.decided_by,
            decided_by_name=request.decided_by_name,
            decided_via=request.decided_via,
            overdue=request.overdue,
            outcome=action.status if action is not None else None,
            answers=answers,
        )


def _place(request: ReviewRequest) -> PlaceInTime:
    return PlaceInTime(request.created_at, request.id)
