"""What every ``GraphRuns`` must do, as a suite: subclass ``RunsContract`` and give it a fixture ``world``.

    class TestHere(RunsContract):
        @pytest.fixture
        def world(self):
            here = Here()
            yield here
            here.portal.stop()

``world`` (``RunsWorld``) is the way of running graphs under test, and the way of reading them that belongs to it, with the graphs of
``GRAPHS`` served under their names (a LangGraph Agent Server takes ``MANIFEST`` as the ``graphs`` of its ``langgraph.json``). In this
process, with LangGraph's saver in memory:

    class Here:
        def __init__(self):
            self.portal = Portal("runs")
            self.runs = LocalRuns(self.portal, None)        # no graph of the contract has a human_step or an ask
            self.reader = CompiledReader(self.runs)
            self.saver = InMemorySaver()
            for name, (build, options) in GRAPHS.items():
                self.runs.add(name, build().compile(checkpointer=self.saver, **options))

        async def values(self, run):
            stored = await self.saver.aget({"configurable": {"thread_id": run.thread_id}})
            return stored["channel_values"]

The tests are coroutines: run them with pytest-asyncio in its auto mode.
"""

from hitl_middleware.testing.runs_contract.contract import RunsContract, RunsWorld
from hitl_middleware.testing.runs_contract.graphs import GRAPHS, MANIFEST

__all__ = ["GRAPHS", "MANIFEST", "RunsContract", "RunsWorld"]
