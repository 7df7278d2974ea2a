"""The gate: what happens to one tool call, from the policy to the settled outcome.

The story is told once, as a generator that yields what it needs done (``Ask`` the ledger, ``Perform`` the tool); two small drivers
run it, one for ``invoke`` and one for ``ainvoke``. ``interrupt()`` is called once per gated call, first and in the same order on every
re-run, also when the ledger already knows the action – a run that stops asking would shift the answers of later calls.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool
from langgraph.errors import GraphBubbleUp, ParentCommand
from langgraph.prebuilt.tool_node import ToolCallRequest
from langgraph.types import interrupt

from hitl_middleware import dialects
from hitl_middleware.actions import ActionRequest, digest
from hitl_middleware.errors import LeaseLost, UnknownTool
from hitl_middleware.failpoints import failpoint
from hitl_middleware.gate import calls, outcomes
from hitl_middleware.gate.elsewhere import elsewhere
from hitl_middleware.gate.guard import Waved, claim_around, guard, in_doubt, passing, policy_of
from hitl_middleware.gate.manner import Adopting, Asked, Manner, OwnManner
from hitl_middleware.gate.story import Ask, Finished, Perform, Prepare, Step, Story, ask, sent, thrown
from hitl_middleware.leases import Claim, Holdings
from hitl_middleware.ledger import Ledger, Outcome, is_adoptable
from hitl_middleware.policy import Explanation, Policy, Reconcile, ReviewPlan, Settled
from hitl_middleware.portal import Portal
from hitl_middleware.records import Action, Lease
from hitl_middleware.refusals import refuse_repeated


class Gate:
    """Stands before the tools of one agent.

    ``policies``: by tool name, beside the marks that tools carry themselves (``None``: said to pass). ``default``: for every other
    tool, also one that appears later. With ``adopting`` an answer counts that the user's own code resumes with, where no request was
    filed; without, it is a hint only.
    """

    def __init__(
        self,
        ledger: Ledger,
        holdings: Holdings,
        portal: Portal,
        policies: Mapping[str, Policy | None],
        default: Policy | None = None,
        *,
        manner: Manner | None = None,
        adopting: Adopting | None = None,
    ) -> None:
        self.ledger = ledger
        self.adopting = adopting
        self._holdings = holdings
        self._portal = portal
        self._policies = dict(policies)
        self.default = default
        self._manner: Manner = manner or OwnManner()
        self._ready = adopting is None

    @property
    def gated(self) -> frozenset[str]:
        """Names of the tools that have a policy here; marked tools count when they come by."""
        return frozenset(name for name, policy in self._policies.items() if policy is not None)

    def policy_for(self, name: str, tool: BaseTool | None) -> Policy | None:
        """Whose rule a call of this tool is under; ``None``: nobody's."""
        own = self._policies.get(name) or (policy_of(tool) if tool is not None else None)
        return own if own is not None or name in self._policies else self.default

    def explain(self, policy: Policy, call: ActionRequest) -> Explanation:
        """What the policy says of a call, and why."""
        found = policy.explain(call)
        if policy is not self.default or found.says != "always":
            return found
        reason = f"no policy names {call.name}, and what none names is asked about here"
        return replace(found, plan=found.plan.model_copy(update={"reason": reason}))

    def explained(self, request: ToolCallRequest, call: ActionRequest) -> Explanation | None:
        """What would become of a call, and why; ``None``: no policy speaks of it. Nothing is asked, run or written."""
        policy = self.policy_for(call.name, request.tool)
        return None if policy is None else self.explain(self._manner.rule(request, policy, call), call)

    def before(self, ledger: Ledger, holdings: Holdings, portal: Portal) -> Gate:
        """The same rules before another ledger. There nothing is adopted: only what that ledger's desk has decided counts."""
        moved = copy.copy(self)
        moved.__dict__ |= {"ledger": ledger, "_holdings": holdings, "_portal": portal, "adopting": None}
        return moved

    # drivers ---------------------------------------------------------------------------------------------------------

    def wrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Any],
        *,
        asked: Asked | None = None,
    ) -> Any:
        """LangGraph's and LangChain's hook, for ``invoke``. ``asked``: the verdict on this call was given before it started."""
        here = elsewhere(self, calls.config_of(request))
        return here.tell(here.review(request, asked), handler)

    async def awrap_tool_call(
        self,
        request: ToolCallRequest,
        handler: Callable[[ToolCallRequest], Awaitable[Any]],
        *,
        asked: Asked | None = None,
    ) -> Any:
        """The same for ``ainvoke``."""
        here = elsewhere(self, calls.config_of(request))
        return await here.atell(here.review(request, asked), handler)

    def tell(self, story: Story, handler: Callable[[ToolCallRequest], Any] | None = None) -> Any:
        """Run a story to its end, in a thread; one that performs nothing needs no ``handler``."""
        move = sent(story, None)
        while not isinstance(move, Finished):
            try:
                value = self._do_sync(move, handler)
            except BaseException as error:  # noqa: BLE001 – the story decides what every error means
                move = thrown(story, error)
            else:
                move = sent(story, value)
        return move.value

    async def atell(
        self, story: Story, handler: Callable[[ToolCallRequest], Awaitable[Any]] | None = None
    ) -> Any:
        """The same on an event loop."""
        move = sent(story, None)
        while not isinstance(move, Finished):
            try:
                value = await self._do_async(move, handler)
            except BaseException as error:  # noqa: BLE001 – the story decides what every error means
                move = thrown(story, error)
            else:
                move = sent(story, value)
        return move.value

    def _do_sync(self, step: Step, handler: Callable[[ToolCallRequest], Any] | None) -> Any:
        if isinstance(step, Ask):
            return self._portal.call(step.do, *step.args, **step.kwargs)
        if isinstance(step, Prepare):
            return step.do()
        assert handler is not None  # noqa: S101 – a story that performs is told with one
        with passing(step.token):
            return handler(step.request)

    async def _do_async(self, step: Step, handler: Callable[[ToolCallRequest], Awaitable[Any]] | None) -> Any:
        if isinstance(step, Prepare):
            return await asyncio.to_thread(step.do)
        if isinstance(step, Perform):
            assert handler is not None  # noqa: S101 – a story that performs is told with one
            with passing(step.token):
                return await handler(step.request)
        asked = asyncio.ensure_future(self._portal.run(step.do, *step.args, **step.kwargs))
        try:
            return await asyncio.shield(asked)
        except asyncio.CancelledError:
            # What was begun on the store's loop is finished there. A claim nobody will use must not look alive for ever.
            value = await asked
            if isinstance(value, Claim):
                await self._portal.run(self.ledger.release, value)
            raise

    # the story -------------------------------------------------------------------------------------------------------

    def review(self, request: ToolCallRequest, asked: Asked | None = None) -> Story:
        """What happens to one call, to be told by ``tell`` or ``atell``."""
        tool, name = request.tool, request.tool_call["name"]
        policy = self.policy_for(name, tool)
        if policy is None:
            return (yield Perform(request, None))
        if tool is None:
            # Also where middleware behind the gate would bring it: what runs there was shown to nobody.
            known = ", ".join(sorted(item.name for item in getattr(request.runtime, "tools", None) or ()))
            if policy is self.default:  # the model may have made the name up; it is told, and goes on
                return _refused(
                    request, f"{name} was not called: there is no such tool here. Tools: {known or 'none'}."
                )
            raise UnknownTool(name=name, known=known or "none")
        if asked is not None:
            return (yield from self._asked(request.override(tool=guard(tool)), policy, asked))
        if why := calls.misfit(tool, request.tool_call["args"]):
            return _refused(
                request,
                f"{tool.name} was not called, its arguments do not fit. {why}. Mend them and call it again.",
            )
        request = request.override(tool=guard(tool))
        call = calls.action_request(request)
        lease, plan = self.lease_under(calls.config_of(request)), partial(self._plan, request, policy, call)
        if (claim := claim_around(call, lease, plan)) is not None:
            return (yield Perform(request, claim))
        return (yield from self._review(request, policy, call))

    def _review(self, request: ToolCallRequest, policy: Policy, call: ActionRequest) -> Story:
        """The same for a call of a known tool, whose arguments fit."""
        yield from self.prepared()
        action, requester = yield ask(self.ledger.look, call.identity)
        call = replace(call, requester=requester)
        if action is None:
            action = yield from self._enter(request, policy, call)
            if action is None:
                return (yield Perform(request, Waved(request.tool.name if request.tool else call.name)))
        elif action.plan.verdict == "ask":
            action = yield from self._consult(request, policy, call, action)
        return (yield from self._follow(request, policy, call, action))

    def _asked(self, request: ToolCallRequest, policy: Policy, asked: Asked) -> Story:
        """A call whose verdict is known already: what the ledger says of it happens, and it is not asked about a second time."""
        if asked.identity is None:
            return (yield Perform(request, Waved(request.tool_call["name"])))
        yield from self.prepared()
        action, requester = yield ask(self.ledger.look, asked.identity)
        if action is None:
            why = f"{request.tool_call['name']} was not performed: the decision about it is not in this database."
            return _refused(request, why)
        call = replace(calls.action_request(request), identity=asked.identity, requester=requester)
        return (yield from self._follow(request, policy, call, action))

    def prepared(self) -> Generator[Prepare, Any, None]:
        """Where no server or ``attach`` does it: see to it that what this process holds is kept alive."""
        if self.adopting is not None and not self._ready:
            yield Prepare(self.adopting.ready)
            self._ready = True

    def _enter(self, request: ToolCallRequest, policy: Policy, call: ActionRequest) -> Story:
        """A call that comes for the first time: its action as the store has it, or ``None`` where the policy wants nothing of it."""
        plan = self._plan(request, policy, call)
        if plan.verdict == "none":
            return None
        lease = self.lease_under(calls.config_of(request))
        run_id, most = lease.run_id if lease else None, policy.max_rejections
        if plan.verdict == "ask" and most is not None:
            # Before it interrupts: a refusal that parked the run would give a model in a loop a fresh limit of steps each time.
            refused = yield ask(refuse_repeated, self.ledger, call, plan, most=most, run_id=run_id)
            if refused is not None:
                return refused
        if plan.verdict == "ask" and self.adopting is None:
            return (yield from self._until_filed(request, policy, call, plan))
        # Also a call that asks: nobody may file it before the answer comes, and by then `when` might say something else (rule 5).
        action = yield ask(self.ledger.record, call, plan, run_id=run_id, idempotent=policy.idempotent)
        if action.plan.verdict == "ask":
            action = yield from self._consult(request, policy, call, action)
        return action

    def _until_filed(
        self, request: ToolCallRequest, policy: Policy, call: ActionRequest, plan: ReviewPlan
    ) -> Story:
        """Ask until the store knows of it. An answer for a question that nobody filed is an answer to nothing."""
        while True:
            asking = self._manner.question(request, policy, call, plan, enforce=False)
            interrupt(asking.value, response_schema=asking.schema)
            action: Action | None = yield ask(self.ledger.recall, call.identity)
            if action is not None:
                return action

    def _consult(
        self, request: ToolCallRequest, policy: Policy, call: ActionRequest, action: Action
    ) -> Story:
        """Ask people; when the run is resumed, the action as it stands then."""
        mine = self.adopting if is_adoptable(action) and calls.stands_alone(request) else None
        asking = self._manner.question(request, policy, call, action.plan, enforce=mine is not None)
        answer = interrupt(asking.value, response_schema=asking.schema)
        if mine is not None:
            (question,) = dialects.read(asking.value)
            if (decision := self._manner.read(answer, question, request)) is not None:
                config = calls.config_of(request)
                item = calls.question_of(asking.value, config)
                yield ask(mine.adopt, item, (decision,), calls.graph_name(config))
                return (yield ask(self.ledger.recall, call.identity))
        return action

    def _follow(self, request: ToolCallRequest, policy: Policy, call: ActionRequest, action: Action) -> Story:
        """Do what the ledger says of this action; the resume value was only the knock on the door."""
        shown = digest(call.name, call.args, action.plan.policy_version, call.identity)
        if not action.edited and shown != action.proposed_digest:
            why = f"{call.name} was not performed: this call is not the one that people were shown."
            return _refused(request, why)
        while True:
            will_run = replace(call, args=action.args)
            match action.status:
                case "waiting":
                    yield from self._consult(request, policy, will_run, action)
                case "approved":
                    ended = yield from self._act(request, policy, will_run, action)
                    if ended is not None:
                        return ended
                case "denied":
                    return self._manner.denied(action)
                case "succeeded" | "failed":
                    return self._manner.performed(request, action, outcomes.replay(action))
                case "executing" | "unknown":
                    if not (yield from self._reconciled(policy, action)):
                        # Asked while its owner may still speak: once that is over, the gate looks again before any person.
                        early = action.status == "executing" and policy.reconcile is not None
                        interrupt(dialects.ask_outcome(will_run, action.plan, early=early))
            action = yield ask(self.ledger.recall, call.identity)

    def _act(self, request: ToolCallRequest, policy: Policy, call: ActionRequest, action: Action) -> Story:
        """Claim and perform; the tool's answer, or ``None``: look at the ledger again."""
        if action.edited and not action.plan.covers(plan := self._plan(request, policy, call)):
            yield ask(self.ledger.ask_again, action, plan)
            return None
        claim: Claim | None = yield ask(self.ledger.claim, action, self.lease_under(calls.config_of(request)))
        if claim is None:
            return None
        answer, settled = yield from self._perform(request, claim)
        if settled.status not in {"succeeded", "failed"}:
            return None
        # Where the outcome is not what the tool answered (a handler hid an error, a person was first) the ledger's words are told.
        told = outcomes.replay(settled) if answer is None or settled.result is None else answer
        return self._manner.performed(request, settled, told)

    def _perform(self, request: ToolCallRequest, claim: Claim) -> Generator[Step, Any, tuple[Any, Action]]:
        """Run the tool under its claim and settle; its answer (``None``: there is none) and the action as it stands."""
        act = request.override(tool_call={**request.tool_call, "args": dict(claim.action.args)})
        try:
            failpoint("effect.before")
            result = yield Perform(act, claim)
            failpoint("effect.after")
        except ParentCommand as over:
            # It is done and sends the run elsewhere (an agent inside the tool handed over): an answer like any other.
            yield ask(self.ledger.settle, claim, outcomes.of_result(over.args[0], claim))
            raise
        except GraphBubbleUp:
            yield ask(self.ledger.release, claim)  # it suspended itself: that is no outcome
            raise
        except Exception as error:
            if isinstance(error, LeaseLost) and claim.withdraw():
                yield ask(self.ledger.release, claim)  # this process woke up too late to begin
                raise
            return None, (yield ask(self.ledger.settle, claim, outcomes.of_error(error, claim)))
        except GeneratorExit:
            # The loop on which it was performed is gone, and nothing can be awaited any more: let the claim run out.
            self._holdings.drop_claim(claim.claim_id)
            raise
        except BaseException as error:
            if claim.withdraw():
                yield ask(self.ledger.release, claim)
            else:
                yield ask(self.ledger.settle, claim, outcomes.of_error(error, claim))
            raise
        return result, (yield ask(self.ledger.settle, claim, outcomes.of_result(result, claim)))

    def _reconciled(self, policy: Policy, action: Action) -> Generator[Step, Any, bool]:
        """Let the tool's own ``reconcile`` ask the outside world about an unknown act; it may block."""
        if action.status != "unknown" or policy.reconcile is None:
            return False
        known = yield Prepare(partial(_asked_outside, policy.reconcile, action))
        if known is None:
            return False
        outcome = (
            Outcome(status="succeeded", text=f"{action.tool} was performed; the outside world confirmed it.")
            if known == "done"
            else Outcome(
                status="failed", error=f"{action.tool} was not performed; the outside world confirmed it."
            )
        )
        yield ask(self.ledger.reconcile, action.id, known, outcome)
        return True

    def _plan(self, request: ToolCallRequest, policy: Policy, call: ActionRequest) -> ReviewPlan:
        return self.explain(self._manner.rule(request, policy, call), call).plan

    def lease_under(self, config: Mapping[str, Any]) -> Lease | None:
        """The lease under which the run of this config is driven: handed in by ``advance``, or this process's own caller's."""
        configurable = config.get("configurable", {})
        return calls.lease_in(configurable) or self._holdings.lease_on(str(calls.thread_in(configurable)))


def _asked_outside(reconcile: Reconcile, action: Action) -> Settled | None:
    """What the outside world says of an act in doubt. A failure leaves it to a person."""
    try:
        with in_doubt(action):
            return reconcile(action.idempotency_key)
    except Exception:  # noqa: BLE001 – it could not say; that is what people are for
        return None


def _refused(request: ToolCallRequest, why: str) -> ToolMessage:
    call = request.tool_call
    return ToolMessage(content=why, name=call["name"], tool_call_id=call["id"] or "", status="error")
