"""LangChain's words for the gate: its questions with our ``hitl`` object beside them, its answers, what its model is told.

Whatever is LangChain's own is asked of LangChain's class; it is not written again here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, get_args

from langchain.agents.middleware.human_in_the_loop import Action as EditedCall
from langchain.agents.middleware.human_in_the_loop import (
    DecisionType,
    HITLResponse,
    HumanInTheLoopMiddleware,
    InterruptOnConfig,
    RejectDecision,
    _answer_message,
    _decision_schema,
)
from langchain_core.messages import ToolCall, ToolMessage
from langgraph.prebuilt.tool_node import ToolCallRequest
from pydantic import TypeAdapter, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from hitl_middleware import dialects
from hitl_middleware.actions import ActionRequest, Decision
from hitl_middleware.dialects import Question
from hitl_middleware.errors import DoesNotFit
from hitl_middleware.gate import Asking, OwnManner, calls
from hitl_middleware.policy import Policy, ReviewPlan
from hitl_middleware.records import Action

LANGCHAINS = frozenset(get_args(DecisionType))

BY_US = ("hitl", "policy")
"""Who denies what the run has overtaken, and what people are not asked about."""


class LangChainManner(OwnManner):
    """Speaks for the tools in LangChain's ``interrupt_on``; for tools that carry a policy of their own, as the gate itself does."""

    def __init__(self, middleware: HumanInTheLoopMiddleware[Any, Any, Any]) -> None:
        self._middleware = middleware

    def rule(self, request: ToolCallRequest, policy: Policy, call: ActionRequest) -> Policy:
        config = self._config(call.name)
        if config is None or (when := config.get("when")) is None:
            return policy
        called = _called(request, call)
        return replace(policy, when=lambda _: when(called))

    def question(
        self,
        request: ToolCallRequest,
        policy: Policy,
        call: ActionRequest,
        plan: ReviewPlan,
        *,
        enforce: bool,
    ) -> Asking:
        config = self._config(call.name)
        if config is None or request.tool is None:
            return super().question(request, policy, call, plan, enforce=enforce)
        theirs = self._middleware._tool_approval_request(_called(request, call), config)  # noqa: SLF001 – we are that class
        ours = dialects.hitl_of(call, plan, title=call.name, schema=calls.args_schema(request.tool))
        value = {**theirs, "hitl": ours}
        (asked,) = dialects.read(value)
        answer = self._answer(request, asked, config)
        return Asking(value, answer if enforce else TypeAdapter(answer).json_schema())

    def read(self, answer: Any, question: Question, request: ToolCallRequest) -> Decision | None:
        try:
            decision = decision_in(answer, question)
        except DoesNotFit:
            return None
        return decision if calls.takes(request, question.plan, decision) else None

    def denied(self, action: Action) -> ToolMessage:
        decision = action.decision
        rejected = decision is not None and decision.type == "reject" and action.decided_by not in BY_US
        if decision is None or not rejected or self._config(action.tool) is None:
            return super().denied(action)
        said = RejectDecision(type="reject")
        if decision.message:
            said["message"] = decision.message
        call = ToolCall(name=action.tool, args=action.args, id=action.identity.tool_call_id, type="tool_call")
        return _answer_message(call, said)

    def performed(self, request: ToolCallRequest, action: Action, answer: Any) -> Any:
        if not action.edited or self._config(action.tool) is None:
            return answer
        executed = EditedCall(name=action.tool, args=action.args)
        return self._middleware._annotate_edited_result(answer, request, executed)  # noqa: SLF001 – we are that class

    def _config(self, tool: str) -> InterruptOnConfig | None:
        return self._middleware.interrupt_on.get(tool)

    def _answer(self, request: ToolCallRequest, question: Question, config: InterruptOnConfig) -> Any:
        """LangChain's type of the answer, which LangGraph enforces before it saves one: a bad answer raises and the call stays open.

        What is not LangChain's form but another client's for the same is let through.
        """
        strict = _decision_schema(config["allowed_decisions"], request.tool_call["name"], request.tool)

        def check(answer: object, theirs: ValidatorFunctionWrapHandler) -> object:
            fits = self.read(answer, question, request) is not None
            try:
                theirs(answer)
            except ValidationError:
                if not fits:
                    raise
            if not fits:
                msg = f"the answer does not fit. Understood are {dialects.understood(question)}."
                raise ValueError(msg)
            return answer

        return Annotated[strict, WrapValidator(check)]


def decision_in(answer: Any, question: Question) -> Decision:
    """What one answer says, in LangChain's form or any other client's. Raises ``DoesNotFit``."""
    if isinstance(answer, Mapping) and answer.get("type") in LANGCHAINS and "args" not in answer:
        said = {key: answer[key] for key in ("type", "message", "edited_action") if key in answer}
        if said == {"type": "respond", "message": ""}:
            return Decision(type="respond", answer="")  # LangChain lets a person answer with nothing
        answer = {"decisions": [said]}
    return dialects.read_answer(answer, question)


def answers_to(asked: Sequence[Question]) -> Any:
    """The type of the answer to a turn's question: LangChain's, and its rules, enforced before the answer is saved.

    LangChain checks after it is saved, and then the thread raises for ever.
    """

    def check(answer: object, _: ValidatorFunctionWrapHandler) -> object:
        decisions_in(answer, asked)
        return answer

    return Annotated[HITLResponse, WrapValidator(check)]


def decisions_in(answer: Any, asked: Sequence[Question]) -> Sequence[Decision]:
    """One decision for each call that was asked about, in order. Raises ``ValueError`` that says what does not fit."""
    meant = dialects.json_in(answer) if isinstance(answer, str) else answer
    given = meant.get("decisions") if isinstance(meant, Mapping) else meant
    if not isinstance(given, list | tuple):
        msg = 'the answer must be {"decisions": [...]}, one decision for each action request, in their order'
        raise ValueError(msg)  # noqa: TRY004 – pydantic wants a ValueError of a validator
    if len(given) != len(asked):
        msg = f"Number of human decisions ({len(given)}) does not match number of hanging tool calls ({len(asked)})."
        raise ValueError(msg)
    return [_decision(one, question) for one, question in zip(given, asked, strict=True)]


def _decision(answer: Any, question: Question) -> Decision:
    assert question.call is not None  # noqa: S101 – the gate asks about calls
    name, allowed = question.call.name, list(question.plan.allowed_decisions)
    try:
        decision = decision_in(answer, question)
    except DoesNotFit as error:
        msg = f"the decision about {name} does not fit: {error}"
        raise ValueError(msg) from None
    if decision.type not in allowed:
        msg = f"Decision type '{decision.type}' is not allowed for tool '{name}'. Expected one of {allowed}."
        raise ValueError(msg)
    if decision.edited_action is not None and decision.edited_action.name != name:
        msg = f"an edit cannot switch tools: it must stay {name!r}, not {decision.edited_action.name!r}"
        raise ValueError(msg)
    return decision


def _called(request: ToolCallRequest, call: ActionRequest) -> ToolCallRequest:
    """The request with the arguments that are asked about: a reviewer may have edited them."""
    return request.override(tool_call={**request.tool_call, "args": dict(call.args)})
