"""The thread on which a process's store lives."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import pytest

from hitl_middleware.errors import ForkedProcess
from hitl_middleware.portal import Portal
from hitl_middleware.stores.saver import close_saver, open_saver

from tests.kit.world import on

PATIENCE = 20.0


async def _seven() -> int:
    return 7


@pytest.fixture
def portal() -> Iterator[Portal]:
    """One of this test's own."""
    made = Portal("test-portal")
    yield made
    made.stop()


def _ask(do: Callable[[], Any], said: Connection) -> None:
    try:
        said.send(do())
    except ForkedProcess as error:
        said.send(str(error))


def _in_a_fork(do: Callable[[], Any]) -> Any:
    """What a process is answered that was forked just now."""
    forking = multiprocessing.get_context("fork")
    heard, said = forking.Pipe(duplex=False)
    child = forking.Process(target=_ask, args=(do, said))
    child.start()
    try:
        assert heard.poll(PATIENCE), "it waits for a thread that is not there"
        return heard.recv()
    finally:
        child.kill()
        child.join(PATIENCE)


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_of_a_process_that_used_it(portal: Portal) -> None:
    """E-04: workers that are forked from a process with an attached graph (Celery, gunicorn --preload) waited for ever."""
    assert portal.call(_seven) == 7
    assert "in every worker after the fork" in str(_in_a_fork(lambda: portal.call(_seven)))
    assert portal.call(_seven) == 7


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_before_it_was_used(portal: Portal) -> None:
    """E-04: a module that only says what is to be done may be imported before the fork."""
    assert _in_a_fork(lambda: portal.call(_seven)) == 7


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_saver_in_a_fork(portal: Portal, sqlite_url: str) -> None:
    """E-04: a graph that was compiled with ``hitl.checkpointer()`` before the fork says so as well."""
    saver = portal.call(open_saver, sqlite_url)
    assert saver.get_tuple(on()) is None
    assert "in every worker after the fork" in _in_a_fork(lambda: saver.get_tuple(on()))
    portal.call(close_saver, saver)
