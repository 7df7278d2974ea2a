"""LangChain's batched mode: one question for all gated calls of a model's turn, asked before any of them starts.

Its action requests carry no call ids. So every call is entered in the ledger as an action of the task that asks – identity: thread, that
task's ``checkpoint_ns``, call id – and what was found is handed to the tools' tasks in a private key of the state. There it is a
pointer, never a permission: the ledger says what may run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, NotRequired

from langchain.agents.middleware.human_in_the_loop import (
    _EDITED_TOOL_CALLS_KEY,
    HITLRequest,
    HumanInTheLoopMiddleware,
    InterruptOnConfig,
    _HumanInTheLoopState,
)
from langchain.agents.middleware.types import AgentState, PrivateStateAttr, ResponseT
from langchain_core.messages import AIMessage, ToolCall
from langgraph.config import get_config
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.runtime import Runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict

from hitl_middleware import dialects
from hitl_middleware.actions import ActionRequest, Identity, same_args
from hitl_middleware.gate import Asked, Gate, Manner, calls
from hitl_middleware.gate.story import Story, ask
from hitl_middleware.langchain.manner import answers_to, decisions_in
from hitl_middleware.ledger import is_adoptable
from hitl_middleware.policy import Policy, ReviewPlan
from hitl_middleware.records import Action

VERDICTS_KEY = "hitl_verdicts"


class Verdict(TypedDict):
    """What was found of one call before it started. ``asked_in``: ``checkpoint_ns`` of the task that asked; ``None``: nobody was asked."""

    asked_in: str | None
    args: dict[str, Any]


class ReviewedState(_HumanInTheLoopState[ResponseT]):
    """LangChain's state with the verdicts of the last turn, by call id."""

    hitl_verdicts: NotRequired[Annotated[dict[str, Verdict], PrivateStateAttr]]


