"""A period as it is asked for in an address: the last so many days, or from a day to another. Pure."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final

from fastapi import Query

from hitl_middleware.analytics import Period
from hitl_middleware.errors import DoesNotFit

USUAL: Final = 30
OFFERED: Final = (7, 30, 90)
"""Days."""

_FIRST, _LAST = 1970, 2199
_DAY: Final = dt.timedelta(days=1)

Days = Annotated[int | None, Query(ge=1, le=3_660, description=f"The last so many days; {USUAL} by default.")]
From = Annotated[
    str | None,
    Query(alias="from", pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$", description="The first day, in UTC."),
]
To = Annotated[
    str | None,
    Query(
        alias="to",
        pattern=r"^([0-9]{4}-[0-9]{2}-[0-9]{2})?$",
        description="The last day, in UTC; today by default.",
    ),
]
GraphName = Annotated[str | None, Query(max_length=200, description="Only what this graph asked.")]


def period_of(now: dt.datetime, days: int | None, first: str | None, last: str | None) -> Period:
    """Whole days in UTC, the last one included. A day that is named comes before ``days``; a field that was left empty names none.

    Raises ``DoesNotFit``.
    """
    end = _day("to", last) if last else now.astimezone(dt.UTC).date()
    begin = _day("from", first) if first else max(dt.date(_FIRST, 1, 1), end - ((days or USUAL) - 1) * _DAY)
    if begin > end:
        raise DoesNotFit(field="from", why=f"{begin} is after {end}")
    return Period(since=_midnight(begin), until=_midnight(end + _DAY))


def last_day(period: Period) -> dt.date:
    """The last day of a period of whole days."""
    return (period.until - _DAY).date()


def _day(field: str, given: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(given)
    except ValueError:
        raise DoesNotFit(field=field, why=f"{given} is no day; write 2026-01-31") from None
    if not _FIRST <= day.year <= _LAST:
        raise DoesNotFit(field=field, why=f"a day from {_FIRST} to {_LAST}")
    return day


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
