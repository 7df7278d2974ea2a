"""LangGraph's saver on our databases: from any loop and thread, strict about what it revives, and closed to a sleeper."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ormsgpack
import psycopg
import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, MessagesState, StateGraph

from hitl_middleware import Hitl
from hitl_middleware.errors import DatabaseUnreachable, LeaseLost, MigrationNeeded
from hitl_middleware.portal import Portal
from hitl_middleware.settings import Settings
from hitl_middleware.stores import migrations
from hitl_middleware.stores.saver import close_saver, open_saver
from hitl_middleware.stores.saver.postgresql import check_tables
from hitl_middleware.stores.url import connection_words, parse
from hitl_middleware.testing.store_contract.case import a_run

from tests.kit.postgres import Postgres
from tests.kit.statements import heard_statements
from tests.kit.world import World, on


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def saver_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/hitl.db"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def home(kept_open: ExitStack) -> Iterator[Portal]:
    """The loop that owns the connections."""
    portal = Portal("test-saver")
    yield portal
    portal.stop()


@pytest.fixture
def saver(saver_url: str, home: Portal) -> Iterator[BaseCheckpointSaver[Any]]:
    """A saver owned by another loop than the test's."""
    opened = home.call(open_saver, saver_url)
    yield opened
    home.call(close_saver, opened)


def talk(saver: BaseCheckpointSaver[Any]) -> Any:
    """A graph that says one thing more each time."""
    builder = StateGraph(MessagesState)
    builder.add_node("say", lambda state: {"messages": [HumanMessage(str(len(state["messages"])))]})
    builder.add_edge(START, "say")
    builder.add_edge("say", END)
    return builder.compile(checkpointer=saver)


async def test_sync_and_async_graphs_on_any_loop_share_it(saver: BaseCheckpointSaver[Any]) -> None:
    """DESIGN §4: a thread goes on from a sync graph, from two other loops and from here; everything is listed, and can be deleted."""
    graph = talk(saver)

    def apart() -> None:
        asyncio.run(graph.ainvoke({"messages": []}, on()))

    await asyncio.to_thread(graph.invoke, {"messages": []}, on())
    await asyncio.to_thread(apart)
    await asyncio.to_thread(apart)
    await graph.ainvoke({"messages": []}, on())
    state = await graph.aget_state(on())
    assert [message.text for message in state.values["messages"]] == ["0", "1", "2", "3"]
    assert (await asyncio.to_thread(graph.get_state, on())).config == state.config
    assert len([item async for item in saver.alist(on())]) == 12
    await saver.adelete_thread("t-1")
    assert await saver.aget_tuple(on()) is None


async def test_parallel_threads_do_not_mix(saver: BaseCheckpointSaver[Any]) -> None:
    """O-09: twenty threads at once through one saver: each has its own story."""
    graph = talk(saver)
    threads = [on(f"t-{number}") for number in range(20)]
    await asyncio.gather(*(graph.ainvoke({"messages": []}, thread) for thread in threads))
    await asyncio.gather(*(graph.ainvoke({"messages": []}, thread) for thread in threads))
    states = await asyncio.gather(*map(graph.aget_state, threads))
    assert [[message.text for message in state.values["messages"]] for state in states] == [["0", "1"]] * 20


async def test_nothing_but_safe_types_is_revived(saver: BaseCheckpointSaver[Any], monkeypatch: Any) -> None:
    """DESIGN §6: a checkpoint row is code to a permissive serializer. Here what names a function is not called, whatever is set."""
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "false")
    called = ("msgpack", ormsgpack.packb(ormsgpack.Ext(1, ormsgpack.packb(("os", "getpid", ())))))
    assert JsonPlusSerializer(allowed_msgpack_modules=True).loads_typed(called) == os.getpid()
    assert saver.serde.loads_typed(called) == []


@pytest.mark.parametrize("write", ["checkpoint", "writes"])
async def test_a_sleeper_writes_nothing(
    saver_url: str, saver: BaseCheckpointSaver[Any], make_world: Callable[..., World], write: str
) -> None:
    """Rule 2, DESIGN §6: once another process holds the run's lease, whoever had it writes no checkpoint beside the new story."""
    world = make_world(saver_url)
    world.start()

    async def change_hands() -> str:
        async with world.store.begin() as uow:
            await uow.add_run(run := a_run())
            assert await uow.acquire_lease(run.id, "sleeper", 1) is not None
        world.wait(2)
        async with world.store.begin() as uow:
            assert await uow.acquire_lease(run.id, "heir", 1) is not None
        return run.id

    run = await world.portal.run(change_hands)
    for fence in (2, 1):  # the heir, then the sleeper
        config = on(checkpoint_ns="", hitl_lease={"run": run, "fence": fence})
        checkpoint = empty_checkpoint()
        if fence == 1:
            with pytest.raises(LeaseLost):
                await put(saver, write, config, checkpoint)
        else:
            await put(saver, write, config, checkpoint)
    listed = [item async for item in saver.alist(on())]
    assert len(listed) == (1 if write == "checkpoint" else 0)


