"""The store contract on SQLite, and what is SQLite's own: files, processes, crashes. Its query plans: ``test_plans_sqlite``."""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

import hitl_middleware
from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import DatabaseUnreachable
from hitl_middleware.ports import Store
from hitl_middleware.stores import open_store
from hitl_middleware.stores.sql import SqlStore
from hitl_middleware.stores.sql.sqlite import SqliteConnection
from hitl_middleware.testing.store_contract import StoreContract
from hitl_middleware.testing.store_contract.case import BORN, a_run

ROOT = Path(hitl_middleware.__file__).parents[1]

COUNTER = """
import asyncio, sys
from dataclasses import replace
from hitl_middleware.clock import SystemClock
from hitl_middleware.stores import open_store

async def main(url, request_id):
    store = open_store(url, clock=SystemClock())
    await store.prepare()
    async def count():
        for _ in range(10):
            async with store.begin() as uow:
                request = await uow.request(request_id, lock=True)
                await uow.save_request(replace(request, version=request.version + 1))
            async with store.read() as uow:
                await uow.request(request_id)
    print("ready", flush=True)
    sys.stdin.readline()
    await asyncio.gather(*(count() for _ in range(10)))
    await store.close()

asyncio.run(main(*sys.argv[1:]))
"""

CRASHING = """
import asyncio, sys
from hitl_middleware.clock import SystemClock
from hitl_middleware.stores import open_store
from hitl_middleware.testing.store_contract.case import a_request, a_run, an_action, an_event

async def main(url):
    store = open_store(url, clock=SystemClock())
    async with store.begin() as uow:
        await uow.add_run(kept := a_run(thread_id="kept"))
    print(kept.id, flush=True)
    async with store.begin() as uow:
        await uow.add_run(run := a_run(thread_id="lost"))
        await uow.add_request(request := a_request(run.id))
        await uow.add_action(an_action(request_id=request.id))
        for _ in range(2_000):
            await uow.append(an_event())
        print("inside", flush=True)
        await asyncio.Event().wait()

asyncio.run(main(*sys.argv[1:]))
"""


