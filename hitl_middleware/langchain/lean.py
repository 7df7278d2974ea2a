"""For ``langchain.agents.create_agent``: the gate as a middleware that has tool-call hooks and nothing else.

A hook before or after the model would be a graph step and a checkpoint on every turn, also for tools that need nobody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from langchain.agents.middleware import AgentMiddleware
from langchain_core.messages import ToolMessage
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command

from hitl_middleware.gate import Gate


class HumanReviewMiddleware(AgentMiddleware[Any, Any, Any]):
    """Stops gated tool calls until people have decided. Made by ``hitl.approvals(tools)``.

    Put it first: what stands before it in the list is outside and may change a call before it is shown; middleware that changes
    arguments *after* it is refused (``ArgumentsChanged``).
    """

    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self.gate = gate

    def wrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], ToolMessage | Command[Any]]
    ) -> ToolMessage | Command[Any]:
        """The hook for ``invoke``."""
        answer: ToolMessage | Command[Any] = self.gate.wrap_tool_call(request, handler)
        return answer

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[ToolMessage | Command[Any]]],
    ) -> ToolMessage | Command[Any]:
        """The hook for ``ainvoke``."""
        answer: ToolMessage | Command[Any] = await self.gate.awrap_tool_call(request, handler)
        return answer
