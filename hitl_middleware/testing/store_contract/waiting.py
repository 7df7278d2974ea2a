"""The line of what waits."""

from __future__ import annotations

from dataclasses import replace

from hitl_middleware.ports import Store
from hitl_middleware.records import Page, ReviewRequest
from hitl_middleware.testing.store_contract.case import StoreCase, a_request


class WaitingContract(StoreCase):
    """What the port says of what waits."""

    async def test_what_waits_stands_in_line(self, store: Store) -> None:
        """O-05: the riskiest first, of equal ones the oldest; page by page, nothing twice and nothing missed while others are decided."""
        run = await self.added_run(store)
        risks = ("low", None, "money", "HIGH", None, "critical", "high")
        plan = a_request(run.id).plan
        line = [
            await self.added_request(store, run_id=run.id, plan=plan.model_copy(update={"risk": risk}))
            for risk in risks
        ]
        await self.added_request(store, run_id=run.id, status="approved", plan=plan)
        async with store.begin() as uow:
            found = [await uow.list_waiting(limit=3)]
            await uow.save_request(replace(found[0].items[-1], status="approved"))
            while found[-1].next is not None:
                found.append(await uow.list_waiting(cursor=found[-1].next, limit=3))
            assert (await uow.list_waiting(cursor="of nobody", limit=1)).items == (line[5],)
        order = [5, 3, 6, 2, 1, 4, 0]
        assert [r.id for page in found for r in page.items] == [line[at].id for at in order]
        assert [len(page.items) for page in found] == [3, 3, 1]

    async def test_a_line_for_some(self, store: Store) -> None:
        """O-05: what is for these audiences alone, in the order of the whole line; page by page; for nobody, nothing."""
        audiences = [f"{number:02}" for number in range(60)]
        line = await self._waits(store, audiences * 2)
        mine = [*audiences[1:], "nobody"]

        async def read(limit: int) -> list[Page[ReviewRequest]]:
            async with store.read() as uow:
                pages = [await uow.list_waiting(among=mine, limit=limit)]
                while pages[-1].next is not None:
                    pages.append(await uow.list_waiting(among=mine, cursor=pages[-1].next, limit=limit))
            return pages

        expected = [request for request in line if request.audience != "00"]
        for limit, sizes in ((50, [50, 50, 18]), (118, [118])):
            pages = await read(limit)
            assert [request for page in pages for request in page.items] == expected
            assert [len(page.items) for page in pages] == sizes
        async with store.read() as uow:
            assert await uow.list_waiting(among=["01"]) == Page(
                tuple(r for r in line if r.audience == "01"), None
            )
            assert await uow.list_waiting(among=[]) == Page((), None)
            assert await uow.list_waiting(among=["nobody"]) == Page((), None)

    async def test_audiences_that_are_asked(self, store: Store) -> None:
        """O-05: each for which something waits, once, in order, with what is first in line; page by page; without what is decided."""
        line = await self._waits(store, ["b", "", "a", "b", "c", "a", "b"])
        gone = next(request for request in line if request.audience == "c")
        async with store.begin() as uow:
            await uow.save_request(replace(gone, status="approved"))
            whole = await uow.list_audiences()
            assert [request.audience for request in whole.items] == ["", "a", "b"]
            for first in whole.items:
                assert first == next(request for request in line if request.audience == first.audience)
            assert whole.next is None
            some = await uow.list_audiences(limit=1)
            assert (some.items, await uow.list_audiences(cursor=some.next, limit=2)) == (
                whole.items[:1],
                Page(whole.items[1:], None),
            )
            assert await uow.list_audiences(cursor="b") == Page((), None)

    async def test_an_audience_may_change(self, store: Store) -> None:
        """P-03: who is asked next, when a request is escalated, finds it; it is not among what was for others."""
        (request,) = await self._waits(store, ["before"])
        async with store.begin() as uow:
            await uow.save_request(escalated := replace(request, audience="after"))
            assert (await uow.list_waiting(among=["after"])).items == (escalated,)
            assert (await uow.list_waiting(among=["before"])).items == ()
            assert (await uow.list_audiences()).items == (escalated,)

    async def _waits(self, store: Store, audiences: list[str]) -> list[ReviewRequest]:
        """One request for each, every other one risky; in the order of the line."""
        run = await self.added_run(store)
        plan = a_request(run.id).plan
        made = [
            await self.added_request(
                store,
                run_id=run.id,
                audience=audience,
                plan=plan.model_copy(update={"risk": "high" if number % 2 else "low"}),
            )
            for number, audience in enumerate(audiences)
        ]
        return [*made[1::2], *made[::2]]
