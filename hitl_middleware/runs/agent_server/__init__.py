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

from __future__ import annotations

from hitl_middleware.errors import ConfigurationError
from hitl_middleware.ports import Clock
from hitl_middleware.runs.agent_server.asking import AgentServer
from hitl_middleware.runs.agent_server.driving import AgentServerRuns
from hitl_middleware.runs.agent_server.history import AgentServerReader
from hitl_middleware.settings import ConfigFile, Settings


def configured_agent_server(settings: Settings, config: ConfigFile, clock: Clock) -> AgentServerRuns | None:
    """What HITL_AGENT_SERVER_URL and ``[agent_server]`` say; ``None``: all graphs run in this process. No I/O but reading the manifest.

    Raises ``ConfigurationError`` for a URL that is none, and where nothing says which graphs live there.
    """
    if settings.agent_server_url is None:
        return None
    server = AgentServer.from_env(settings.agent_server_url, clock)
    if (names := config.agent_server.graphs) is None:
        if not settings.manifest.exists():
            msg = (
                "HITL_AGENT_SERVER_URL is set, and nothing says which graphs live there: name them in hitl.toml, "
                f'[agent_server] graphs = ["…"], or in {settings.manifest}'
            )
            raise ConfigurationError(msg)
        from hitl_middleware.manifest import read_manifest

        names = tuple(read_manifest(settings.manifest))
    return AgentServerRuns(server, names)


__all__ = ["AgentServerReader", "AgentServerRuns", "configured_agent_server"]
