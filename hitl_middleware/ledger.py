"""The one writer of actions: propose · record · recall · claim · release · settle.

The desk calls ``propose`` and ``decide`` inside its own unit of work; the gate calls the rest, each a unit of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Literal

from hitl_middleware.actions import ActionRequest, Decision, Identity, digest
from hitl_middleware.errors import DoesNotFit, LeaseLost, NotFound
from hitl_middleware.failpoints import failpoint
from hitl_middleware.ids import new_id
from hitl_middleware.leases import Claim, Holdings
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.ports import Clock, Dispatcher, Store
from hitl_middleware.records import Action, Lease, Run
from hitl_middleware.review import is_final, step
from hitl_middleware.work import Work, unit

MAX_TEXT = 4_000
"""Characters of a result or error that are kept for people; the whole answer is kept for the graph."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an act ended. ``result_type``/``result``: the whole tool answer in the serializer's words, where there is one."""

    status: Literal["succeeded", "failed", "unknown"]
    result_type: str | None = None
    result: bytes | None = None
    text: str | None = None
    error: str | None = None

    @classmethod
    def told(
        cls, what: Literal["done", "failed", "retry"], message: str | None, result: str | None = None
    ) -> Outcome:
        """How it ended, by a person's word. What is told of a success is its result, else the message."""
        if what == "failed":
            return cls(status="failed", error=message)
        return cls(status="succeeded", text=(result or message) if what == "done" else None)


