"""This library as a ``Runner``: ``--runner hitl_middleware.testing.resume_safety.ours:HitlRunner``."""

from __future__ import annotations

from collections.abc import Sequence

from langchain.agents import create_agent
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool

from hitl_middleware.actions import Decision
from hitl_middleware.gate import requires_approval
from hitl_middleware.settings import ConfigFile, Settings
from hitl_middleware.testing.resume_safety.agents import THREAD, behind, retelling, said
from hitl_middleware.testing.resume_safety.scene import Asked, Scene, Told
from hitl_middleware.testing.still import StillHitl

LEASE = 10.0


class HitlRunner:
    """``create_agent`` behind the gate, on SQLite, driven by ``advance``."""

    def __init__(self, scene: Scene) -> None:
        settings = Settings(database_url=f"sqlite:///{scene.folder}/hitl.db", lease_seconds=LEASE)
        self._hitl = hitl = StillHitl(settings, config=ConfigFile(), channels=())

        @requires_approval(when=lambda call: scene.asks(call.args["what"]))
        @tool
        def act(what: str) -> str:
            """Do something to the world."""
            return scene.perform(what)

        self._agent = create_agent(
            said(scene),
            [act],
            middleware=[hitl.approvals([act]), *behind(scene)],
            checkpointer=hitl.checkpointer(),
        )
        hitl.serve("scene", self._agent)

    def start(self) -> None:
        """A run; a second one waits for its turn."""
        given = {"messages": [{"role": "user", "content": "please"}]}
        self._hitl.portal.call(self._hitl.start_run, "scene", given, thread_id=THREAD)
        self._hitl.step()

    def asked(self) -> Sequence[Asked]:
        """Pending requests: approvals, and outcomes that nobody knows."""
        return [Asked(one.id, str((one.args or {}).get("what"))) for one in self._hitl.pending()]

    def answer(self, key: str, word: str) -> None:
        """Through the desk; raises what it says to an answer that does not count."""
        decision = Decision.model_validate({"type": word})
        self._hitl.portal.call(self._hitl.submit, key, decision, identity="local:ann", via="test")
        self._hitl.step()

    def go_on(self) -> None:
        """The sweep."""
        self._hitl.step()

    def time_passes(self) -> None:
        """Every lease of a silent process has run out, and its grace."""
        self._hitl.wait(3 * LEASE)

    def told(self) -> Sequence[Told]:
        """From the thread's history."""
        state = self._agent.get_state({"configurable": {"thread_id": THREAD}})
        return retelling([one for one in state.values.get("messages", []) if isinstance(one, ToolMessage)])

    def close(self) -> None:
        """Close the database."""
        self._hitl.stop()
