"""A graph that is attached but runs inside one that is not: LangGraph tells it nothing, so its root has to be attached."""

from __future__ import annotations

from langgraph.checkpoint.memory import InMemorySaver

from tests.kit import foreign
from tests.kit.effects import Effects
from tests.kit.models import asks
from tests.kit.world import World, asked, on


def test_inside_a_graph_that_is_not_attached(quick: World, effects: Effects) -> None:
    """E-03, DESIGN §6: nothing is filed, nothing is held, the caller answers as ever; with the root attached it is asked, once."""
    inner = quick.attach(foreign.langchain_agent(effects, 1, saver=InMemorySaver()), "inner")
    outer = foreign.around(inner)
    outer.invoke(asks(), on())
    quick.step()
    assert (quick.requests(), quick.runs()) == ([], [])
    assert len(asked(outer)) == 1, "it waits for its own caller"

    root = quick.attach(outer, "outer")
    root.invoke(asks(), on("t-2"))
    quick.decide(quick.only())
    quick.step()
    assert effects.done == [1]
    assert [(run.thread_id, run.status) for run in quick.runs()] == [("t-2", "succeeded")]
