"""Looking back: what was asked in a period, and searching the audit."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from hitl_middleware.analytics import Asked, Period
from hitl_middleware.ids import new_id
from hitl_middleware.ports import AuditSearch, Store
from hitl_middleware.records import AuditEvent, ChainHead
from hitl_middleware.testing.store_contract.case import (
    BORN,
    ODD,
    StoreCase,
    a_submission,
    an_event,
    decided,
)

HOUR = dt.timedelta(hours=1)
EARLIEST = dt.datetime(1, 1, 1, tzinfo=dt.timezone(14 * HOUR))
LATEST = dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.timezone(-12 * HOUR))
"""Times that somebody may ask for, beyond what UTC has a year for."""


class LookingBackContract(StoreCase):
    """What the port says of looking back."""

    async def test_what_was_asked_is_told_with_its_answers(self, store: Store) -> None:
        """O-06: what a request was, what became of it and of its act, and every answer in order, a person by one name."""
        pending = await self.added_request(store, created_at=BORN)
        done = await self.added_request(store, created_at=BORN + HOUR, step="plan-review")
        action = await self.added_action(store, request_id=done.id, status="unknown")
        first = a_submission(done.id, created_at=BORN + HOUR, counts_as="ann", name=ODD)
        second = a_submission(done.id, created_at=BORN + 2 * HOUR, counts_as=None, person="api")
        done = replace(decided(done), action_id=action.id, decided_at=BORN + 2 * HOUR)
        async with store.begin() as uow:
            await uow.request(done.id, lock=True)
            await uow.save_request(done)
            assert await uow.add_submission(first)
            assert await uow.add_submission(second)
        async with store.read() as uow:
            page = await uow.list_asked(Period(since=BORN, until=BORN + 2 * HOUR))
        newest, oldest = page.items
        assert page.next is None
        assert (newest.id, newest.status, newest.outcome, newest.what) == (
            done.id, "approved", "unknown", "plan-review",
        )  # fmt: skip
        assert (newest.waited, newest.decided_by_name, newest.overdue) == (3_600.0, ODD, True)
        assert [(a.person, a.name, a.decision, a.message, a.at) for a in newest.answers] == [
            ("ann", ODD, "edit", ODD, BORN + HOUR),
            ("api", "Kim", "edit", ODD, BORN + 2 * HOUR),
        ]
        assert oldest == Asked(
            id=pending.id, graph="support", kind="tool_call", status="pending", asked_at=BORN
        )

    async def test_a_period_is_read_in_pages(self, store: Store) -> None:
        """O-06: newest first, whatever was asked at the same moment; from its begin (included) to its end (not); of one graph."""
        run = await self.added_run(store)
        asked = [
            await self.added_request(
                store, run_id=run.id, created_at=BORN + (n // 2) * HOUR, graph=f"graph-{n % 2}"
            )
            for n in range(8)
        ]
        async with store.begin() as uow:
            for each in asked:
                assert await uow.add_submission(a_submission(each.id))
        period = Period(since=BORN + HOUR, until=BORN + 3 * HOUR)
        wanted = sorted(asked[2:6], key=lambda each: (each.created_at, each.id), reverse=True)
        for limit in (1, 2, 3, 9):
            found: list[Asked] = []
            cursor: str | None = None
            while True:
                async with store.read() as uow:
                    page = await uow.list_asked(period, cursor=cursor, limit=limit)
                assert len(page.items) <= limit
                found += page.items
                if (cursor := page.next) is None:
                    break
            assert [each.id for each in found] == [each.id for each in wanted]
            assert all(len(each.answers) == 1 for each in found)
        async with store.read() as uow:
            page = await uow.list_asked(period, graph="graph-1", limit=1)
            rest = await uow.list_asked(period, graph="graph-1", limit=1, cursor=page.next)
            assert [e.id for e in (*page.items, *rest.items)] == [asked[5].id, asked[3].id]
            assert rest.next is None
            assert not (await uow.list_asked(period, graph=ODD)).items

    async def test_the_audit_is_searched(self, store: Store) -> None:
        """O-01: by kind or family of kinds, actor, run, request, thread and time, which all have to fit; in both directions, in pages."""
        run = new_id()
        events = [
            an_event(kind="request.opened", actor="hitl", at=BORN),
            an_event(kind="request.approved", actor=ODD, at=BORN + HOUR, run_id=run),
            an_event(kind="requested.else", at=BORN + 2 * HOUR, request_id="request-2"),
            an_event(kind="run.started", at=BORN + 3 * HOUR, run_id=None, thread_id="t-2"),
        ]
        await self._sealed(store, events)
        async with store.begin() as uow:
            await uow.append(an_event(kind="request.opened"))  # not sealed yet
        searches: list[tuple[AuditSearch, list[int]]] = [
            (AuditSearch(), [1, 2, 3, 4]),
            (AuditSearch(kind="request.opened"), [1]),
            (AuditSearch(kind="request"), [1, 2]),
            (AuditSearch(kind="request", actors=(ODD,)), [2]),
            (AuditSearch(kind="REQUEST"), []),
            (AuditSearch(actors=("hitl", ODD, "nobody")), [1, 2]),
            (AuditSearch(run_id=run), [2]),
            (AuditSearch(request_id="request-2"), [3]),
            (AuditSearch(thread_id="t-2", since=BORN), [4]),
            (AuditSearch(since=BORN + HOUR, until=BORN + 3 * HOUR), [2, 3]),
            (AuditSearch(actors=("slack:U1",), until=BORN), []),
            (AuditSearch(since=EARLIEST, until=LATEST), [1, 2, 3, 4]),
            (AuditSearch(actors=("\0",), kind="\0", thread_id="\ud800"), []),
        ]
        async with store.read() as uow:
            for search, wanted in searches:
                assert [e.seq for e in await uow.find_audit(search)] == wanted, search
                backwards = await uow.find_audit(search, newest_first=True)
                assert [e.seq for e in backwards] == wanted[::-1], search
            assert [e.seq for e in await uow.find_audit(AuditSearch(), cursor=2, limit=1)] == [3]
            family = AuditSearch(kind="request")
            assert [e.seq for e in await uow.find_audit(family, cursor=2, newest_first=True)] == [1]
            found = await uow.find_audit(AuditSearch(kind="run.started"))
            assert found == (replace(events[3], seq=4, hash="hash-4"),)

    async def _sealed(self, store: Store, events: list[AuditEvent]) -> None:
        async with store.begin() as uow:
            for event in events:
                await uow.append(event)
            await uow.chain_head(lock=True)
            sealed = [replace(event, seq=n, hash=f"hash-{n}") for n, event in enumerate(events, 1)]
            await uow.seal(sealed, ChainHead(len(sealed), f"hash-{len(sealed)}"))
