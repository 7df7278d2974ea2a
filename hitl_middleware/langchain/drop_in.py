"""``HumanInTheLoopMiddleware``: LangChain's class by a changed import."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, Protocol

from langchain.agents.middleware import human_in_the_loop as theirs
from langchain.agents.middleware.human_in_the_loop import InterruptMode, InterruptOnConfig
from langchain.agents.middleware.types import AgentState, ContextT, ResponseT, StateT
from langchain_core.messages import ToolMessage
from langgraph.config import get_config
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.runtime import Runtime
from langgraph.types import Command

from hitl_middleware.gate import Gate, Manner
from hitl_middleware.gate.build import Rules
from hitl_middleware.gate.elsewhere import elsewhere
from hitl_middleware.langchain.manner import LangChainManner
from hitl_middleware.langchain.turn import ReviewedState, Turn, verdict_on
from hitl_middleware.policy import Policy

ToolAnswer = ToolMessage | Command[Any]


class MakesGates(Protocol):
    """What the middleware wants of ``Hitl``."""

    def gate(
        self, rules: Rules, *, manner: Manner | None = None, adopt_direct_resume: bool = False
    ) -> Gate: ...


class HumanInTheLoopMiddleware(theirs.HumanInTheLoopMiddleware[StateT, ContextT, ResponseT]):
    """LangChain's ``HumanInTheLoopMiddleware``, and every reviewed call is an action: claimed, performed at most once, on the record.

    Arguments and behaviour are LangChain's, in both modes; ``hitl`` is ``Hitl.from_env()`` unless given. Your checkpointer stays yours.
    Resume as ever with ``Command(resume=…)``: your own code's answer counts (decided by ``caller``) as long as nobody else was asked.
    With ``hitl.attach(agent)`` people are asked like for any other gate, and then what they decided is what counts.

    Where this library's rules are stricter they win: an edit never switches tools; ``when`` is asked once for each call, and one that
    raises asks a person; an answer that does not fit raises ``ValidationError`` in both modes and leaves the question open; a retry
    inside does not perform an act again; a failing tool is an error message to the model. Interrupts carry a ``hitl`` object.
    Outside a graph's thread the hooks are exactly LangChain's.
    """

    state_schema = ReviewedState

    def __init__(
        self,
        interrupt_on: dict[str, bool | InterruptOnConfig],
        *,
        description_prefix: str = "Tool execution requires approval",
        edit_notice: str | None = theirs._EDIT_NOTICE,  # noqa: SLF001 – LangChain's default has no public name
        interrupt_mode: InterruptMode = "batched",
        hitl: MakesGates | None = None,
    ) -> None:
        super().__init__(
            interrupt_on,
            description_prefix=description_prefix,
            edit_notice=edit_notice,
            interrupt_mode=interrupt_mode,
        )
        self._hitl = hitl
        self._manner = LangChainManner(self)

    @cached_property
    def gate(self) -> Gate:
        """The gate before this agent's tools. Made at first use; no I/O."""
        from hitl_middleware import Hitl

        hitl = self._hitl or Hitl.from_env()
        return hitl.gate((self._policies, None), manner=self._manner, adopt_direct_resume=True)

    @cached_property
    def _policies(self) -> Mapping[str, Policy]:
        return {
            # LangChain asks about the same call as often as it comes.
            name: Policy(decisions=config["allowed_decisions"], max_rejections=None)
            for name, config in self.interrupt_on.items()
        }

    def after_model(self, state: AgentState[Any], runtime: Runtime[ContextT]) -> dict[str, Any] | None:
        """Batched mode: ask about the turn's gated calls. For ``invoke``."""
        if self.interrupt_mode == "per_call" or not _on_a_thread():
            return super().after_model(state, runtime)
        gate = elsewhere(self.gate, get_config())
        update: dict[str, Any] | None = gate.tell(self._turn(gate, state, runtime).review())
        return update

    async def aafter_model(self, state: AgentState[Any], runtime: Runtime[ContextT]) -> dict[str, Any] | None:
        """The same for ``ainvoke``."""
        if self.interrupt_mode == "per_call" or not _on_a_thread():
            return await super().aafter_model(state, runtime)
        gate = elsewhere(self.gate, get_config())
        update: dict[str, Any] | None = await gate.atell(self._turn(gate, state, runtime).review())
        return update

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolAnswer]
    ) -> ToolAnswer:
        """Through the gate: asked about here in per-call mode, claimed and performed in both. For ``invoke``."""
        if not _on_a_thread():
            return super().wrap_tool_call(request, handler)
        self._check_id(request)
        answer: ToolAnswer = self.gate.wrap_tool_call(request, handler, asked=verdict_on(request))
        return answer

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[ToolAnswer]]
    ) -> ToolAnswer:
        """The same for ``ainvoke``."""
        if not _on_a_thread():
            return await super().awrap_tool_call(request, handler)
        self._check_id(request)
        answer: ToolAnswer = await self.gate.awrap_tool_call(request, handler, asked=verdict_on(request))
        return answer

    def _check_id(self, request: ToolCallRequest) -> None:
        """A call without an id can be answered by nothing. LangChain's own words for it: ``ValueError``."""
        config = self.interrupt_on.get(request.tool_call["name"])
        if config is not None and request.tool_call["id"] is None:
            self._tool_approval_request(request, config)

    def _turn(self, gate: Gate, state: AgentState[Any], runtime: Runtime[ContextT]) -> Turn:
        return Turn(self, gate, self._policies, self._manner, state, runtime)


def _on_a_thread() -> bool:
    """Whether this is a run of a graph on a thread. Elsewhere nothing could be parked or recognised."""
    try:
        return get_config().get("configurable", {}).get("thread_id") is not None
    except RuntimeError:  # LangGraph's answer outside a run
        return False
