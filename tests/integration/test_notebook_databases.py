"""A notebook beside a server on one database, of both kinds: what it forks and decides is what the server goes on with (N-03, O-09)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hitl_graphs import human_approval
from hitl_middleware.notebook import Debugger

from tests.kit.effects import Effects
from tests.kit.shop import CARD, shop_model, shop_tools, suspended
from tests.kit.world import World

REFUND = ("refund", "A-1001", 12_000, CARD)


@pytest.mark.databases("sqlite", "postgresql")
def test_a_notebook_beside_a_server(make_world: Callable[..., World], url: str, effects: Effects):
    """N-03: opened, forked dry, forked in place under the run's lease, decided, and forked on a new thread – each by the notebook's own
    ``Hitl``, and carried on by the server's; at most one refund for each approval.
    """
    server, notebook = make_world(url), make_world(url)
    suspended(server, effects)
    dbg = Debugger(notebook.plain(shop_tools(effects), shop_model()), name="shop", hitl=notebook)

    run = dbg["kettle"]
    assert run.graph().marks.marks["tools"].status == "waiting"
    assert not run.facts.notes
    assert CARD not in repr(run) + run.step()._repr_html_()
    assert [row.waits_for for row in dbg.runs()] == ["slack:U024BE7LH"]

    dry = run.fork()
    dry.decide("approve")
    assert (dry.status, [one.tool for one in dry.recorded]) == ("succeeded", ["process_refund"])
    dry.close()

    (old,) = run.facts.pending
    run.fork(at=3, in_place=True, dry_run=False)
    server.step()
    now = dbg["kettle"]
    assert [(request.id == old.id, request.status) for request in now.facts.requests] == [
        (True, "superseded"),
        (False, "pending"),
    ]
    assert REFUND not in effects.done

    now.decide("approve")
    server.step()
    assert effects.done.count(REFUND) == 1
    assert now.refresh().status == "succeeded"

    due = [
        number
        for number, one in enumerate(now.checkpoints)
        if any(task.name == "tools" for task in one.tasks)
    ]
    fork = now.fork(at=due[-1], dry_run=False)
    server.step()
    assert fork.refresh().standing.state == "waiting"
    fork.decide("reject", "Once is enough")
    server.step()
    assert (fork.refresh().status, effects.done.count(REFUND)) == ("succeeded", 1)


@pytest.mark.databases("sqlite", "postgresql")
def test_the_servers_graphs_are_read_with_a_saver_of_ones_own(make_world: Callable[..., World], url: str):
    """N-01: as ``Debugger.from_env()``: nothing but the database is shared; the graph is the manifest's, its saver is made to look."""
    server, notebook = make_world(url), make_world(url)
    server.serve("human-approval", human_approval.graph)
    server.begin_run("human-approval", {"topic": "bees"}, thread_id="bees")
    dbg = Debugger(hitl=notebook)
    assert [row.tool for row in dbg.runs()] == ["review-text"]
    run = dbg["bees"]
    assert run.graph().marks.marks["review-text"].status == "waiting"
    assert "All you need to know about bees." in repr(run.question)
    run.decide("approve")
    server.step()
    assert run.refresh().state["published"] == "All you need to know about bees."