async def test_what_is_written_together_is_committed_together(
    tmp_path: Path, home: Portal, make_world: Callable[..., World]
) -> None:
    """Twenty checkpoints in one moment take a commit or two, each there when its writer hears of it; a sleeper's alone is refused."""
    url = f"sqlite:///{tmp_path}/hitl.db"
    with heard_statements() as heard:
        saver = home.call(open_saver, url)
        world = make_world(url)
        world.start()
        await saver.aget_tuple(on("none"))
        run = a_run()

        async def begin() -> None:
            async with world.store.begin() as uow:
                await uow.add_run(run)
                assert await uow.acquire_lease(run.id, "heir", 1) is not None

        async def write(number: int) -> Any:
            fence = 0 if number == 7 else 1
            config = on(f"t-{number}", checkpoint_ns="", hitl_lease={"run": run.id, "fence": fence})
            kept = await saver.aput(config, empty_checkpoint(), {}, {})
            assert await saver.aget_tuple(kept) is not None

        await world.portal.run(begin)

        async def all_at_once() -> list[Any]:
            return await asyncio.gather(*map(write, range(20)), return_exceptions=True)

        with heard.counting() as count:
            answers = await home.run(all_at_once)
        home.call(close_saver, saver)
    assert [type(answer) for answer in answers] == [type(None)] * 7 + [LeaseLost] + [type(None)] * 12
    assert count.writes == 19
    assert count.commits <= 2


async def put(saver: BaseCheckpointSaver[Any], write: str, config: Any, checkpoint: Any) -> None:
    """As LangGraph does it."""
    if write == "checkpoint":
        await saver.aput(config, checkpoint, {}, {})
    else:
        config["configurable"]["checkpoint_id"] = checkpoint["id"]
        await saver.aput_writes(config, [("messages", 1)], "task")


async def test_every_string_comes_back(saver: BaseCheckpointSaver[Any]) -> None:
    """O-08: also one that the database's JSON could not hold."""
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"odd": "NUL \0 and \u202e", "plain": "words"}
    checkpoint["channel_versions"] = {"odd": "1", "plain": "1"}
    await saver.aput(on(checkpoint_ns=""), checkpoint, {}, {"odd": "1", "plain": "1"})
    found = await saver.aget_tuple(on())
    assert found is not None
    assert found.checkpoint["channel_values"] == checkpoint["channel_values"]


# PostgreSQL


@pytest.mark.postgres
async def test_parallel_writes_do_not_queue_behind_one_lock(postgres_url: str, home: Portal) -> None:
    """DESIGN §6, langgraph #7259: while one connection is held up, the pool's others go on."""
    saver = home.call(open_saver, postgres_url)
    await saver.aput(on(checkpoint_ns=""), empty_checkpoint(), {}, {})
    with psycopg.connect(**connection_words(parse(postgres_url))) as connection:
        connection.execute("SELECT 1 FROM checkpoints WHERE thread_id = 't-1' FOR UPDATE")
        held_up = asyncio.ensure_future(saver.adelete_thread("t-1"))
        for number in range(2, 9):
            await saver.aput(on(f"t-{number}", checkpoint_ns=""), empty_checkpoint(), {}, {})
        assert not held_up.done()
        assert await saver.aget_tuple(on()) is not None
    await held_up
    assert await saver.aget_tuple(on()) is None
    home.call(close_saver, saver)


@pytest.mark.postgres
def test_the_first_use_prepares_the_database(postgres_server: Postgres) -> None:
    """O-07: a graph compiled with ``hitl.checkpointer()`` runs on an empty database, before anything of ours was started there."""
    with postgres_server.bare() as url:
        hitl = Hitl(Settings(database_url=url))
        graph = talk(hitl.checkpointer())
        graph.invoke({"messages": []}, on())
        assert migrations.current(url) == migrations.HEAD
        hitl.stop()


@pytest.mark.postgres
def test_checkpoints_of_an_older_langgraph_are_left_to_the_operator(postgres_server: Postgres) -> None:
    """DESIGN §5: as with our own tables; ``hitl db upgrade`` brings LangGraph's up to date, too."""
    with postgres_server.bare() as url:
        migrations.prepare(url)
        with psycopg.connect(**connection_words(parse(url))) as connection:
            connection.execute(
                "DELETE FROM checkpoint_migrations WHERE v = (SELECT max(v) FROM checkpoint_migrations)"
            )
            connection.execute("ALTER TABLE checkpoint_writes DROP COLUMN task_path")
        hitl = Hitl(Settings(database_url=url))
        graph = talk(hitl.checkpointer())
        with pytest.raises(MigrationNeeded, match=r"checkpoints.*hitl db upgrade"):
            graph.invoke({"messages": []}, on())
        migrations.upgrade(url)
        graph.invoke({"messages": []}, on())
        hitl.stop()


@pytest.mark.postgres
def test_a_server_that_goes_away_before_checkpoints_are_looked_for(postgres_server: Postgres) -> None:
    """E-04: at a start, too, it is one sentence without the password, and no traceback."""
    url = postgres_server.url_of("nothing_here", password="s3cret")
    with pytest.raises(DatabaseUnreachable, match="does not exist") as raised:
        check_tables(parse(url))
    assert "s3cret" not in str(raised.value)


@pytest.mark.postgres
async def test_a_saver_without_a_server_says_so(postgres_server: Postgres, home: Portal) -> None:
    """O-09: at once, in our words and without the password."""
    url = postgres_server.url_of("nothing_here", password="s3cret")
    saver = home.call(open_saver, url)
    with pytest.raises(DatabaseUnreachable, match="does not exist") as refusal:
        await saver.aget_tuple(on())
    assert "s3cret" not in str(refusal.value)
    home.call(close_saver, saver)
