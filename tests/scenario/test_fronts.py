"""Fronts take what people say, workers do what follows; which process is which makes no difference to either."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import pytest

from hitl_middleware.actions import Decision
from hitl_middleware.crew import crew_of
from hitl_middleware.hitl import Hitl
from hitl_middleware.settings import ConfigFile, Settings

from tests.kit.clocks import until
from tests.kit.effects import Effects
from tests.kit.flows import planning


@pytest.fixture
def hitls(url: str, kept_open: ExitStack, effects: Effects) -> Callable[[], Hitl]:
    """Makes processes of one database, as far as one process can be several; each can run the graph ``plan``."""

    def make() -> Hitl:
        hitl = Hitl(Settings(database_url=url), config=ConfigFile(), channels=())
        kept_open.callback(hitl.stop)
        hitl.serve("plan", planning(effects).compile())
        return hitl

    return make


def test_what_a_front_takes_a_worker_does(hitls: Callable[[], Hitl], effects: Effects) -> None:
    """O-09: neither a run nor a decision is told to the worker by anything but the database, and it looks there at least each second."""
    worker, front = hitls(), hitls()
    worker.start()
    run = front.portal.call(front.start_run, "plan", {"topic": "fronts"})

    def waiting() -> bool:
        return bool(front.portal.call(front.views.requests, status="pending")[0].items)

    until(waiting, "the question is filed")
    (request,) = front.portal.call(front.views.requests, status="pending")[0].items
    front.portal.call(front.submit, request.id, Decision(type="approve"), identity="local:ann", via="test")
    until(lambda: front.portal.call(front.views.run, run.id).run.status == "succeeded", "the run ends")
    assert len(effects.done) == 1
    assert not front.works
    assert crew_of(worker).sweep_seconds <= 1
