"""Runs and their leases."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace

from hitl_middleware.ids import new_id
from hitl_middleware.ports import Store
from hitl_middleware.records import Lease, Run
from hitl_middleware.testing.store_contract.case import BORN, ODD, StoreCase, a_run


class RunContract(StoreCase):
    """What the port says of runs."""

    async def test_a_run_comes_back_as_it_was(self, store: Store) -> None:
        """Every field of a run is kept, whatever is written in it (O-08)."""
        run = await self.added_run(
            store,
            input={"messages": [{"role": "user", "content": ODD}], "n": None},
            requester=ODD,
            started_by="api",
            on_new_input="refuse",
            labels={"conversation": ODD},
            error=ODD,
            wanted=7,
            seen=3,
            fence=2,
            lease_owner="somebody",
            lease_until=BORN,
        )
        async with store.read() as uow:
            assert await uow.run(run.id) == run
            assert await uow.run(new_id()) is None

    async def test_an_id_is_taken_once(self, store: Store) -> None:
        """Adding a run twice changes nothing the second time."""
        run = await self.added_run(store, status="succeeded")
        async with store.begin() as uow:
            assert not await uow.add_run(replace(run, graph="other", thread_id="another"))
            assert await uow.run(run.id) == run

    async def test_labels_are_added_to_a_run(self, store: Store) -> None:
        """Those it has stay, one that it has already gets the new value, nothing else of the run changes (G-02)."""
        run = await self.added_run(store, labels={"conversation": ODD, "issue": "1"})
        async with store.begin() as uow:
            await uow.label_run(run.id, {"issue": "2", "repository": "acme/shop"})
            await uow.label_run(new_id(), {"issue": "3"})
            labels = {"conversation": ODD, "issue": "2", "repository": "acme/shop"}
            assert await uow.run(run.id) == replace(run, labels=labels)

    async def test_a_thread_has_one_active_run(self, store: Store) -> None:
        """A second run on a thread may only wait, until the first has ended (S-10)."""
        first = await self.added_run(store, status="suspended")
        thread = first.thread_id
        async with store.begin() as uow:
            assert not await uow.add_run(a_run(thread_id=thread))
            assert not await uow.add_run(a_run(thread_id=thread, status="suspended"))
            assert await uow.add_run(queued := a_run(thread_id=thread, status="queued"))
            assert await uow.add_run(a_run(thread_id=thread, status="succeeded"))
            assert await uow.active_run(thread, lock=True) == first
            assert not await uow.set_run(queued.id, "running")
            assert await uow.set_run(first.id, "succeeded")
            assert await uow.active_run(thread) is None
            assert await uow.set_run(queued.id, "running")
            active = await uow.active_run(thread)
            assert active is not None
            assert active.id == queued.id

    async def test_one_of_many_becomes_the_active_run(self, store: Store) -> None:
        """Twenty that would run on one thread at the same time: one does (S-10)."""
        thread = new_id()

        async def add() -> bool:
            async with store.begin() as uow:
                return await uow.add_run(a_run(thread_id=thread))

        assert sorted(await asyncio.gather(*(add() for _ in range(20)))) == [False] * 19 + [True]

    async def test_one_of_many_waiting_runs_is_let_in(self, store: Store) -> None:
        """Ten waiting runs of one thread set to running at the same time: one is, and the others are told (S-10)."""
        thread = new_id()
        waiting = [await self.added_run(store, thread_id=thread, status="queued") for _ in range(10)]

        async def let_in(run: Run) -> bool:
            async with store.begin() as uow:
                return await uow.set_run(run.id, "running")

        assert sorted(await asyncio.gather(*map(let_in, waiting))) == [False] * 9 + [True]
        async with store.read() as uow:
            assert len(await uow.queued_runs(thread)) == 9

    async def test_waiting_runs_come_oldest_first(self, store: Store) -> None:
        """New input waits its turn."""
        runs = [await self.added_run(store, thread_id="t", status="queued") for _ in range(3)]
        await self.added_run(store, thread_id="t", status="cancelled")
        async with store.read() as uow:
            assert list(await uow.queued_runs("t")) == runs

    async def test_setting_a_status_touches_nothing_else(self, store: Store) -> None:
        """Status, error and driver change; lease, fence, wanted and seen do not (rule: one writer per field)."""
        run = await self.added_run(
            store, wanted=5, seen=4, fence=3, lease_owner="me", lease_until=BORN, error="old"
        )
        async with store.begin() as uow:
            now = await uow.now()
            assert await uow.set_run(run.id, "suspended")
            suspended = await uow.run(run.id)
            assert suspended is not None
            assert suspended.updated_at >= now
            assert suspended == replace(run, status="suspended", error=None, updated_at=suspended.updated_at)
            assert await uow.set_run(run.id, "failed", error="boom", driver="caller")
            failed = await uow.run(run.id)
            assert failed is not None
            assert (failed.status, failed.error, failed.driver) == ("failed", "boom", "caller")
            assert not await uow.set_run(new_id(), "failed")
            assert not await uow.set_run(new_id(), "running")

    async def test_wanted_and_seen_only_grow(self, store: Store) -> None:
        """A wake-up that comes while somebody looks is still wanted afterwards."""
        run = await self.added_run(store)
        async with store.begin() as uow:
            lease = await uow.acquire_lease(run.id, "a", 30)
            assert lease is not None
            await uow.want_run(run.id)
            await uow.want_run(run.id)
            await uow.leave_run(lease, "running", seen=2)
            await uow.leave_run(lease, "running", seen=1)
            await uow.want_run(new_id())
            looked = await uow.run(run.id)
            assert looked is not None
            assert (looked.wanted, looked.seen) == (3, 2)

    async def test_a_run_is_left_with_all_that_is_known_of_it(self, store: Store) -> None:
        """Status, error and lease in one change, by whoever has the lease; its time only grows where the status is another one."""
        run = await self.added_run(store)
        async with store.begin() as uow:
            late = await uow.acquire_lease(run.id, "a", 30)
            assert late is not None
            await uow.leave_run(late, "running", seen=1, error="odd")
            same = await uow.run(run.id)
            assert same is not None
            assert same == replace(run, seen=1, error="odd", fence=1)
            lease = await uow.acquire_lease(run.id, "b", 30)
            assert lease is not None
            await uow.leave_run(late, "failed", seen=9, error="late")
            await uow.leave_run(lease, "suspended", seen=1)
            left = await uow.run(run.id)
            assert left is not None
            assert left.updated_at != run.updated_at
            assert left == replace(run, status="suspended", seen=1, fence=2, updated_at=left.updated_at)

    async def test_runs_are_listed_page_by_page_while_more_arrive(self, store: Store) -> None:
        """Newest first; a page begins where the last one ended, whatever was added meanwhile (nothing twice, nothing missed)."""
        runs = [await self.added_run(store) for _ in range(7)]
        seen: list[Run] = []
        cursor: str | None = None
        for size in (3, 3, 1):
            async with store.read() as uow:
                page = await uow.list_runs(cursor=cursor, limit=3)
            assert len(page.items) == size
            seen += page.items
            cursor = page.next
            await self.added_run(store)
        assert cursor is None
        assert seen == runs[::-1]

    async def test_due_runs(self, store: Store) -> None:
        """Due: unfinished, free, and wanted or abandoned by our own driver; of waiting runs the oldest of a free thread."""
        busy = {"lease_owner": "x"}
        async with store.read() as uow:
            now = await uow.now()
        hour = dt.timedelta(hours=1)
        due = [
            await self.added_run(store, wanted=2, seen=1),
            await self.added_run(store, wanted=1, seen=1),  # running, ours, free: its driver died
            await self.added_run(store, status="suspended", driver="caller"),
            await self.added_run(store, lease_until=now - hour, **busy),
            await self.added_run(store, thread_id="waiting", status="queued"),
        ]
        await self.added_run(store, wanted=1, seen=1, driver="caller")
        await self.added_run(store, wanted=1, seen=1, status="suspended")
        await self.added_run(store, wanted=9, status="succeeded")
        await self.added_run(store, wanted=9, lease_until=now + hour, **busy)
        await self.added_run(store, thread_id="waiting", status="queued")
        await self.added_run(store, thread_id="active", status="suspended", wanted=1, seen=1)
        await self.added_run(store, thread_id="active", status="queued")
        async with store.read() as uow:
            assert set(await uow.due("run")) == {run.id for run in due}
            assert set(await uow.due("run", among=[due[0].graph])) == {run.id for run in due}
            assert not await uow.due("run", among=["another process's"])
            assert not await uow.due("run", among=())
            assert len(await uow.due("run", limit=2)) == 2


class LeaseContract(StoreCase):
    """What the port says of leases."""

    async def test_a_lease_is_held_by_one_until_it_runs_out(self, store: Store) -> None:
        """A free run is taken; a taken one is not, not even by the same owner; one that ran out is, with the next fence (S-10)."""
        run = await self.added_run(store)
        async with store.begin() as uow:
            assert await uow.acquire_lease(run.id, "a", 30) == Lease(run.id, "a", 1)
        self.advance(29)
        async with store.begin() as uow:
            assert await uow.acquire_lease(run.id, "b", 30) is None
            assert await uow.acquire_lease(run.id, "a", 30) is None
        self.advance(1)
        async with store.begin() as uow:
            assert await uow.acquire_lease(run.id, "b", 30) == Lease(run.id, "b", 2)
            assert await uow.acquire_lease(new_id(), "b", 30) is None

    async def test_one_of_many_takes_the_lease(self, store: Store) -> None:
        """Fifty that want one run at the same time: one gets it (DESIGN §6: only our lease closes this race)."""
        run = await self.added_run(store)

        async def acquire(owner: str) -> Lease | None:
            async with store.begin() as uow:
                return await uow.acquire_lease(run.id, owner, 30)

        taken = await asyncio.gather(*(acquire(f"worker-{n}") for n in range(50)))
        assert [lease.fence for lease in taken if lease is not None] == [1]

    async def test_a_renewed_lease_lives_on(self, store: Store) -> None:
        """Renewing counts from now, by database time."""
        run = await self.added_run(store)
        async with store.begin() as uow:
            lease = await uow.acquire_lease(run.id, "a", 30)
            assert lease is not None
        self.advance(20)
        async with store.begin() as uow:
            assert await uow.renew_lease(lease, 30)
        self.advance(20)
        async with store.begin() as uow:
            assert await uow.acquire_lease(run.id, "b", 30) is None

    async def test_a_late_owner_is_recognised(self, store: Store) -> None:
        """Whose lease was taken over can neither renew nor release it, even under the same name."""
        run = await self.added_run(store)
        async with store.begin() as uow:
            old = await uow.acquire_lease(run.id, "a", 30)
            assert old is not None
        self.advance(31)
        async with store.begin() as uow:
            new = await uow.acquire_lease(run.id, "a", 30)
            assert new is not None
            assert not await uow.renew_lease(old, 30)
            assert not await uow.renew_lease(replace(new, owner="b"), 30)
            await uow.release_lease(old)
            assert await uow.acquire_lease(run.id, "b", 30) is None
            assert await uow.renew_lease(new, 30)

    async def test_a_lease_that_ran_out_can_be_renewed_until_it_is_taken(self, store: Store) -> None:
        """A pause that nobody noticed costs nothing."""
        run = await self.added_run(store)
        async with store.begin() as uow:
            lease = await uow.acquire_lease(run.id, "a", 30)
            assert lease is not None
        self.advance(60)
        async with store.begin() as uow:
            assert await uow.renew_lease(lease, 30)
            assert await uow.acquire_lease(run.id, "b", 30) is None

    async def test_a_released_lease_is_free_at_once(self, store: Store) -> None:
        """Giving back clears owner and time and keeps the fence."""
        run = await self.added_run(store)
        async with store.begin() as uow:
            lease = await uow.acquire_lease(run.id, "a", 30)
            assert lease is not None
            await uow.release_lease(lease)
            free = await uow.run(run.id)
            assert free is not None
            assert (free.lease_owner, free.lease_until, free.fence) == (None, None, 1)
            assert not await uow.renew_lease(lease, 30)
            assert await uow.acquire_lease(run.id, "b", 30) == Lease(run.id, "b", 2)
