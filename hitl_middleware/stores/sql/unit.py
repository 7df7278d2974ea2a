"""The whole unit of work."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from sqlalchemy import select

from hitl_middleware.stores.columns import NOW
from hitl_middleware.stores.sql.actions import ActionVerbs
from hitl_middleware.stores.sql.asked import AskedVerbs
from hitl_middleware.stores.sql.audit import AuditVerbs
from hitl_middleware.stores.sql.cards import CardVerbs, MailVerbs
from hitl_middleware.stores.sql.due import DueVerbs
from hitl_middleware.stores.sql.requests import RequestVerbs
from hitl_middleware.stores.sql.runs import RunVerbs
from hitl_middleware.stores.sql.sessions import SessionVerbs
from hitl_middleware.stores.sql.tally import TallyVerbs
from hitl_middleware.stores.sql.troubles import TroubleVerbs
from hitl_middleware.stores.sql.waiting import WaitingVerbs

T = TypeVar("T")

_NOW = select(NOW)


class SqlUnit(
    RunVerbs,
    RequestVerbs,
    WaitingVerbs,
    AskedVerbs,
    ActionVerbs,
    CardVerbs,
    MailVerbs,
    SessionVerbs,
    AuditVerbs,
    DueVerbs,
    TallyVerbs,
    TroubleVerbs,
):
    """``ports.UnitOfWork`` over one connection."""

    _asked = False

    async def now(self) -> dt.datetime:
        """The database's time: when the unit began, and where it is asked again, then."""
        told = self._time() or (None if self._asked else self._connection.began)
        self._asked = True
        at: dt.datetime = told or (await self._timed(_NOW)).column[0]
        return at

    async def beside(self, write: Callable[[Any], Awaitable[T]]) -> T:
        return await self._connection.lend(write)