class Ledger:
    """Writes actions. One per process; ``holdings`` keeps its claims alive."""

    def __init__(self, store: Store, clock: Clock, holdings: Holdings, dispatcher: Dispatcher) -> None:
        self._store = store
        self._clock = clock
        self._holdings = holdings
        self._dispatcher = dispatcher

    # in the desk's unit of work

    async def propose(
        self,
        work: Work,
        call: ActionRequest,
        plan: ReviewPlan,
        *,
        action_id: str,
        run_id: str | None,
        request_id: str | None,
        idempotent: bool = False,
    ) -> Action:
        """Enter a new action: ``waiting`` when the plan asks, ``approved`` by the policy when it only records."""
        fingerprint = digest(call.name, call.args, plan.policy_version, call.identity)
        recorded = plan.verdict == "record"
        action = Action(
            id=action_id,
            identity=call.identity,
            tool=call.name,
            args=dict(call.args),
            digest=fingerprint,
            proposed_digest=fingerprint,
            plan=plan,
            status="approved" if recorded else "waiting",
            idempotency_key=action_id,
            created_at=work.now,
            updated_at=work.now,
            run_id=run_id,
            request_id=request_id,
            idempotent=idempotent,
            decision=Decision(type="approve") if recorded else None,
            decided_by="policy" if recorded else None,
        )
        if not await work.uow.add_action(action):  # entered in this very moment by another process
            return await work.uow.action_by_identity(call.identity, lock=True) or action
        kind = "action.approved" if recorded else "action.proposed"
        await work.audit(
            kind, "policy", action=action, tool=call.name, digest=fingerprint, reason=plan.reason
        )
        return action

    async def decide(self, work: Work, action: Action, decision: Decision, by: str) -> Action:
        """Let a decision that counts take hold: approved (perhaps with edited arguments) or denied."""
        status: Literal["approved", "denied"] = (
            "approved" if decision.type in {"approve", "edit"} else "denied"
        )
        step("action", action.status, status)
        decided = replace(action, status=status, decision=decision, decided_by=by, updated_at=work.now)
        if decision.edited_action is not None:
            args = decision.edited_action.args
            fingerprint = digest(action.tool, args, action.plan.policy_version, action.identity)
            decided = replace(decided, args=args, digest=fingerprint, edited=True)
        await work.uow.save_action(decided)
        return decided

    # the gate's units

    async def look(self, identity: Identity) -> tuple[Action | None, str | None]:
        """What is known where a call comes by: its action (``None``: it is new here), and who asked for the run, where that is known."""
        async with self._store.read() as uow:
            action = await uow.action_by_identity(identity)
            run_id = action.run_id if action is not None else None
            run = await (uow.run(run_id) if run_id else uow.active_run(identity.thread_id))
        return action, run.requester if run is not None else None

    async def denied(self, thread_id: str, tool: str) -> Sequence[Action]:
        """What was denied of one tool on one thread, newest first."""
        async with self._store.read() as uow:
            return await uow.denied_actions(thread_id, tool)

    def unit(self) -> AbstractAsyncContextManager[Work]:
        """A unit of work on the ledger's store, for what is written through it together."""
        return unit(self._store, self._dispatcher)

    async def recall(self, identity: Identity) -> Action | None:
        """What is known of this call; ``None``: nothing."""
        async with self._store.read() as uow:
            return await uow.action_by_identity(identity)

    async def record(
        self, call: ActionRequest, plan: ReviewPlan, *, run_id: str | None, idempotent: bool
    ) -> Action:
        """Enter a call with its verdict – let pass on the record, or asked about – or find it entered already."""
        async with unit(self._store, self._dispatcher) as work:
            known = await work.uow.action_by_identity(call.identity, lock=True)
            if known is not None:
                return known
            run = await work.uow.active_run(call.identity.thread_id) if run_id is None else None
            return await self.propose(
                work,
                call,
                plan,
                action_id=new_id(),
                run_id=run.id if run else run_id,
                request_id=None,
                idempotent=idempotent,
            )

    async def recall_turn(self, identities: Sequence[Identity]) -> Sequence[Action]:
        """Those of several calls that are known."""
        async with self._store.read() as uow:
            found = [await uow.action_by_identity(identity) for identity in identities]
        return [action for action in found if action is not None]

    async def record_turn(
        self, asked: Sequence[tuple[ActionRequest, ReviewPlan]], *, run_id: str | None
    ) -> Sequence[Action]:
        """Enter all calls of a turn that are asked about together; where some are known already, those: their verdict is frozen."""
        async with unit(self._store, self._dispatcher) as work:
            found = [await work.uow.action_by_identity(call.identity, lock=True) for call, _ in asked]
            if known := [action for action in found if action is not None]:
                return known
            run = await work.uow.active_run(asked[0][0].identity.thread_id) if run_id is None else None
            return [
                await self.propose(
                    work, call, plan, action_id=new_id(), run_id=run.id if run else run_id, request_id=None
                )
                for call, plan in asked
            ]

    async def ask_again(self, action: Action, plan: ReviewPlan) -> Action:
        """Send an approved, edited call back to people: the policy wants more for it than the first plan gave."""
        async with unit(self._store, self._dispatcher) as work:
            current = await self._enter(work, action.id)
            if current.status != "approved":
                return current
            step("action", "approved", "waiting")
            waiting = replace(current, status="waiting", plan=plan, request_id=None, updated_at=work.now)
            waiting = replace(
                waiting, digest=digest(waiting.tool, waiting.args, plan.policy_version, waiting.identity)
            )
            await work.uow.save_action(waiting)
            await self._show(work, current)  # the card on which it was edited says that others are asked
            await work.audit(
                "action.asked_again", "policy", action=action, digest=waiting.digest, reason=plan.reason
            )
            return waiting

    async def claim(self, action: Action, lease: Lease | None) -> Claim | None:
        """Take the single right to act, immediately before the effect; ``None``: somebody else did, or it is not approved.

        Raises ``LeaseLost`` when another process drives the run by now.
        """
        failpoint("claim.before")
        asked_at, claim_id = self._clock.monotonic(), new_id()
        async with unit(self._store, self._dispatcher) as work:
            heir = None
            if lease is not None and action.run_id not in {None, lease.run_id}:
                heir = await work.uow.run(lease.run_id, lock=True)
            request = await work.uow.request(action.request_id, lock=True) if action.request_id else None
            if heir is not None:
                await self._inherit(work, action, heir)
            claimed = await work.uow.claim_action(
                action.id,
                digest=action.digest,
                claim_id=claim_id,
                owner=self._holdings.owner,
                seconds=self._holdings.seconds,
                lease=lease,
            )
            if claimed is None:
                current = await work.uow.action(action.id)
                if current is not None and current.status == "approved" and current.digest == action.digest:
                    raise LeaseLost(run=action.run_id)
                return None
            if request is not None:
                await work.show(replace(request, version=request.version + 1, updated_at=work.now))
            await work.audit("action.claimed", self._holdings.owner, action=claimed, attempt=claimed.attempts)
        failpoint("claim.after")
        return self._holdings.hold_claim(claimed, claim_id, asked_at)

    async def _inherit(self, work: Work, action: Action, heir: Run) -> None:
        """The run in which it was approved has ended before it was performed: the thread's next run takes it over."""
        old = await work.uow.run(action.run_id or "")
        if heir.thread_id != action.identity.thread_id or (old and not is_final("run", old.status)):
            return
        current = await work.uow.action(action.id, lock=True)
        if current is not None and current.status == "approved":
            await work.uow.save_action(replace(current, run_id=heir.id, updated_at=work.now))

    async def release(self, claim: Claim) -> None:
        """Give an unspent right back: the tool suspended itself, so nothing has happened yet."""
        self._holdings.drop_claim(claim.claim_id)
        async with unit(self._store, self._dispatcher) as work:
            current = await self._enter(work, claim.action.id)
            if current.status != "executing" or current.claim_id != claim.claim_id:
                return
            step("action", "executing", "approved")
            free = replace(
                current,
                status="approved",
                claim_id=None,
                claim_owner=None,
                claim_until=None,
                updated_at=work.now,
            )
            await work.uow.save_action(free)
            await self._show(work, free)
            await work.audit("action.released", self._holdings.owner, action=free)

    async def settle(self, claim: Claim, outcome: Outcome) -> Action:
        """Say how it ended. A late owner may still say so of an action that was given up as ``unknown``, unless a person did."""
        try:
            failpoint("settle.before")
            async with unit(self._store, self._dispatcher) as work:
                current = await self._enter(work, claim.action.id)
                mine = current.claim_id == claim.claim_id and current.status in {"executing", "unknown"}
                if not mine or current.status == outcome.status:
                    await work.audit("action.late", self._holdings.owner, action=current, said=outcome.status)
                    settled = current
                else:
                    settled = await self._settled(work, current, outcome, by=self._holdings.owner)
        finally:
            # Also where the database is away: a claim kept alive by a process that is done with it would be "executing" for ever.
            self._holdings.drop_claim(claim.claim_id)
        failpoint("settle.after")
        return settled

    async def settle_unknown(
        self,
        work: Work,
        action_id: str,
        what: Literal["done", "failed", "retry"],
        *,
        by: str,
        via: str,
        outcome: Outcome,
        attempt: int | None = None,
    ) -> Action:
        """A person (or the tool's ``reconcile``) says what became of an unknown act. ``attempt``: which of its attempts they mean.

        Raises ``NotFound``, ``DoesNotFit`` where the action is not unknown, or where another attempt is.
        """
        current = await self._enter(work, action_id)
        if current.status != "unknown":
            why = f"the action is {current.status}; only an unknown outcome can be settled"
            raise DoesNotFit(field="action", why=why)
        if attempt is not None and attempt != current.attempts:
            raise DoesNotFit(
                field="action", why="it was tried again since this was asked; look at it once more"
            )
        if what == "retry":
            step("action", "unknown", "approved")
            again = replace(
                current, status="approved", claim_id=None, claim_owner=None, claim_until=None, error=None
            )
            again = replace(again, settled_by=by, updated_at=work.now)
            await work.uow.save_action(again)
            await self._show(work, again)
            await work.audit("action.retry", by, via=via, action=again)
            return again
        return await self._settled(work, current, outcome, by=by, via=via)

    async def reconcile(self, action_id: str, known: Literal["done", "failed"], outcome: Outcome) -> Action:
        """Settle an unknown act with what the outside world said."""
        async with unit(self._store, self._dispatcher) as work:
            return await self.settle_unknown(
                work, action_id, known, by="reconcile", via="tool", outcome=outcome
            )

    async def bury(self) -> int:
        """Turn claims whose owner died into ``unknown``: run out by database time, plus one lease of grace. How many."""
        async with self._store.read() as uow:
            found = await uow.dead_claims(grace=self._holdings.seconds)
        buried = 0
        for dead in found:
            async with unit(self._store, self._dispatcher) as work:
                action = await self._enter(work, dead.id)
                # Looked at again under the locks: its owner may have come back with a word, or with a heartbeat.
                if (action.status, action.claim_id, action.claim_until) != (
                    "executing",
                    dead.claim_id,
                    dead.claim_until,
                ):
                    continue
                outcome = Outcome(
                    status="unknown",
                    error="The process that performed this stopped before it could say how it ended.",
                )
                await self._settled(work, action, outcome, by="sweep")
                buried += 1
        return buried

    async def _settled(
        self, work: Work, action: Action, outcome: Outcome, *, by: str, via: str | None = None
    ) -> Action:
        step("action", action.status, outcome.status)
        settled = replace(
            action,
            status=outcome.status,
            result_type=outcome.result_type,
            result=outcome.result,
            result_text=outcome.text[:MAX_TEXT] if outcome.text else None,
            error=outcome.error[:MAX_TEXT] if outcome.error else None,
            settled_by=by,
            settled_at=work.now,
            updated_at=work.now,
        )
        await work.uow.save_action(settled)
        await self._show(work, settled)
        await work.audit(f"action.{outcome.status}", by, via=via, action=settled, digest=settled.digest)
        return settled

    async def _enter(self, work: Work, action_id: str) -> Action:
        """Lock run, request and action in this order (that of every unit of work) and ask ``advance`` to look at the run.

        Raises ``NotFound``.
        """
        seen = await work.uow.action(action_id)
        if seen is None:
            raise NotFound(kind="action", key=action_id)
        await work.want(seen.run_id)
        if seen.request_id is not None:
            await work.uow.request(seen.request_id, lock=True)
        return await work.uow.action(action_id, lock=True) or seen

    async def _show(self, work: Work, action: Action) -> None:
        """Whatever happens to an action must show on its request's cards."""
        request = await work.uow.request(action.request_id, lock=True) if action.request_id else None
        if request is not None:
            await work.show(replace(request, version=request.version + 1, updated_at=work.now))


def is_settled(action: Action) -> bool:
    """Whether the act has ended for good: a result, a failure, or a denial."""
    return is_final("action", action.status)


CALLER = "caller"
"""Who decided, and where, when the user's own code answered."""


def is_adoptable(action: Action) -> bool:
    """Whether an answer that the user's own code resumes with may count: nobody was asked by us, and the policy wants no one else.

    One that was asked again after an edit is not: the policy wants other people for it than those who made the edit.
    """
    plan = action.plan
    unasked = action.status == "waiting" and action.request_id is None and action.decision is None
    anyone = plan.approvers is None or CALLER in plan.approvers
    return unasked and anyone and plan.required_approvals == 1
