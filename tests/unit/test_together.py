"""Units of work on SQLite that wait for each other are committed together, and each is still one of its own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from hitl_middleware.clock import SystemClock
from hitl_middleware.ids import new_id
from hitl_middleware.stores import open_store
from hitl_middleware.stores.sql import SqlStore
from hitl_middleware.testing.store_contract.case import a_run

from tests.kit.databases import sqlite_in
from tests.kit.statements import Statements, heard_statements


@pytest.fixture
def heard() -> Iterator[Statements]:
    """What SQLite is told."""
    with heard_statements() as heard:
        yield heard


@pytest.fixture
def url(tmp_path: Path) -> str:
    """A database."""
    return sqlite_in(tmp_path)


@pytest.fixture
async def store(url: str, heard: Statements) -> AsyncIterator[SqlStore]:
    """It, used once."""
    store = open_store(url, clock=SystemClock())
    assert isinstance(store, SqlStore)
    await _add(store, "before")
    yield store
    await store.close()


async def test_who_waits_is_committed_together(store: SqlStore, heard: Statements) -> None:
    """P-05: 20 at once go to the disk two or three times, each is there when it has ended."""
    with heard.counting() as counted:
        await asyncio.gather(*(_added(store, f"g{number}") for number in range(20)))
    assert counted.writes == 20
    assert counted.commits <= 3


async def test_one_after_the_other_is_committed_alone(store: SqlStore, heard: Statements) -> None:
    """O-04: nobody waits for others who may come."""
    with heard.counting() as counted:
        for number in range(3):
            await _added(store, f"g{number}")
    assert counted.commits == 3
    assert not any("SAVEPOINT" in said for said in counted.said)


async def test_what_raises_is_taken_back_alone(store: SqlStore) -> None:
    """DESIGN §4: in the first of a transaction, in the middle of it, and as the last."""
    for bad in (0, 3, 5):
        names = [f"{bad}-{number}" for number in range(6)]
        found = await asyncio.gather(
            *(_add(store, name, torn=number == bad) for number, name in enumerate(names)),
            return_exceptions=True,
        )
        assert [isinstance(each, LookupError) for each in found] == [number == bad for number in range(6)]
        assert [name for name in names if name in await _graphs(store)] == names[:bad] + names[bad + 1 :]


async def test_a_transaction_that_is_lost_is_lost_to_all_of_it(store: SqlStore, url: str) -> None:
    """Rule 6: nobody is told that it is stored whom the database has taken back beside another one; and the next one writes again."""
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as beside:
        beside.execute(
            "CREATE TRIGGER lose BEFORE INSERT ON hitl_runs WHEN NEW.graph = 'bad' BEGIN SELECT RAISE(ROLLBACK, 'lost'); END"
        )
    names = ["a", "b", "bad", "c"]
    found = await asyncio.gather(*(_add(store, name) for name in names), return_exceptions=True)
    stored = await _graphs(store)
    assert [isinstance(each, DBAPIError) for each in found] == [name not in stored for name in names]
    assert "bad" not in stored
    assert "b" not in stored
    await _added(store, "after")


async def test_a_waiter_that_leaves_keeps_nobody(store: SqlStore) -> None:
    """A cancellation while it waits, while it writes, and while others wait behind it: everybody else goes on."""
    inside, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        async with store.begin() as uow:
            await uow.add_run(replace(a_run(), graph="slow"))
            inside.set()
            await go_on.wait()

    for cut_holder in (False, True):
        inside.clear()
        holder = asyncio.create_task(slow())
        await inside.wait()
        waiting = [asyncio.create_task(_add(store, f"w{cut_holder}{number}")) for number in range(3)]
        await asyncio.sleep(0)
        waiting[-1].cancel()
        if cut_holder:
            holder.cancel()
        go_on.set()
        await asyncio.wait({holder, *waiting})
        assert [task.cancelled() for task in (holder, *waiting)] == [cut_holder, False, False, True]
        go_on.clear()
    stored = await _graphs(store)
    assert [stored.count(name) for name in ("slow", "wFalse0", "wTrue1", "wFalse2", "wTrue2")] == [
        1,
        1,
        1,
        0,
        0,
    ]


async def test_a_unit_that_has_ended_is_over(store: SqlStore) -> None:
    """Also while its transaction goes on with others: what is written late would be theirs."""
    late = []

    async def first() -> None:
        async with store.begin() as uow:
            late.append(uow)
            await uow.add_run(replace(a_run(), graph="first"))

    async def second() -> None:
        async with store.begin():
            with pytest.raises(RuntimeError, match="has ended"):
                await late[0].add_run(replace(a_run(), graph="late"))

    await asyncio.gather(first(), second())
    assert "late" not in await _graphs(store)


async def _added(store: SqlStore, graph: str) -> None:
    await _add(store, graph)
    assert graph in await _graphs(store)


async def _add(store: SqlStore, graph: str, *, torn: bool = False) -> None:
    async with store.begin() as uow:
        assert await uow.add_run(replace(a_run(), id=new_id(), graph=graph))
        await asyncio.sleep(0)
        if torn:
            raise LookupError(graph)


async def _graphs(store: SqlStore) -> list[str]:
    async with store.read() as uow:
        return [run.graph for run in (await uow.list_runs(limit=500)).items]
