"""One writer at a time in a process, whichever of its event loops it comes from."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hitl_middleware.portal import Portal
from hitl_middleware.stores.turn import Turn, turn_at


async def test_loops_take_turns():
    """Whoever comes from another loop waits until the turn is given back, and has it then; first come, first served."""
    turn, order, elsewhere = Turn(), [], Portal("test-turn")
    asked = asyncio.Event()
    here = asyncio.get_running_loop()

    async def take(name: str) -> None:
        waiting = asyncio.ensure_future(turn.__aenter__())
        await asyncio.sleep(0)
        here.call_soon_threadsafe(asked.set)
        await waiting
        order.append(name)
        await turn.__aexit__(None, None, None)

    try:
        async with turn:
            first = elsewhere.submit(take, "elsewhere")
            await asked.wait()
            second = asyncio.create_task(take("here"))
            await asyncio.sleep(0)
            assert order == []
        await asyncio.gather(asyncio.wrap_future(first), second)
        assert order == ["elsewhere", "here"]
    finally:
        elsewhere.stop()


@pytest.mark.parametrize("late", [False, True], ids=["while waiting", "as it comes"])
async def test_who_gives_up_holds_nobody_up(late: bool):
    """A waiter that is cancelled, even in the very moment in which its turn comes, passes it on."""
    turn = Turn()

    async def take() -> None:
        async with turn:
            pass

    await turn.__aenter__()
    given_up, following = asyncio.create_task(take()), asyncio.create_task(take())
    await asyncio.sleep(0)
    if not late:
        given_up.cancel()
    await turn.__aexit__(None, None, None)
    if late:
        given_up.cancel()
    async with asyncio.timeout(30):
        await following
        async with turn:
            pass
    assert given_up.cancelled()


async def test_a_turn_inside_ones_own_is_refused():
    """It would wait for itself."""
    async with (turn := Turn()):
        with pytest.raises(RuntimeError, match="inside a unit of work"):
            await turn.__aenter__()


def test_one_for_each_file(tmp_path: Path):
    """The store and the saver of one database, and nobody else, share it."""
    assert turn_at(tmp_path / "a.db") is not (kept := turn_at(tmp_path / "b.db"))
    assert turn_at(tmp_path / "b.db") is kept
