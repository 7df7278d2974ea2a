"""The store contract on PostgreSQL, and what is PostgreSQL's own: its clock, its locks, several processes, its errors.

Its query plans: ``test_plans_postgresql``.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import make_url

from hitl_middleware.actions import Decision
from hitl_middleware.clock import ManualClock
from hitl_middleware.errors import AlreadyDecided, ConfigurationError, DatabaseUnreachable
from hitl_middleware.ids import new_id
from hitl_middleware.ports import Store
from hitl_middleware.records import Action, Lease, ReviewRequest
from hitl_middleware.stores import open_store
from hitl_middleware.stores.sql import SqlStore, postgresql
from hitl_middleware.stores.url import connection_words, parse
from hitl_middleware.testing.store_contract import StoreContract
from hitl_middleware.testing.store_contract.case import BORN, a_request, a_run, a_submission

from tests.kit.effects import Effects
from tests.kit.models import asks, call, says, script
from tests.kit.postgres import Postgres

pytestmark = pytest.mark.postgres


class TestPostgresqlStore(StoreContract):
    @pytest.fixture
    async def store(self, postgres_url):
        self.clock = ManualClock()
        store = SqlStore(postgres_url, clock=self.clock, clock_rules=True)
        await store.prepare()
        yield store
        await store.close()

    @pytest.fixture
    async def other(self, store, postgres_url):
        """Another process's."""
        other = SqlStore(postgres_url, clock=self.clock, clock_rules=True)
        yield other
        await other.close()

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    # its clock

    async def test_the_servers_clock_judges(self, postgres_url) -> None:
        """O-09: workers whose own clocks are years apart agree on who holds a lease, because the server's clock says when it ends."""
        early = SqlStore(postgres_url, clock=ManualClock(BORN - dt.timedelta(days=4_000)))
        late = SqlStore(postgres_url, clock=ManualClock(BORN + dt.timedelta(days=4_000)))
        run = await self.added_run(early)
        async with early.begin() as uow:
            assert await uow.acquire_lease(run.id, "early", 3_600) is not None
        async with late.begin() as uow:
            assert await uow.acquire_lease(run.id, "late", 3_600) is None
            at = await uow.now()
        with psycopg.connect(**connection_words(parse(postgres_url))) as connection:
            row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        assert dt.timedelta() < row[0] - at < dt.timedelta(minutes=5)
        await early.close()
        await late.close()

    async def test_time_passes_inside_a_unit_of_work(self, postgres_url) -> None:
        """A unit that waited for a lock judges by the time when it got it, not by that when it began."""
        store = SqlStore(postgres_url, clock=ManualClock())
        async with store.begin() as uow:
            first = await uow.now()
            assert await uow.now() > first
        await store.close()

    # several connections

    async def test_two_processes_race_for_a_claim(self, store: Store, other: Store) -> None:
        """Rule 2: a hundred claims of one action through two pools at once: one holds it."""
        run = await self.added_run(store)
        action = await self.added_action(store, run_id=run.id)
        async with store.begin() as uow:
            lease = await uow.acquire_lease(run.id, "me", 30)

        async def claim(through: Store, number: int) -> Action | None:
            async with through.begin() as uow:
                return await uow.claim_action(
                    action.id, digest="digest", claim_id=f"c-{number}", owner="me", seconds=30, lease=lease
                )

        claims = await asyncio.gather(*(claim((store, other)[n % 2], n) for n in range(100)))
        (won,) = [claim for claim in claims if claim is not None]
        async with other.read() as uow:
            stored = await uow.action(action.id)
        assert stored == won
        assert won.attempts == 1

    async def test_two_processes_race_for_a_lease(self, store: Store, other: Store) -> None:
        """DESIGN §6: only our lease closes this race, here through two pools: one gets it, with the first fence."""
        run = await self.added_run(store)

        async def acquire(through: Store, owner: str) -> Lease | None:
            async with through.begin() as uow:
                return await uow.acquire_lease(run.id, owner, 30)

        taken = await asyncio.gather(*(acquire((store, other)[n % 2], f"w-{n}") for n in range(50)))
        assert [lease.fence for lease in taken if lease is not None] == [1]

    async def test_people_race_with_answers_at_two_processes(self, make_world, postgres_url) -> None:
        """S-10: twenty answer one request at two desks at once: one counts, the others are told who was first; one act."""
        clock, effects = ManualClock(), Effects()
        worlds = [make_world(postgres_url, clock=clock) for _ in range(2)]
        for world in worlds:
            world.serve("a", world.agent([effects.pay_tool()], script(says(call("pay", amount=7)))))
        run = await asyncio.to_thread(worlds[0].begin_run, "a", asks())
        request = await asyncio.to_thread(worlds[1].only)

        async def answer(number: int) -> ReviewRequest:
            decided: ReviewRequest = await worlds[number % 2].submit(
                request.id, Decision(type="approve"), identity=f"local:p{number}", via="test"
            )
            return decided

        answers = await asyncio.gather(*map(answer, range(20)), return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, AlreadyDecided)]
        (won,) = [answer for answer in answers if isinstance(answer, ReviewRequest)]
        assert len(refused) == 19
        assert all(str(won.decided_by) in str(refusal) for refusal in refused)
        await asyncio.gather(*(asyncio.to_thread(world.step) for world in worlds))
        await asyncio.to_thread(worlds[0].step)
        assert (await asyncio.to_thread(worlds[0].run_now, run)).status == "succeeded"
        assert effects.done == [7]

    async def test_filing_and_answering_never_wait_in_a_circle(self, store: Store, other: Store) -> None:
        """Units that lock a run, its requests and an action – in the port's order – at two processes at once: all end, none is aborted."""
        run = await self.added_run(store)
        requests = [await self.added_request(store, run_id=run.id) for _ in range(4)]
        actions = [await self.added_action(store, run_id=run.id, request_id=r.id) for r in requests]

        async def answer(through: Store, number: int) -> None:
            async with through.begin() as uow:
                await uow.run(run.id, lock=True)
                request = await uow.request(requests[number].id, lock=True)
                action = await uow.action(actions[number].id, lock=True)
                assert request is not None
                assert action is not None
                await uow.save_action(replace(action, attempts=action.attempts + 1))
                await uow.save_request(replace(request, version=request.version + 1))
                await uow.want_run(run.id)

        async def file(through: Store) -> None:
            async with through.begin() as uow:
                await uow.run(run.id, lock=True)
                for request in await uow.requests_of_thread(requests[0].thread_id, lock=True):
                    await uow.save_request(replace(request, version=request.version + 1))
                await uow.add_request(a_request(run.id))
                await uow.add_submission(a_submission(requests[0].id))

        async def claim(through: Store, number: int) -> None:
            async with through.begin() as uow:
                await uow.request(requests[number].id, lock=True)
                await uow.claim_action(
                    actions[number].id, digest="no", claim_id=new_id(), owner="me", seconds=1, lease=None
                )

        turns = [(store, other)[n % 2] for n in range(24)]
        await asyncio.gather(
            *(answer(through, n % 4) for n, through in enumerate(turns)),
            *(file(through) for through in turns),
            *(claim(through, n % 4) for n, through in enumerate(turns)),
        )
        async with store.read() as uow:
            after = await uow.actions([action.id for action in actions])
            seen = await uow.run(run.id)
        assert [after[action.id].attempts for action in actions] == [6] * 4
        assert seen is not None
        assert seen.wanted == run.wanted + 24

    async def test_claims_that_somebody_holds_are_left_out(self, store: Store, other: Store) -> None:
        """A heartbeat does not wait for an action that is being settled, and so never holds another one meanwhile."""
        settling, alive = [await self.added_action(store) for _ in range(2)]
        for action in (settling, alive):
            async with store.begin() as uow:
                assert await uow.claim_action(
                    action.id, digest="digest", claim_id=action.id, owner="me", seconds=30, lease=None
                )
        async with store.begin() as uow:
            await uow.action(settling.id, lock=True)
            async with other.begin() as beside:
                assert await beside.renew_claims([settling.id, alive.id], "me", 60) == {alive.id}

    # a server that is away

    async def test_a_lost_connection_leaves_nothing(self, store: Store, postgres_url) -> None:
        """The server ends the connection in the middle of a unit: a clear error, nothing of it stays, and the next unit just works."""
        run = a_run()
        with pytest.raises(DatabaseUnreachable, match="terminat"):  # noqa: PT012 – the moment is the point
            async with store.begin() as uow:
                assert await uow.add_run(run)
                disconnect(postgres_url)
                await uow.want_run(run.id)
        async with store.begin() as uow:
            assert await uow.run(run.id) is None
            assert await uow.add_run(run)
        disconnect(postgres_url)  # idle ones in the pool, too
        async with store.read() as uow:
            assert await uow.run(run.id) == run

    async def test_a_server_that_is_still_away_when_the_pool_connects_anew(
        self, store: Store, postgres_url
    ) -> None:
        """O-08: its connections are gone and it takes no new ones, as while it recovers: a clear error, and soon all is well again."""
        run = await self.added_run(store)
        name = make_url(postgres_url).database
        elsewhere = make_url(postgres_url).set(database="postgres")
        with psycopg.connect(**connection_words(elsewhere), autocommit=True) as admin:
            admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
            ask = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"
            admin.execute(ask, (name,))
            try:
                for unit in (store.read, store.begin):
                    with pytest.raises(DatabaseUnreachable, match="not currently accepting"):
                        async with unit():
                            pytest.fail("nobody is there")
            finally:
                admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
        async with store.read() as uow:
            assert await uow.run(run.id) == run

    async def test_a_locked_row_is_not_waited_for_for_ever(self, postgres_url, monkeypatch) -> None:
        """Somebody else holds a row longer than anybody should: one sentence, not a hang."""
        monkeypatch.setattr(postgresql, "_PATIENCE", "50ms")
        store = SqlStore(postgres_url, clock=ManualClock())
        run = await self.added_run(store)
        async with store.begin() as uow:
            await uow.run(run.id, lock=True)
            with pytest.raises(DatabaseUnreachable, match="lock timeout"):
                async with store.begin() as beside:
                    await beside.want_run(run.id)
        await store.close()

    async def test_a_forgotten_unit_of_work_lets_go(self, postgres_url, monkeypatch) -> None:
        """A process that was stopped inside its unit holds nobody up for long, and writes nothing when it wakes up."""
        monkeypatch.setattr(postgresql, "_FORGOTTEN", "50ms")
        store = SqlStore(postgres_url, clock=ManualClock())
        run = await self.added_run(store)
        with pytest.raises(DatabaseUnreachable):  # noqa: PT012 – the moment is the point
            async with store.begin() as sleeper:
                await sleeper.want_run(run.id)
                async with store.begin() as uow:  # waits until the server has given the sleeper up
                    await uow.want_run(run.id)
                await sleeper.want_run(run.id)
        async with store.read() as uow:
            after = await uow.run(run.id)
        assert after is not None
        assert after.wanted == run.wanted + 1
        await store.close()

    async def test_a_closed_store_says_so(self, store: Store) -> None:
        """Nothing is begun after the end, and closing twice does no harm."""
        await store.close()
        await store.close()
        with pytest.raises(RuntimeError, match="closed"):
            async with store.read():
                pass


