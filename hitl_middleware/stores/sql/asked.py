"""What was asked in a period, for figures: the few columns that they are worked out from, a page at a time by the index of when."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, func, select, tuple_

from hitl_middleware.analytics.rows import Answered, Asked, Period
from hitl_middleware.records import Page
from hitl_middleware.stores.columns import UtcTime, Words
from hitl_middleware.stores.line import PlaceInTime, place_in_time
from hitl_middleware.stores.rows import Row
from hitl_middleware.stores.sql.base import Verbs, of
from hitl_middleware.stores.tables import actions, requests, submissions

_PLACE = tuple_(requests.c.created_at, requests.c.id)
_LOWEST: Any = tuple_(bindparam("low_at", type_=UtcTime()), bindparam("low_id", type_=Words()))
_HIGHEST: Any = tuple_(bindparam("high_at", type_=UtcTime()), bindparam("high_id", type_=Words()))


@cache
def asked(*, of_graph: bool, following: bool) -> Select[Any]:
    """A page, newest first. ``following``: behind the place ``high``."""
    found = (
        select(
            requests.c.id,
            requests.c.graph,
            requests.c.kind,
            requests.c.status,
            requests.c.created_at.label("asked_at"),
            requests.c.tool,
            requests.c.step,
            requests.c.decided_at,
            requests.c.decided_by,
            requests.c.decided_by_name,
            requests.c.decided_via,
            requests.c.overdue,
            actions.c.status.label("outcome"),
        )
        .join_from(requests, actions, actions.c.id == requests.c.action_id, isouter=True)
        .where(requests.c.created_at >= bindparam("since"))
        .order_by(requests.c.created_at.desc(), requests.c.id.desc())
        .limit(bindparam("rows"))
    )
    if of_graph:
        found = found.where(requests.c.graph == of(requests.c.graph))
    # Behind a place is before the end, too: said once, so that the index is entered there and not at the end again.
    return found.where(_PLACE < _HIGHEST if following else requests.c.created_at < bindparam("until"))


@cache
def answered(*, of_graph: bool) -> Select[Any]:
    """The answers to the requests of one page: from the place ``low`` to the place ``high``."""
    found = (
        select(
            submissions.c.request_id,
            submissions.c.created_at.label("at"),
            submissions.c.decision,
            func.coalesce(submissions.c.counts_as, submissions.c.person).label("person"),
            submissions.c.name,
            submissions.c.via,
        )
        .join_from(requests, submissions, submissions.c.request_id == requests.c.id)
        .where(_PLACE >= _LOWEST, _PLACE <= _HIGHEST)
        .order_by(submissions.c.id)
    )
    return found.where(requests.c.graph == of(requests.c.graph)) if of_graph else found


class AskedVerbs(Verbs):
    """What the port says of looking back."""

    async def list_asked(
        self, period: Period, *, graph: str | None = None, cursor: str | None = None, limit: int = 1_000
    ) -> Page[Asked]:
        place, about = place_in_time(cursor), {} if graph is None else {"of_graph": graph}
        before: dict[str, Any] = {"until": period.until}
        if place is not None:
            before = {"high_at": place.created_at, "high_id": place.id}
        statement = asked(of_graph=bool(about), following=place is not None)
        found = (await self._execute(statement, since=period.since, rows=limit + 1, **about, **before)).rows
        page = found[:limit]
        if not page:
            return Page((), None)
        high, low = _place(page[0]), _place(page[-1])
        given: dict[str, list[Answered]] = {}
        for row in (
            await self._execute(
                answered(of_graph=bool(about)),
                low_at=low.created_at,
                low_id=low.id,
                high_at=high.created_at,
                high_id=high.id,
                **about,
            )
        ).rows:
            given.setdefault(row["request_id"], []).append(_answer(row))
        items = tuple(Asked(**row, answers=tuple(given.get(row["id"], ()))) for row in page)
        return Page(items, low.cursor if len(found) > limit else None)


def _place(row: Row) -> PlaceInTime:
    return PlaceInTime(row["asked_at"], row["id"])


def _answer(row: Row) -> Answered:
    # Not validated again: a page has a thousand, and what an edit wrote may be long.
    said = row["decision"]
    values = {name: row[name] for name in ("at", "person", "name", "via")}
    return Answered(**values, decision=said["type"], message=said.get("message"))
