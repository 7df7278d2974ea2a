"""Units of work: all or nothing, seen by nobody before the end, judged by the database's time."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace

import pytest

from hitl_middleware.ports import Store
from hitl_middleware.testing.store_contract.case import (
    BORN,
    StoreCase,
    a_card,
    a_notice,
    a_request,
    a_run,
    a_submission,
    an_action,
    an_event,
)


class Interrupted(Exception):
    """Something went wrong inside a unit of work."""


class UnitContract(StoreCase):
    """What ``Store`` promises of ``begin`` and ``read``."""

    async def test_a_block_that_raises_leaves_nothing(self, store: Store) -> None:
        """A request, its action, its card and its audit are written together or not at all (S-10, O-01)."""
        before = await self.added_run(store, status="suspended")
        request = a_request(before.id)
        with pytest.raises(Interrupted):  # noqa: PT012 – what is done before the end is the point
            async with store.begin() as uow:
                assert await uow.set_run(before.id, "failed", error="no")
                await uow.want_run(before.id)
                assert await uow.acquire_lease(before.id, "me", 30) is not None
                assert await uow.add_request(request)
                await uow.add_submission(a_submission(request.id))
                assert await uow.add_action(action := an_action(request_id=request.id))
                assert await uow.add_card(card := a_card(request.id))
                assert await uow.add_notice(notice := a_notice())
                await uow.append(an_event())
                raise Interrupted
        async with store.begin() as uow:
            assert await uow.run(before.id) == before
            assert await uow.request(request.id) is None
            assert not await uow.submissions(request.id)
            assert await uow.action(action.id) is None
            assert await uow.card(card.id) is None
            assert await uow.lease_notice(notice.id, 1) is None
            assert not await uow.unsealed(10)

    async def test_nothing_is_seen_before_the_end(self, store: Store) -> None:
        """Who reads sees a change when its unit of work has ended, and does not wait for it (O-09)."""
        run = a_run()
        async with store.begin() as uow:
            assert await uow.add_run(run)
            async with store.read() as other:
                assert await other.run(run.id) is None
        async with store.read() as other:
            assert await other.run(run.id) == run

    async def test_a_reader_sees_one_moment(self, store: Store) -> None:
        """What changes while somebody reads does not appear in the middle of it."""
        run = await self.added_run(store)
        async with store.read() as reader:
            assert await reader.run(run.id) == run
            later = await self.added_run(store)
            assert await reader.run(later.id) is None
            assert [r.id for r in (await reader.list_runs()).items] == [run.id]

    async def test_a_reader_cannot_write_or_lock(self, store: Store) -> None:
        """A unit of work that only reads says so when it is asked for more, and changes nothing."""
        run = await self.added_run(store)
        with pytest.raises(Exception):  # noqa: B017, PT011 – each database has its own words
            async with store.read() as uow:
                await uow.want_run(run.id)
        with pytest.raises(RuntimeError, match=r"begin\(\)"):
            async with store.read() as uow:
                await uow.run(run.id, lock=True)
        async with store.read() as uow:
            assert await uow.run(run.id) == run

    async def test_a_unit_is_over_when_it_is_over(self, store: Store) -> None:
        """A unit of work kept beyond its block writes nothing, says so, and holds nobody up."""
        run = await self.added_run(store)
        async with store.begin() as uow:
            pass
        with pytest.raises(Exception):  # noqa: B017, PT011 – each database has its own words
            await uow.want_run(run.id)
        async with store.begin() as uow:
            assert await uow.run(run.id) == run

    async def test_a_cancelled_task_leaves_nothing(self, store: Store) -> None:
        """A task cancelled inside its unit of work rolls back, and the store goes on for everybody else."""
        run, inside = a_run(), asyncio.Event()

        async def work() -> None:
            async with store.begin() as uow:
                await uow.add_run(run)
                inside.set()
                await asyncio.Event().wait()

        for _ in range(3):
            inside.clear()
            task = asyncio.create_task(work())
            await inside.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        async with store.begin() as uow:
            assert await uow.run(run.id) is None
            assert await uow.add_run(run)

    async def test_many_units_at_once_lose_no_update(self, store: Store) -> None:
        """100 units of work that each read with ``lock`` and write count to 100 (S-10)."""
        request = await self.added_request(store)

        async def count() -> None:
            async with store.begin() as uow:
                current = await uow.request(request.id, lock=True)
                assert current is not None
                await asyncio.sleep(0)
                await uow.save_request(replace(current, version=current.version + 1))

        await asyncio.gather(*(count() for _ in range(100)))
        async with store.read() as uow:
            final = await uow.request(request.id)
            assert final is not None
            assert final.version == 101

    async def test_units_cancelled_anywhere_lose_nothing(self, store: Store) -> None:
        """Whatever moment a cancellation hits, a unit is whole or absent, and the next one is not held up."""
        request = await self.added_request(store)
        ended = 0

        async def count() -> None:
            nonlocal ended
            async with store.begin() as uow:
                current = await uow.request(request.id, lock=True)
                assert current is not None
                await uow.save_request(replace(current, version=current.version + 1))
                await uow.append(an_event())
            ended += 1

        for moment in range(0, 160, 2):
            task = asyncio.create_task(count())
            for _ in range(moment):
                await asyncio.sleep(0)
            while not task.done():
                task.cancel()
                await asyncio.sleep(0)
            await asyncio.wait({task})
            assert task.cancelled() or task.exception() is None
        async with store.begin() as uow:
            final = await uow.request(request.id, lock=True)
            events = await uow.unsealed(1_000)
        assert final is not None
        assert final.version - 1 == len(events) >= ended

    async def test_the_time_is_the_databases(self, store: Store) -> None:
        """``now`` is aware, UTC, and passes as the database says (O-09)."""
        async with store.read() as uow:
            first = await uow.now()
        self.advance(90)
        async with store.begin() as uow:
            second = await uow.now()
        assert first.utcoffset() == dt.timedelta()
        assert dt.timedelta(seconds=90) <= second - first < dt.timedelta(seconds=100)

    async def test_times_come_back_exactly(self, store: Store) -> None:
        """A time is kept to the microsecond, before 1970 and far ahead too, and comes back in UTC."""
        past, future = BORN - dt.timedelta(days=40_000), BORN + dt.timedelta(days=40_000, microseconds=1)
        run = await self.added_run(store, created_at=past, updated_at=future)
        async with store.read() as uow:
            back = await uow.run(run.id)
        assert back is not None
        assert (back.created_at, back.updated_at) == (past, future)
        assert back.created_at.utcoffset() == dt.timedelta()