def python(script: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of its own that runs ``script``."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "hitl.db"

    @pytest.fixture
    async def store(self, path):
        self.clock = ManualClock()
        store = SqlStore(f"sqlite:///{path}", clock=self.clock)
        await store.prepare()
        yield store
        await store.close()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    # units

    async def test_a_unit_inside_a_unit_is_refused(self, store: Store) -> None:
        """A task that would wait for itself is told so instead."""
        async with store.begin():
            with pytest.raises(RuntimeError, match="inside a unit of work"):
                async with store.begin():
                    pass

    async def test_a_closed_store_says_so(self, store: Store) -> None:
        """Nothing is begun after the end, and closing twice does no harm."""
        await store.close()
        await store.close()
        with pytest.raises(RuntimeError, match="closed"):
            async with store.read():
                pass

    async def test_times_of_other_zones_come_back_in_utc(self, store: Store) -> None:
        """The same moment; a naive time is refused, because it would be another moment elsewhere."""
        there = BORN.astimezone(dt.timezone(dt.timedelta(hours=5, minutes=30)))
        run = await self.added_run(store, created_at=there)
        async with store.read() as uow:
            back = await uow.run(run.id)
            assert back is not None
            assert (back.created_at, back.created_at.utcoffset()) == (BORN, dt.timedelta())
        with pytest.raises(Exception, match="without a zone"):
            await self.added_run(store, created_at=BORN.replace(tzinfo=None))

    async def test_commits_survive_a_power_cut(self, store: SqlStore) -> None:
        """Write-ahead log, synchronous=FULL and foreign keys, on the connections that write (O-09, rule 6)."""
        async with store.begin() as uow:
            found = [
                (await uow._execute(text(f"PRAGMA {name}"))).column[0]
                for name in ("journal_mode", "synchronous", "foreign_keys")
            ]
        assert found == ["wal", 2, 1]

    # processes

    async def test_processes_that_write_at_once_lose_no_update(self, store: Store, path: Path) -> None:
        """Two processes, ten tasks each, ten units of work each: 200 counted, and nobody hears "database is locked" (O-09)."""
        request = await self.added_request(store)
        processes = [python(COUNTER, f"sqlite:///{path}", request.id) for _ in range(2)]
        for process in processes:
            assert process.stdout is not None
            assert await asyncio.to_thread(process.stdout.readline) == "ready\n"
        ended = await asyncio.gather(*(asyncio.to_thread(p.communicate, "go\n", 120) for p in processes))
        assert [(p.returncode, errors) for p, (_, errors) in zip(processes, ended, strict=True)] == [
            (0, "")
        ] * 2
        async with store.read() as uow:
            final = await uow.request(request.id)
            assert final is not None
            assert final.version == 201

    async def test_a_killed_process_leaves_nothing_half_written(self, store: Store, path: Path) -> None:
        """SIGKILL inside a unit of work: what was committed before stands, the rest never was, others go on at once (O-09)."""
        process = python(CRASHING, f"sqlite:///{path}")
        assert process.stdout is not None
        kept = (await asyncio.to_thread(process.stdout.readline)).strip()
        assert await asyncio.to_thread(process.stdout.readline) == "inside\n"
        process.kill()
        await asyncio.to_thread(process.communicate)
        async with store.begin() as uow:
            assert [run.id for run in (await uow.list_runs()).items] == [kept]
            assert not (await uow.list_requests()).items
            assert not await uow.unsealed(10)
            assert await uow.add_run(a_run(thread_id="lost"))
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []

    async def test_a_database_that_stays_locked_is_unreachable(self, store: Store, path: Path) -> None:
        """A writer waits for another process, but not for ever; who reads does not wait; afterwards all is well (O-09)."""
        impatient = SqlStore(f"sqlite:///{path}", clock=self.clock, busy_seconds=0.05)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseUnreachable, match="locked"):
                await self.added_run(impatient)
            async with impatient.read() as uow:
                assert not (await uow.list_runs()).items
            other.execute("COMMIT")
        await self.added_run(impatient)
        await impatient.close()

    async def test_a_writer_waits_for_another_process(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A unit of work that could not begin beside another connection's asks again, and is done when that one has ended."""
        store, begin, asked = (
            SqlStore(f"sqlite:///{path}", clock=ManualClock()),
            SqliteConnection.begin,
            asyncio.Semaphore(0),
        )

        def asks(connection: SqliteConnection) -> None:
            asked.release()
            begin(connection)

        await store.prepare()
        monkeypatch.setattr(SqliteConnection, "begin", asks)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            waiting = asyncio.create_task(self.added_run(store))
            for _ in range(3):
                ask = asyncio.create_task(asked.acquire())
                await asyncio.wait({ask, waiting}, return_when=asyncio.FIRST_COMPLETED)
            assert not waiting.done()
            other.execute("COMMIT")
            assert (await waiting).status == "running"
        await store.close()

    # files

    async def test_the_folder_is_made(self, tmp_path) -> None:
        """A path in a folder that is not there yet works (O-09: one command, no services)."""
        store = open_store(f"sqlite:///{tmp_path}/a/b c/ü.db", clock=ManualClock())
        await store.prepare()
        await self.added_run(store)
        await store.close()
        assert (tmp_path / "a" / "b c" / "ü.db").exists()

    async def test_a_database_kept_is_a_database_found(self, store: Store, path: Path) -> None:
        """What was stored is there for the next process, whose ``prepare`` changes nothing (O-07)."""
        run = await self.added_run(store)
        await store.close()
        again = open_store(f"sqlite:///{path}", clock=self.clock)
        await again.prepare()
        async with again.read() as uow:
            assert await uow.run(run.id) == run
        await again.close()

    @pytest.mark.parametrize("what", ["text", "folder", "below a file", "torn"])
    async def test_what_is_no_database_is_unreachable(self, tmp_path, what) -> None:
        """A file of something else, a folder, a path through a file, a torn file: one sentence with the reason, nothing changed."""
        path = tmp_path / "thing"
        match what:
            case "text":
                path.write_text("not a database " * 100)
            case "folder":
                path.mkdir()
            case "below a file":
                path.write_text("")
                path = path / "hitl.db"
            case "torn":
                whole = open_store(f"sqlite:///{path}", clock=ManualClock())
                await whole.prepare()
                await whole.close()
                path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 8192)
        before = path.read_bytes() if path.is_file() else None
        store = open_store(f"sqlite:///{path}", clock=ManualClock())
        with pytest.raises(
            DatabaseUnreachable,
            match=r"^The database sqlite:///.* cannot be reached: \w+.*HITL_DATABASE_URL\.$",
        ):
            await store.prepare()
        await store.close()
        assert before == (path.read_bytes() if path.is_file() else None)

    async def test_a_database_that_breaks_later_is_unreachable(self, tmp_path) -> None:
        """The file's folder is gone when a unit of work begins: a clear error, and nothing is created."""
        store = open_store(f"sqlite:///{tmp_path}/gone/hitl.db", clock=ManualClock())
        for unit in (store.begin, store.read):
            with pytest.raises(DatabaseUnreachable, match="unable to open"):
                async with unit():
                    pass
        await store.close()
        assert not (tmp_path / "gone").exists()

    def test_nothing_is_imported_before_it_is_needed(self) -> None:
        """Memory needs no SQLAlchemy, SQLite neither Alembic nor PostgreSQL's driver (DESIGN §6: import lazily)."""
        script = """
import sys
from hitl_middleware.clock import SystemClock
from hitl_middleware.stores import open_store
open_store("memory://", clock=SystemClock())
print("sqlalchemy" in sys.modules)
open_store("sqlite:///x.db", clock=SystemClock())
print("alembic" in sys.modules, "psycopg" in sys.modules)
"""
        printed, errors = python(script).communicate()
        assert (printed.split(), errors) == (["False", "False", "False"], "")
