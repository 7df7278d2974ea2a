"""The gate: what happens to one tool call, from the policy to the settled outcome.

The story is told once, as a generator that yields what it needs done (``Ask`` the ledger, ``Perform`` the tool); two small drivers
run it, one for ``invoke`` and one for ``ainvoke``. ``interrupt()`` is called once per gated call, first and in the same order on every
re-run, also when the ledger already knows the action – a run that stops asking would shift the answers of later calls.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp, ParentCommand
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import Command, interrupt

from hitl_middleware import dialects
from hitl_middleware.actions import ActionRequest, digest
from hitl_middleware.errors import LeaseLost, UnknownTool
from hitl_middleware.failpoints import failpoint
from hitl_middleware.gate import calls, outcomes
from hitl_middleware.gate.guard import Waved, guard, passing, policy_of
from hitl_middleware.leases import Claim, Holdings
from hitl_middleware.ledger import Ledger, Outcome
from hitl_middleware.policy import Explanation, Policy, ReviewPlan
from hitl_middleware.portal import Portal
from hitl_middleware.records import Action, Lease

Answer = ToolMessage | Command[Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """Have the store's loop do something and come back with its answer."""

    do: Callable[..., Awaitable[Any]]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Perform:
    """Have the tool run, holding ``token``."""

    request: ToolCallRequest
    token: Claim | Waved | None


Story = Generator[Ask | Perform, Any, Any]