class Turn:
    """The gated calls of one model turn. ``middleware`` has LangChain's configuration and words, ``policies`` are made of it."""

    def __init__(
        self,
        middleware: HumanInTheLoopMiddleware[Any, Any, Any],
        gate: Gate,
        policies: Mapping[str, Policy],
        manner: Manner,
        state: AgentState[Any],
        runtime: Runtime[Any],
    ) -> None:
        self._middleware = middleware
        self._gate = gate
        self._policies = policies
        self._manner = manner
        self._state = state
        self._runtime = runtime
        self._config = get_config()
        configurable = self._config.get("configurable", {})
        self._thread_id = str(calls.thread_in(configurable))
        self._checkpoint_ns = str(configurable.get("checkpoint_ns", ""))

    def review(self) -> Story:
        """Ask about what needs asking; the state's update, as LangChain's ``after_model`` gives it."""
        message = next((m for m in reversed(self._state["messages"]) if isinstance(m, AIMessage)), None)
        gated = self._gated(message.tool_calls if message is not None else [])
        if message is None or not gated:
            stale = any(self._state.get(key) for key in (_EDITED_TOOL_CALLS_KEY, VERDICTS_KEY))
            return {_EDITED_TOOL_CALLS_KEY: {}, VERDICTS_KEY: {}} if stale else None
        yield from self._gate.prepared()
        ledger, identities = self._gate.ledger, [self._identity(call) for call in gated]
        known: Sequence[Action] = yield ask(ledger.recall_turn, identities)
        if not known:
            planned = [(self._request(call), self._plan(call)) for call in gated]
            asking = [(call, plan) for call, plan in planned if plan.verdict == "ask"]
            if asking:
                lease = self._gate.lease_under(self._config)
                known = yield ask(ledger.record_turn, asking, run_id=lease.run_id if lease else None)
        if known:
            known = yield from self._until_decided(gated, known)
        return self._update(message, gated, {action.identity: action for action in known})

    def _until_decided(self, gated: Sequence[ToolCall], known: Sequence[Action]) -> Story:
        """Ask, once and as often as the store has no decision; the actions, all decided."""
        by_identity = {action.identity: action for action in known}
        asked = [
            (call, self._middleware.interrupt_on[call["name"]])
            for call in gated
            if self._identity(call) in by_identity
        ]
        value = self._question(asked, [by_identity[self._identity(call)] for call, _ in asked])
        questions = dialects.read(value)
        identities = [self._identity(call) for call, _ in asked]
        while True:
            adopting = self._gate.adopting if all(map(is_adoptable, known)) else None
            answer = interrupt(value, response_schema=answers_to(questions) if adopting else None)
            if adopting:
                item = calls.question_of(value, self._config)
                decisions = decisions_in(answer, questions)
                yield ask(adopting.adopt, item, decisions, calls.graph_name(self._config))
            known = yield ask(self._gate.ledger.recall_turn, identities)
            if not any(action.status == "waiting" for action in known):
                return known

    def _question(
        self, asked: Sequence[tuple[ToolCall, InterruptOnConfig]], actions: Sequence[Action]
    ) -> dict[str, Any]:
        pairs = [
            self._middleware._create_action_and_config(call, config, self._state, self._runtime)  # noqa: SLF001 – we are that class
            for call, config in asked
        ]
        theirs = HITLRequest(
            action_requests=[request for request, _ in pairs], review_configs=[config for _, config in pairs]
        )
        ours = [
            dialects.hitl_of(
                self._request(call), action.plan, title=call["name"], schema=config.get("args_schema")
            )
            for (call, config), action in zip(asked, actions, strict=True)
        ]
        return {**theirs, "hitl": dialects.hitl_of_turn(ours)}

    def _update(
        self, message: AIMessage, gated: Sequence[ToolCall], actions: Mapping[Identity, Action]
    ) -> dict[str, Any]:
        answers, edited, verdicts = [], {}, {}
        for call in gated:
            action, call_id = actions.get(self._identity(call)), str(call["id"])
            if action is not None and action.status == "denied":
                answers.append(self._manner.denied(action))
                continue
            if action is not None and action.edited:
                # For LangChain's own class, should it take over a run that stands here: it must not run what a person has changed.
                edited[call_id] = {"name": action.tool, "args": action.args}
            asked_in = self._checkpoint_ns if action is not None else None
            verdicts[call_id] = Verdict(asked_in=asked_in, args=call["args"])
        return {"messages": [message, *answers], _EDITED_TOOL_CALLS_KEY: edited, VERDICTS_KEY: verdicts}

    def _gated(self, made: Sequence[ToolCall]) -> list[ToolCall]:
        """Calls that share an id, or have none, cannot be found again by it: each of those is asked about when it starts."""
        times = Counter(call["id"] for call in made)
        return [
            call
            for call in made
            if call["name"] in self._policies and call["id"] is not None and times[call["id"]] == 1
        ]

    def _plan(self, call: ToolCall) -> ReviewPlan:
        policy, config = self._policies[call["name"]], self._middleware.interrupt_on[call["name"]]
        if "when" not in config:
            return policy.plan(self._request(call))

        def when(_: ActionRequest) -> bool:
            return self._middleware._should_interrupt(call, config, self._state, self._runtime)  # noqa: SLF001 – as above

        return replace(policy, when=when).plan(self._request(call))

    def _request(self, call: ToolCall) -> ActionRequest:
        return ActionRequest(
            name=call["name"], args=dict(call["args"]), identity=self._identity(call), state=self._state
        )

    def _identity(self, call: ToolCall) -> Identity:
        return Identity(self._thread_id, self._checkpoint_ns, str(call["id"]))


def verdict_on(request: ToolCallRequest) -> Asked | None:
    """What the turn found of this call; ``None``: nothing, or it was not this call."""
    call = request.tool_call
    verdict: Verdict | None = (request.state.get(VERDICTS_KEY) or {}).get(call.get("id"))
    if verdict is None or not same_args(verdict["args"], call["args"]):
        return None
    if verdict["asked_in"] is None:
        return Asked(None)
    thread_id = str(calls.thread_in(calls.config_of(request).get("configurable", {})))
    return Asked(Identity(thread_id, verdict["asked_in"], str(call["id"])))
