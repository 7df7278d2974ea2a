"""GraphRuns over a LangGraph Agent Server (``langgraph dev``, LangSmith Deployment, or the server's own image), by its public API.

The graph runs over there, with that server's checkpoints and its queue; here are the run's lease, its requests and its decisions. What a
gated tool needs is in the graph's own module: ``Hitl.from_env()`` on the same database. So the gate claims there as anywhere, under the
lease that is handed through the server in ``configurable``, and a run of the server whose fence has moved on executes nothing.

One thing runs on a thread at a time. Whatever is under way there – ours, from before a crash or a lost answer, or somebody else's – is
waited for, and then the thread is looked at again; a new run that would stand beside it is refused by the server (``reject``). So
nothing is started or resumed twice, and nothing is ever cancelled.

    asking.py    one question to the server at a time, and what can go wrong, as sentences
    reading.py   a thread's state as a ``Snapshot``; what an error says                                pure
    leftovers.py a thread on which a run ended in the middle, put in order
    driving.py   ``AgentServerRuns``
"""

from hitl_middleware.runs.agent_server.driving import AgentServerRuns

__all__ = ["AgentServerRuns"]
