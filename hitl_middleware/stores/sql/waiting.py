"""The line of what waits: whole, or for some audiences; and which audiences there are. Each is read from an index, in its order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Integer,
    Select,
    bindparam,
    literal,
    select,
    tuple_,
    union_all,
)

from hitl_middleware.records import Page, ReviewRequest
from hitl_middleware.stores import rows
from hitl_middleware.stores.line import PlaceInLine, place_in_line
from hitl_middleware.stores.rows import Row
from hitl_middleware.stores.sql.base import Verbs, of
from hitl_middleware.stores.tables import REQUEST_PENDING, requests

AT_ONCE: Final = 50
"""Audiences in one statement. SQLite takes 500 parts of a union (sqlite.org, "Limits"); the statements are kept, one for each number."""

_ROWS: BindParameter[int] = bindparam("rows", type_=Integer())
_BEHIND = tuple_(requests.c.precedence, requests.c.id) > tuple_(of(requests.c.precedence), of(requests.c.id))
_WAITING = select(requests).where(REQUEST_PENDING).order_by(requests.c.precedence, requests.c.id).limit(_ROWS)
WAITING_AFTER = _WAITING.where(_BEHIND)


@cache
def waiting_among(audiences: int, *, following: bool) -> Select[Any]:
    """A page of what is for so many audiences: of each no more than the page can show, by its index, and only then put in one line."""
    waiting = select(requests.c.id, requests.c.precedence).where(REQUEST_PENDING)
    if following:
        waiting = waiting.where(_BEHIND)
    lines = [
        waiting.where(requests.c.audience == bindparam(f"audience_{number}"))
        .order_by(requests.c.precedence, requests.c.id)
        .limit(_ROWS)
        .subquery(f"line_{number}")
        for number in range(audiences)
    ]
    line = union_all(*(select(each.c.id, each.c.precedence) for each in lines)).subquery("line")
    return (
        select(requests)
        .join_from(line, requests, requests.c.id == line.c.id)
        .order_by(line.c.precedence, line.c.id)
        .limit(_ROWS)
    )


@cache
def audiences(*, following: bool) -> Select[Any]:
    """A page of audiences, each with its first request: from one to the next by the index, past all that is for the same."""
    waiting = requests.alias("waiting")

    def first(*conditions: ColumnElement[bool]) -> Any:
        found = select(waiting.c.audience).where(REQUEST_PENDING, *conditions)
        return found.order_by(waiting.c.audience).limit(1).scalar_subquery()

    behind = [waiting.c.audience > bindparam("behind")] if following else []
    each = select(first(*behind).label("audience"), literal(1).label("number")).cte("each", recursive=True)
    # Counted inside: not every database would stop the recursion for a limit outside.
    each = each.union_all(
        select(first(waiting.c.audience > each.c.audience), each.c.number + 1).where(
            each.c.audience.is_not(None), each.c.number < _ROWS
        )
    )
    of_it = (
        select(waiting.c.id)
        .where(REQUEST_PENDING, waiting.c.audience == each.c.audience)
        .order_by(waiting.c.precedence, waiting.c.id)
        .limit(1)
        .scalar_subquery()
    )
    return select(requests).join_from(each, requests, requests.c.id == of_it).order_by(each.c.audience)


class WaitingVerbs(Verbs):
    """What the port says of what waits."""

    async def list_waiting(
        self, *, among: Collection[str] | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[ReviewRequest]:
        after = place_in_line(cursor)
        place = {} if after is None else {f"of_{name}": value for name, value in after._asdict().items()}
        if among is None:
            statement = WAITING_AFTER if place else _WAITING
            found = (await self._execute(statement, rows=limit + 1, **place)).rows
        else:
            found = await self._among(among, place, limit + 1)
        items = tuple(map(rows.request, found[:limit]))
        return Page(items, PlaceInLine.of(items[-1]).cursor if len(found) > limit else None)

    async def _among(self, among: Collection[str], place: dict[str, Any], most: int) -> Sequence[Row]:
        found: list[Row] = []
        for some in _parts(sorted(among)):
            statement = waiting_among(len(some), following=bool(place))
            names = {f"audience_{number}": audience for number, audience in enumerate(some)}
            found += (await self._execute(statement, rows=most, **names, **place)).rows
        return sorted(found, key=lambda row: (row["precedence"], row["id"]))[:most]

    async def list_audiences(self, *, cursor: str | None = None, limit: int = 50) -> Page[ReviewRequest]:
        behind = {} if cursor is None else {"behind": cursor}
        found = (await self._execute(audiences(following=bool(behind)), rows=limit + 1, **behind)).rows
        items = tuple(map(rows.request, found[:limit]))
        return Page(items, items[-1].audience if len(found) > limit else None)


def _parts(all_of_it: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(all_of_it), AT_ONCE):
        yield all_of_it[start : start + AT_ONCE]