def _ask(do: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Ask:
    return Ask(do, args, kwargs)


class Gate:
    """Stands before the tools of one agent.

    ``policies``: by tool name, beside the marks that tools carry themselves (``None``: said to pass). ``default``: for every other
    tool, also one that appears later.
    """

    def __init__(
        self,
        ledger: Ledger,
        holdings: Holdings,
        portal: Portal,
        policies: Mapping[str, Policy | None],
        default: Policy | None = None,
    ) -> None:
        self._ledger = ledger
        self._holdings = holdings
        self._portal = portal
        self._policies = dict(policies)
        self._default = default

    @property
    def gated(self) -> frozenset[str]:
        """Names of the tools that have a policy here; marked tools count when they come by."""
        return frozenset(name for name, policy in self._policies.items() if policy is not None)

    def policy_for(self, name: str, tool: BaseTool | None) -> Policy | None:
        """Whose rule a call of this tool is under; ``None``: nobody's."""
        own = self._policies.get(name) or (policy_of(tool) if tool is not None else None)
        return own if own is not None or name in self._policies else self._default

    def explain(self, policy: Policy, call: ActionRequest) -> Explanation:
        """What the policy says of a call, and why."""
        found = policy.explain(call)
        if policy is not self._default or found.says != "always":
            return found
        reason = f"no policy names {call.name}, and what none names is asked about here"
        return replace(found, plan=found.plan.model_copy(update={"reason": reason}))

    # drivers ---------------------------------------------------------------------------------------------------------

    def wrap_tool_call(self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Any]) -> Any:
        """LangGraph's and LangChain's hook, for ``invoke``."""
        story = self._review(request)
        move = _sent(story, None)
        while not isinstance(move, Finished):
            try:
                value = self._do_sync(move, handler)
            except BaseException as error:  # noqa: BLE001 – the story decides what every error means
                move = _thrown(story, error)
            else:
                move = _sent(story, value)
        return move.value

    async def awrap_tool_call(
        self, request: ToolCallRequest, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        """The same for ``ainvoke``."""
        story = self._review(request)
        move = _sent(story, None)
        while not isinstance(move, Finished):
            try:
                value = await self._do_async(move, handler)
            except BaseException as error:  # noqa: BLE001 – the story decides what every error means
                move = _thrown(story, error)
            else:
                move = _sent(story, value)
        return move.value

    def _do_sync(self, step: Ask | Perform, handler: Callable[[ToolCallRequest], Any]) -> Any:
        if isinstance(step, Ask):
            return self._portal.call(step.do, *step.args, **step.kwargs)
        with passing(step.token):
            return handler(step.request)

    async def _do_async(
        self, step: Ask | Perform, handler: Callable[[ToolCallRequest], Awaitable[Any]]
    ) -> Any:
        if isinstance(step, Perform):
            with passing(step.token):
                return await handler(step.request)
        asked = asyncio.ensure_future(self._portal.run(step.do, *step.args, **step.kwargs))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            # What was begun on the store's loop is finished there. A claim nobody will use must not look alive for ever.
            value = await asked
            if isinstance(value, Claim):
                await self._portal.run(self._ledger.release, value)
            raise

    # the story -------------------------------------------------------------------------------------------------------

    def _review(self, request: ToolCallRequest) -> Story:
        tool, name = request.tool, request.tool_call["name"]
        policy = self.policy_for(name, tool)
        if policy is None:
            return (yield Perform(request, None))
        if tool is None:
            # Also where middleware behind the gate would bring it: what runs there was shown to nobody.
            known = ", ".join(sorted(item.name for item in getattr(request.runtime, "tools", None) or ()))
            if policy is self._default:  # the model may have made the name up; it is told, and goes on
                return _refused(
                    request, f"{name} was not called: there is no such tool here. Tools: {known or 'none'}."
                )
            raise UnknownTool(name=name, known=known or "none")
        if why := calls.misfit(tool, request.tool_call["args"]):
            return _refused(
                request,
                f"{tool.name} was not called, its arguments do not fit. {why}. Mend them and call it again.",
            )
        request = request.override(tool=guard(tool))
        call = calls.action_request(request)
        action: Action | None = yield _ask(self._ledger.recall, call.identity)
        if action is None:
            plan = self.explain(policy, call).plan
            if plan.verdict == "none":
                return (yield Perform(request, Waved(tool.name)))
            if plan.verdict == "record":
                lease = self._lease(request, call)
                action = yield _ask(
                    self._ledger.record,
                    call,
                    plan,
                    run_id=lease.run_id if lease else None,
                    idempotent=policy.idempotent,
                )
            else:
                action = yield from self._until_filed(request, policy, call, plan)
        elif action.plan.verdict == "ask":
            self._interrupt(request, policy, call, action.plan)
        return (yield from self._follow(request, policy, call, action))

    def _until_filed(
        self, request: ToolCallRequest, policy: Policy, call: ActionRequest, plan: ReviewPlan
    ) -> Story:
        """Ask until the store knows of it. An answer for a question that nobody filed is an answer to nothing."""
        while True:
            self._interrupt(request, policy, call, plan)
            action: Action | None = yield _ask(self._ledger.recall, call.identity)
            if action is not None:
                return action

    def _follow(self, request: ToolCallRequest, policy: Policy, call: ActionRequest, action: Action) -> Story:
        """Do what the ledger says of this action; the resume value was only the knock on the door."""
        shown = digest(call.name, call.args, action.plan.policy_version, call.identity)
        if not action.edited and shown != action.proposed_digest:
            why = f"{call.name} was not performed: this call is not the one that people were shown."
            return _refused(request, why)
        while True:
            will_run = _as_it_will_run(call, action)
            match action.status:
                case "waiting":
                    self._interrupt(request, policy, will_run, action.plan)
                case "approved":
                    ended = yield from self._act(request, policy, will_run, action)
                    if ended is not None:
                        return ended
                case "denied":
                    return outcomes.answer(action)
                case "succeeded" | "failed":
                    return outcomes.replay(action)
                case "executing" | "unknown":
                    if not (yield from self._reconciled(policy, action)):
                        interrupt(dialects.ask_outcome(will_run, action.plan))
            action = yield _ask(self._ledger.recall, call.identity)

    def _act(self, request: ToolCallRequest, policy: Policy, call: ActionRequest, action: Action) -> Story:
        """Claim and perform; the tool's answer, or ``None``: look at the ledger again."""
        if action.edited and not action.plan.covers(plan := self.explain(policy, call).plan):
            yield _ask(self._ledger.ask_again, action, plan)
            return None
        claim: Claim | None = yield _ask(self._ledger.claim, action, self._lease(request, call))
        if claim is None:
            return None
        answer, settled = yield from self._perform(request, claim)
        if settled.status not in {"succeeded", "failed"}:
            return None
        # Where the outcome is not what the tool answered (a handler hid an error, a person was first) the ledger's words are told.
        return outcomes.replay(settled) if answer is None or settled.result is None else answer

    def _perform(
        self, request: ToolCallRequest, claim: Claim
    ) -> Generator[Ask | Perform, Any, tuple[Any, Action]]:
        """Run the tool under its claim and settle; its answer (``None``: there is none) and the action as it stands."""
        act = request.override(tool_call={**request.tool_call, "args": dict(claim.action.args)})
        try:
            failpoint("effect.before")
            result = yield Perform(act, claim)
            failpoint("effect.after")
        except ParentCommand as over:
            # It is done and sends the run elsewhere (an agent inside the tool handed over): an answer like any other.
            yield _ask(self._ledger.settle, claim, outcomes.of_result(over.args[0], claim))
            raise
        except GraphBubbleUp:
            yield _ask(self._ledger.release, claim)  # it suspended itself: that is no outcome
            raise
        except Exception as error:
            if isinstance(error, LeaseLost) and claim.withdraw():
                yield _ask(self._ledger.release, claim)  # this process woke up too late to begin
                raise
            return None, (yield _ask(self._ledger.settle, claim, outcomes.of_error(error, claim)))
        except BaseException as error:
            if claim.withdraw():
                yield _ask(self._ledger.release, claim)
            else:
                yield _ask(self._ledger.settle, claim, outcomes.of_error(error, claim))
            raise
        return result, (yield _ask(self._ledger.settle, claim, outcomes.of_result(result, claim)))

    def _reconciled(self, policy: Policy, action: Action) -> Generator[Ask | Perform, Any, bool]:
        """Let the tool's own ``reconcile`` ask the outside world about an unknown act. Its failure leaves it to a person."""
        if action.status != "unknown" or policy.reconcile is None:
            return False
        try:
            known = policy.reconcile(action.idempotency_key)
        except Exception:  # noqa: BLE001 – it could not say; that is what people are for
            return False
        if known is None:
            return False
        outcome = (
            Outcome(status="succeeded", text=f"{action.tool} was performed; the outside world confirmed it.")
            if known == "done"
            else Outcome(
                status="failed", error=f"{action.tool} was not performed; the outside world confirmed it."
            )
        )
        yield _ask(self._ledger.reconcile, action.id, known, outcome)
        return True

    def _interrupt(
        self, request: ToolCallRequest, policy: Policy, call: ActionRequest, plan: ReviewPlan
    ) -> None:
        """Ask; returns when the run is resumed. The value it is resumed with is not looked at: the ledger knows better."""
        assert request.tool is not None  # noqa: S101 – checked at the door
        schema = calls.args_schema(request.tool)
        title = policy.title or call.name
        interrupt(
            dialects.ask_call(call, plan, title=title, schema=schema, idempotent=policy.idempotent),
            response_schema=calls.decision_schema(call.name, plan.allowed_decisions, schema),
        )

    def _lease(self, request: ToolCallRequest, call: ActionRequest) -> Lease | None:
        return calls.lease_of(request) or self._holdings.lease_on(call.identity.thread_id)


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a story."""

    value: Any


def _sent(story: Story, value: Any) -> Ask | Perform | Finished:
    try:
        return story.send(value)
    except StopIteration as end:
        return Finished(end.value)


def _thrown(story: Story, error: BaseException) -> Ask | Perform | Finished:
    try:
        return story.throw(error)
    except StopIteration as end:
        return Finished(end.value)


def _as_it_will_run(call: ActionRequest, action: Action) -> ActionRequest:
    return ActionRequest(
        name=call.name,
        args=action.args,
        identity=call.identity,
        description=call.description,
        state=call.state,
    )


def _refused(request: ToolCallRequest, why: str) -> ToolMessage:
    call = request.tool_call
    return ToolMessage(content=why, name=call["name"], tool_call_id=call["id"] or "", status="error")
