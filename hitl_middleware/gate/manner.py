"""How a gate speaks: what it asks with, how an answer is read, what the agent is told. What it decides is not here.

The gate's own manner is ``OwnManner``; ``hitl_middleware.langchain`` brings LangChain's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from langchain_core.messages import ToolMessage
from langgraph.prebuilt.tool_node import ToolCallRequest

from hitl_middleware import dialects
from hitl_middleware.actions import ActionRequest, Decision, Identity
from hitl_middleware.dialects import Question
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.gate import calls, outcomes
from hitl_middleware.policy import Policy, ReviewPlan
from hitl_middleware.records import Action, PendingInterrupt


@dataclass(frozen=True, slots=True)
class Asking:
    """What ``interrupt()`` is called with. A ``schema`` that is a type is enforced by LangGraph, a dictionary is only published."""

    value: dict[str, Any]
    schema: Any


@dataclass(frozen=True, slots=True)
class Asked:
    """A verdict that was given before the call started, for its whole turn. ``identity``: as what it was asked; ``None``: nobody was."""

    identity: Identity | None


@dataclass(frozen=True, slots=True)
class Adopting:
    """Lets an answer count that the user's own code resumes with, where no request was ever filed (DESIGN rule 1).

    ``ready`` sees to it that claims are kept alive from now on; it may block.
    """

    ready: Callable[[], None]
    adopt: Callable[[PendingInterrupt, Sequence[Decision], str], Awaitable[None]]


class Manner(Protocol):
    """The words of one kind of client."""

    def rule(self, request: ToolCallRequest, policy: Policy, call: ActionRequest) -> Policy:
        """The policy as it speaks of this call: one that is new, or that a reviewer edited."""

    def question(
        self,
        request: ToolCallRequest,
        policy: Policy,
        call: ActionRequest,
        plan: ReviewPlan,
        *,
        enforce: bool,
    ) -> Asking:
        """How people are asked about ``call``. ``enforce``: an answer that does not fit is to be refused before it is saved."""

    def read(self, answer: Any, question: Question, request: ToolCallRequest) -> Decision | None:
        """The decision that a resume value stands for; ``None``: it is none that fits."""

    def denied(self, action: Action) -> ToolMessage:
        """What the agent is told of an act that people did not want."""

    def performed(self, request: ToolCallRequest, action: Action, answer: Any) -> Any:
        """What the agent is told of an act that was performed; ``answer`` is the tool's."""


class OwnManner:
    """The gate's own envelope: LangChain's fields with a ``hitl`` object beside them; answers in any client's dialect."""

    def rule(self, request: ToolCallRequest, policy: Policy, call: ActionRequest) -> Policy:  # noqa: ARG002 – a policy sees the call
        return policy

    def question(
        self,
        request: ToolCallRequest,
        policy: Policy,
        call: ActionRequest,
        plan: ReviewPlan,
        *,
        enforce: bool,  # noqa: ARG002 – an answer that does not fit is asked for again
    ) -> Asking:
        assert request.tool is not None  # noqa: S101 – checked at the door
        schema = calls.args_schema(request.tool)
        title = (
            policy.title or ""
        ).strip() or call.name  # blanks alone would be a heading that nobody can read or press
        return Asking(
            dialects.ask_call(call, plan, title=title, schema=schema, idempotent=policy.idempotent),
            calls.decision_schema(call.name, plan.allowed_decisions, schema),
        )

    def read(self, answer: Any, question: Question, request: ToolCallRequest) -> Decision | None:
        try:
            decision = dialects.read_answer(answer, question)
        except DoesNotFit:
            return None
        return decision if calls.takes(request, question.plan, decision) else None

    def denied(self, action: Action) -> ToolMessage:
        return outcomes.answer(action)

    def performed(self, request: ToolCallRequest, action: Action, answer: Any) -> Any:  # noqa: ARG002 – the tool's words stand for themselves
        return answer
