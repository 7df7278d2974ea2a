"""What if: a run tried from one of its checkpoints on, with other values, and – unless asked otherwise – without doing anything.

A dry run lives in memory, with a desk of its own: no request of it is posted, nothing of it is written into the database, and no tool is
called (``recorders`` says how, and what no one can replace). It moves as soon as something is decided, and is a run like any other to
look at, compare and export.

Forks for real are in ``branching``.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace

from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver

from hitl_middleware.gate.elsewhere import ELSEWHERE_KEY, Elsewhere
from hitl_middleware.hitl import Hitl
from hitl_middleware.notebook import copying, reading, threads
from hitl_middleware.notebook.aside import Aside
from hitl_middleware.notebook.branching import Wish, enter, forked, items, place
from hitl_middleware.notebook.facts import Dry, Facts
from hitl_middleware.notebook.recorders import Log, NothingReal, StandIn, answers_of, harmless
from hitl_middleware.notebook.source import Source
from hitl_middleware.notebook.threads import Graph
from hitl_middleware.records import Run

PATIENCE = 60.0
"""Seconds that a dry run is waited for. A model may take its time; one that takes more is looked at again (``refresh``)."""


class Rehearsal:
    """One dry run: a ``Hitl`` in memory, the harmless copy of the graph, and what its tools were asked to do."""

    def __init__(self, source: Hitl, graph: Graph, name: str, log: Log) -> None:
        settings = source.settings.model_copy(
            update={
                "database_url": "memory://",
                "dispatcher": "local",
                "agent_server_url": None,
                "public_url": None,
            }
        )
        self.hitl = Hitl(settings, config=source.config, channels=())
        self.log = log
        self.copy = harmless(graph, log)
        saver = threads.saver_of(graph)
        assert saver is not None  # noqa: S101 – a thread that is shown was read through one
        self.saver = InMemorySaver(serde=saver.serde)
        here = Elsewhere(self.hitl.ledger, self.hitl.holdings, self.hitl.portal)
        memory = None if graph.store is None else Aside(graph.store)
        tried = self.copy.graph.copy({"checkpointer": self.saver, "cache": None, "store": memory})
        self.graph = tried.with_config(callbacks=[NothingReal()], configurable={ELSEWHERE_KEY: here})
        self.hitl.graphs.add(name, self.graph)
        self.name = name
        self.about: Dry | None = None

    def begin(self, facts: Facts, found: Sequence[CheckpointTuple], wish: Wish) -> Run:
        """Lay the thread out, and let it run to its next question or its end."""
        run = forked(facts.run, facts.run.thread_id, "dry", self.hitl)
        copying.put(self.saver, run, found)
        if wish.values is not None:
            self.graph.update_state(place(run, wish.at.id), dict(wish.values), wish.as_node)
        self.about = Dry(
            forked_from=facts.run.id,
            at=wish.at.id,
            tools=self.copy.tools,
            nodes=self.copy.nodes,
            real=self.copy.real,
        )
        self.hitl.portal.call(enter, self.hitl, run, facts.run.id, "dry run")
        self.settle()
        return run

    def settle(self) -> None:
        """Let it run on, and wait until it stops; of one that does not, what it has come to by then is shown."""
        going = threading.Thread(target=self.hitl.settle_all, name="hitl-dry-run", daemon=True)
        going.start()
        going.join(PATIENCE)

    async def look(self, run: Run) -> Facts:
        """The dry run as it stands."""
        assert self.about is not None  # noqa: S101 – it has begun
        with self.log.lock:
            about = replace(self.about, recorded=tuple(self.log.calls))
        found = await reading.look(self.hitl, run, self.graph, known=True, dry=about)
        return replace(found, notes=())  # that it lives in memory is what a dry run is

    def close(self) -> None:
        """End it and forget it."""
        self.hitl.stop()


def rehearse(
    source: Hitl, graph: Graph, facts: Facts, wish: Wish, stand_ins: Mapping[str, StandIn]
) -> tuple[Rehearsal, Run]:
    """A dry run of ``facts`` from a checkpoint on. Waits until it stops."""
    found = source.runs_portal.call(items, graph, facts.run.thread_id)
    before = source.portal.call(reading.stored, source, facts.run) if facts.stored else None
    log = Log(stand_ins, answers_of(before.actions) if before is not None else {})
    rehearsal = Rehearsal(source, graph, facts.run.graph, log)
    try:
        # Of the newest checkpoint what was begun is kept: nothing is run again before somebody decides.
        begun = wish.newest and wish.values is None
        return rehearsal, rehearsal.begin(facts, copying.led_to(found, wish.at.id, begun=begun), wish)
    except BaseException:
        rehearsal.close()
        raise


# ----------------------------------------------------------------------------------------------------------- as opened


class _Trial:
    """A dry run as a source of what is opened: what is decided there moves it at once."""

    named = False

    def __init__(self, rehearsal: Rehearsal, identity: str) -> None:
        self.hitl = rehearsal.hitl
        self.identity = identity
        self._rehearsal = rehearsal

    def look(self, facts: Facts) -> Facts:
        return self.hitl.runs_portal.call(self._rehearsal.look, facts.run)

    def graph_of(self, run: Run) -> tuple[Graph | None, str | None]:
        del run
        return None, "it is a dry run itself. Fork the run it came from."

    def moved(self, run: Run, seconds: float = 0) -> None:
        del run, seconds
        self._rehearsal.settle()

    def close(self) -> None:
        self._rehearsal.close()


def dry_run(
    source: Source, graph: Graph, facts: Facts, wish: Wish, stand_ins: Mapping[str, StandIn]
) -> tuple[Facts, Source]:
    """See ``OpenRun.fork``: the dry run as it stands, and where it lives."""
    rehearsal, run = rehearse(source.hitl, graph, facts, wish, stand_ins)
    return source.hitl.runs_portal.call(rehearsal.look, run), _Trial(rehearsal, source.identity)
