"""Who is signed in."""

from __future__ import annotations

from hitl_middleware.ports import Session
from hitl_middleware.stores.memory.state import Verbs


class SessionVerbs(Verbs):
    """What the port says of sessions."""

    async def add_session(self, session: Session) -> None:
        self._may_write()
        for each in [each.id for each in self._state.sessions.values() if self._passed(each.expires_at)]:
            del self._state.sessions[each]
        self._add(self._state.sessions, session)

    async def session(self, session_id: str) -> Session | None:
        found = self._state.sessions.get(session_id)
        return None if found is None or self._passed(found.expires_at) else found

    async def end_session(self, session_id: str) -> Session | None:
        self._may_write()
        found = self._state.sessions.pop(session_id, None)
        return None if found is None or self._passed(found.expires_at) else found
