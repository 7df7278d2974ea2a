"""Who is signed in."""

from __future__ import annotations

from sqlalchemy import delete, select

from hitl_middleware.ports import Session
from hitl_middleware.stores import rows
from hitl_middleware.stores.columns import NOW
from hitl_middleware.stores.sql.base import Verbs, insert_new, of, passed, taken
from hitl_middleware.stores.tables import sessions

_ADD = insert_new(sessions)
_SESSION = select(sessions).where(sessions.c.id == of(sessions.c.id), sessions.c.expires_at > NOW)
_END = (
    delete(sessions)
    .where(sessions.c.id == of(sessions.c.id), sessions.c.expires_at > NOW)
    .returning(*sessions.c)
)
_FORGET = delete(sessions).where(passed(sessions.c.expires_at))


class SessionVerbs(Verbs):
    """What the port says of sessions."""

    async def add_session(self, session: Session) -> None:
        await self._timed(_FORGET)
        await self._add(_ADD, session)

    async def session(self, session_id: str) -> Session | None:
        found = (await self._timed(_SESSION, of_id=session_id)).rows
        return rows.session(found[0]) if found else None

    async def end_session(self, session_id: str) -> Session | None:
        return taken(await self._timed(_END, of_id=session_id), rows.session)
