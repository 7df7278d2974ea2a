"""Who is signed in."""

from __future__ import annotations

import datetime as dt

from hitl_middleware.ids import new_id
from hitl_middleware.ports import Session, Store
from hitl_middleware.testing.store_contract.case import ODD, StoreCase


class SessionContract(StoreCase):
    """What the port says of sessions."""

    async def test_a_session_is_found_until_it_ends(self, store: Store) -> None:
        """Issue 6: as it was written; ended, it is found by nobody. Who ends it is given it, once."""
        async with store.begin() as uow:
            session = _session(await uow.now(), 60, name=ODD, asked=True)
            await uow.add_session(session)
        async with store.read() as uow:
            assert await uow.session(session.id) == session
            assert await uow.session(new_id()) is None
        for ended in (session, None):
            async with store.begin() as uow:
                assert await uow.end_session(session.id) == ended
            async with store.read() as uow:
                assert await uow.session(session.id) is None

    async def test_a_session_runs_out(self, store: Store) -> None:
        """By the database's time, whatever the sender's clock says; and who signs in next leaves none behind that ran out."""
        async with store.begin() as uow:
            now = await uow.now()
            short, long = _session(now, 10), _session(now, 600)
            await uow.add_session(short)
            await uow.add_session(long)
        self.advance(11)
        async with store.read() as uow:
            assert await uow.session(short.id) is None
            assert await uow.session(long.id) == long
        async with store.begin() as uow:
            assert await uow.end_session(short.id) is None
            await uow.add_session(_session(await uow.now(), 600))
            assert await uow.session(long.id) == long


def _session(now: dt.datetime, seconds: float, **facts: object) -> Session:
    made = {"id": new_id(), "identity": "github:ann", "created_at": now, **facts}
    return Session(expires_at=now + dt.timedelta(seconds=seconds), **made)  # type: ignore[arg-type]  # facts of a test
