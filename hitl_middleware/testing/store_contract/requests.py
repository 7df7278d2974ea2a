"""Review requests and submissions."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace

import pytest

from hitl_middleware.actions import Decision, Place
from hitl_middleware.ids import new_id
from hitl_middleware.ports import Store
from hitl_middleware.testing.store_contract.case import StoreCase, a_request, a_submission, decided


class RequestContract(StoreCase):
    """What the port says of requests."""

    async def test_a_request_comes_back_as_it_was(self, store: Store) -> None:
        """Every field is kept, when it is added and when it is saved: the plan and the decision as they were (rule 5)."""
        run = await self.added_run(store)
        full = decided(a_request(run.id))
        plain = a_request(run.id)
        async with store.begin() as uow:
            assert await uow.add_request(full)
            assert await uow.add_request(plain)
            assert await uow.request(full.id) == full
            assert await uow.request(plain.id, lock=True) == plain
            changed = decided(plain)
            await uow.save_request(changed)
            assert await uow.request(plain.id) == changed
            await uow.save_request(plain)
            assert await uow.request(plain.id) == plain
            assert await uow.request(new_id()) is None

    async def test_its_version_grows_by_one(self, store: Store) -> None:
        """What changes beside the request itself shows on its cards: the version grows, and nothing else is touched (S-08)."""
        request = await self.added_request(store)
        async with store.begin() as uow:
            assert [await uow.bump_request(request.id) for _ in range(2)] == [
                request.version + 1,
                request.version + 2,
            ]
            assert await uow.bump_request(new_id()) is None
            found = await uow.request(request.id)
            assert found is not None
            assert replace(found, version=request.version, updated_at=request.updated_at) == request
            assert found.updated_at == await uow.now()

    async def test_null_is_not_no_answer(self, store: Store) -> None:
        """Whether a decision has an ``answer`` is kept, though ``null`` may be one (``Decision.answered``)."""
        for decision in (Decision(type="respond", answer=None), Decision(type="approve")):
            request = await self.added_request(store, decision=decision)
            async with store.begin() as uow:
                await uow.add_submission(replace(a_submission(request.id), decision=decision))
            async with store.read() as uow:
                kept, (submission,) = await uow.request(request.id), await uow.submissions(request.id)
            assert kept is not None
            assert kept.decision is not None
            assert kept.decision.answered is submission.decision.answered is decision.answered

    async def test_one_question_is_one_request(self, store: Store) -> None:
        """(thread, interrupt, position) is unique: asking again files nothing (S-10)."""
        first = await self.added_request(store, interrupt_id="i", position=0)
        same = {"thread_id": first.thread_id, "interrupt_id": "i"}
        async with store.begin() as uow:
            assert not await uow.add_request(a_request(first.run_id, position=0, **same))
            assert not await uow.add_request(replace(first, status="approved", position=5))
            assert await uow.add_request(a_request(first.run_id, position=1, **same))
            assert await uow.add_request(
                a_request(first.run_id, position=0, thread_id="other", interrupt_id="i")
            )
            assert await uow.request(first.id) == first

    async def test_one_of_many_files_the_question(self, store: Store) -> None:
        """Twenty that file one question at the same time: one does."""
        run = await self.added_run(store)

        async def file() -> bool:
            async with store.begin() as uow:
                return await uow.add_request(a_request(run.id, interrupt_id="i"))

        assert sorted(await asyncio.gather(*(file() for _ in range(20)))) == [False] * 19 + [True]

    async def test_a_code_names_one_pending_request(self, store: Store) -> None:
        """A code is free again once its request is decided, and names the newest first."""
        first = await self.added_request(store, code="abcd2345")
        async with store.begin() as uow:
            assert not await uow.add_request(a_request(first.run_id, code="abcd2345"))
            await uow.save_request(first := replace(first, status="rejected"))
            assert await uow.add_request(second := a_request(first.run_id, code="abcd2345"))
            assert list(await uow.requests_by_code("abcd2345")) == [second, first]
            assert not await uow.requests_by_code("nothing\0here")

    async def test_a_request_needs_its_run(self, store: Store) -> None:
        """A request of a run that does not exist is refused as a whole."""
        request = a_request(new_id())
        with pytest.raises(Exception):  # noqa: B017, PT011 – each database has its own words
            async with store.begin() as uow:
                await uow.add_request(request)
        async with store.read() as uow:
            assert await uow.request(request.id) is None

    async def test_a_request_cannot_take_anothers_place(self, store: Store) -> None:
        """Re-binding a request to an interrupt that has one is refused as a whole."""
        first = await self.added_request(store)
        second = await self.added_request(store, run_id=first.run_id)
        with pytest.raises(Exception):  # noqa: B017, PT011 – each database has its own words
            async with store.begin() as uow:
                await uow.save_request(replace(second, interrupt_id=first.interrupt_id))
        async with store.read() as uow:
            assert await uow.request(second.id) == second

    async def test_requests_of_a_thread_and_of_a_run_come_oldest_first(self, store: Store) -> None:
        """All of them, decided or not."""
        one, two = await self.added_run(store), await self.added_run(store)
        shared = {"thread_id": "t"}
        requests = [
            await self.added_request(store, run_id=run.id, status=status, **shared)
            for run, status in ((one, "approved"), (two, "pending"), (one, "pending"))
        ]
        await self.added_request(store, thread_id="elsewhere")
        async with store.begin() as uow:
            assert list(await uow.requests_of_thread("t", lock=True)) == requests
            assert list(await uow.requests_of_run(one.id)) == [requests[0], requests[2]]

    async def test_what_was_asked_at_a_place_is_found(self, store: Store) -> None:
        """A step or an ``ask`` is known by thread, task and ordinal, oldest first; what has no place is found at none."""
        run = await self.added_run(store)
        here = {"thread_id": "t", "checkpoint_ns": "review:1|sub:2", "ordinal": 0}
        first = await self.added_request(store, run_id=run.id, status="superseded", **here)
        second = await self.added_request(store, run_id=run.id, **here)
        for elsewhere in (
            {"thread_id": "u"},
            {"checkpoint_ns": "review:2"},
            {"ordinal": 1},
            {"ordinal": None},
        ):
            await self.added_request(store, run_id=run.id, **(here | elsewhere))
        async with store.read() as uow:
            assert list(await uow.requests_at(Place("t", "review:1|sub:2", 0))) == [first, second]
            assert list(await uow.requests_at(Place("t", "review:3", 0))) == []

    async def test_pending_requests_are_listed_page_by_page_while_they_change(self, store: Store) -> None:
        """Newest first; nothing twice and nothing missed while requests arrive and others are decided (S-10)."""
        run = await self.added_run(store)
        requests = [await self.added_request(store, run_id=run.id) for _ in range(5)]
        await self.added_request(store, run_id=run.id, status="approved")
        async with store.begin() as uow:
            first = await uow.list_requests(status="pending", limit=2)
            await uow.save_request(replace(first.items[-1], status="approved"))
            assert await uow.add_request(a_request(run.id))
            second = await uow.list_requests(status="pending", cursor=first.next, limit=2)
            third = await uow.list_requests(status="pending", cursor=second.next, limit=2)
        assert [r.id for r in (*first.items, *second.items, *third.items)] == [r.id for r in requests[::-1]]
        assert third.next is None

    async def test_all_requests_are_listed_page_by_page(self, store: Store) -> None:
        """Without a status: all, newest first; a page that is exactly full is the last."""
        run = await self.added_run(store)
        requests = [
            await self.added_request(store, run_id=run.id, status=status)
            for status in ("pending", "approved", "expired", "pending")
        ]
        async with store.read() as uow:
            first = await uow.list_requests(limit=2)
            second = await uow.list_requests(cursor=first.next, limit=2)
        assert [*first.items, *second.items] == requests[::-1]
        assert (first.next, second.next) == (requests[2].id, None)

    async def test_due_requests(self, store: Store) -> None:
        """P-03: due is what is pending and whose ``due_at`` has passed by database time, longest first; of the graphs that are named."""
        run = await self.added_run(store)
        async with store.read() as uow:
            now = await uow.now()
        soon, later = now + dt.timedelta(seconds=60), now + dt.timedelta(seconds=3_600)
        second = await self.added_request(store, run_id=run.id, due_at=soon)
        first = await self.added_request(store, run_id=run.id, due_at=now - dt.timedelta(seconds=60))
        await self.added_request(store, run_id=run.id, due_at=later)
        await self.added_request(store, run_id=run.id, due_at=now, status="approved")
        await self.added_request(store, run_id=run.id, deadline_at=now, overdue=True)
        other = await self.added_request(store, run_id=run.id, due_at=later, graph="other")
        async with store.read() as uow:
            assert list(await uow.due("request")) == [first.id]
        self.advance(120)
        async with store.read() as uow:
            assert list(await uow.due("request")) == [first.id, second.id]
            assert list(await uow.due("request", limit=1)) == [first.id]
        self.advance(7_200)
        async with store.read() as uow:
            assert list(await uow.due("request", among=["other"])) == [other.id]
            assert not await uow.due("request", among=["neither"])

    async def test_submissions_come_oldest_first(self, store: Store) -> None:
        """Every answer is kept as it was given, in the order it came (O-01)."""
        request = await self.added_request(store)
        plain = {"name": None, "vouched_by": None, "counts_as": None, "fills": ()}
        given = [a_submission(request.id), a_submission(request.id, **plain)]
        other, third = await self.added_request(store), await self.added_request(store)
        async with store.begin() as uow:
            for submission in given:
                await uow.add_submission(submission)
            await uow.add_submission(elsewhere := a_submission(other.id))
            await uow.add_submission(a_submission(third.id))
            assert list(await uow.submissions(request.id)) == given
            assert list(await uow.submissions_of([other.id, request.id, new_id()])) == [*given, elsewhere]
            assert not await uow.submissions_of([])
            assert not await uow.submissions(new_id())
            assert not await uow.add_submission(given[0])

    async def test_what_brought_an_answer_brings_one(self, store: Store) -> None:
        """A comment that is read again, by whomever, adds no second answer – not to another request either (G-12)."""
        one, two = await self.added_request(store), await self.added_request(store)
        first = a_submission(one.id, source="github:comment:1")
        async with store.begin() as uow:
            assert await uow.add_submission(first)
            assert not await uow.add_submission(a_submission(two.id, source="github:comment:1"))
            assert await uow.add_submission(a_submission(two.id, source="github:comment:2"))
            assert await uow.add_submission(a_submission(two.id))
            assert await uow.add_submission(a_submission(two.id))
            assert await uow.submission_from("github:comment:1") == first
            assert await uow.submission_from("github:comment:3") is None

    async def test_requests_are_found_by_their_labels(self, store: Store) -> None:
        """All of the labels asked for, to the letter; no value can pass for another label (G-07)."""
        run = await self.added_run(store)
        about = {"repository": "acme/shop", "issue": "1"}
        found = await self.added_request(store, run_id=run.id, labels=about)
        decided_one = await self.added_request(store, run_id=run.id, labels=about, status="approved")
        for other in (
            {"repository": "acme/shop", "issue": "12"},
            {"repository": "Acme/shop", "issue": "1"},
            {"note": 'x","repository":"acme/shop","issue":"1'},
            {"issue": "1"},
            {},
        ):
            await self.added_request(store, run_id=run.id, labels=other)
        async with store.read() as uow:
            assert (await uow.list_requests(status="pending", labels=about)).items == (found,)
            assert (await uow.list_requests(labels=about)).items == (decided_one, found)
            page = await uow.list_requests(labels=about, limit=1)
            assert page.items == (decided_one,)
            assert (await uow.list_requests(labels=about, cursor=page.next)).items == (found,)
