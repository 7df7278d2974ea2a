"""The order of what waits: riskier before less risky, older before newer. That of what was asked: newer first. Cursors into both. Pure."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final, NamedTuple, Self

from hitl_middleware.records import ReviewRequest
from hitl_middleware.review import precedence

_CURSOR: Final = re.compile(r"([0-9])-(.+)", re.DOTALL)
_TIME: Final = re.compile(r"([^ ]{10,40}) (.+)", re.DOTALL)


class PlaceInLine(NamedTuple):
    """Where a request stands; compared as tuples are."""

    precedence: int
    id: str

    @classmethod
    def of(cls, request: ReviewRequest) -> Self:
        """The place of a request."""
        return cls(precedence(request.plan.risk), request.id)

    @property
    def cursor(self) -> str:
        """It as text."""
        return f"{self.precedence}-{self.id}"


def place_in_line(cursor: str | None) -> PlaceInLine | None:
    """The place that a cursor names; ``None``: the beginning, also of what no page ever gave as its next one."""
    found = _CURSOR.fullmatch(cursor or "")
    return None if found is None else PlaceInLine(int(found[1]), found[2])


class PlaceInTime(NamedTuple):
    """When a request was asked; compared as tuples are."""

    created_at: dt.datetime
    id: str

    @property
    def cursor(self) -> str:
        """It as text."""
        return f"{self.created_at.isoformat()} {self.id}"


def place_in_time(cursor: str | None) -> PlaceInTime | None:
    """The place that a cursor names; ``None``: the beginning."""
    found = _TIME.fullmatch(cursor or "")
    return None if found is None else PlaceInTime(dt.datetime.fromisoformat(found[1]), found[2])