# URLs and errors


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"username": "guarded", "password": "s3cret-and-wrong"},
            'password authentication failed|role "guarded" does not exist',  # where everybody is trusted
        ),
        ({"database": "nothing_here"}, 'database "nothing_here" does not exist'),
        ({"query": {"host": "/nowhere"}}, "No such file or directory"),
    ],
)
async def test_what_cannot_be_reached_is_said_in_one_sentence(
    postgres_server: Postgres, changes, why
) -> None:
    """O-09: a wrong password, user, name or place: one sentence with the reason, the setting's name and never the password."""
    url = postgres_server.url_of(postgres_server.template)
    store = open_store(
        make_url(url).set(**changes).render_as_string(hide_password=False), clock=ManualClock()
    )
    with pytest.raises(DatabaseUnreachable, match=why) as preparing:
        await store.prepare()
    with pytest.raises(DatabaseUnreachable, match=why) as beginning:
        async with store.begin():
            pass
    for refusal in (preparing, beginning):
        words = str(refusal.value)
        assert words.endswith("Check HITL_DATABASE_URL.")
        assert "\n" not in words
        assert "s3cret" not in words
    await store.close()


def test_the_driver_is_named_where_it_is_missing(monkeypatch) -> None:
    """O-09: PostgreSQL is an extra; without it the sentence says what to install."""
    monkeypatch.setattr("hitl_middleware.stores.url.find_spec", lambda _name: None)
    with pytest.raises(ConfigurationError, match=r"pip install 'hitl-middleware\[postgres\]'"):
        open_store("postgresql://u:s3cret@h/d", clock=ManualClock())


def disconnect(url: str) -> None:
    """End every other connection to a database."""
    ask = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    with psycopg.connect(**connection_words(parse(url))) as connection:
        connection.execute(ask)
