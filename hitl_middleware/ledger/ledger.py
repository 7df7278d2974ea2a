"""The one writer of actions: propose · record · recall · claim · release · settle.

The desk calls ``propose`` and ``decide`` inside its own unit of work; the gate calls the rest, each a unit of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Literal

from hitl_middleware.actions import ActionRequest, Decision, Identity, digest
from hitl_middleware.errors import DoesNotFit, LeaseLost, NotFound
from hitl_middleware.failpoints import failpoint
from hitl_middleware.ids import new_id
from hitl_middleware.leases import Claim, Holdings
from hitl_middleware.ledger.outcome import MAX_TEXT, Outcome
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.ports import Clock, Dispatcher, Store
from hitl_middleware.records import Action, Lease, Run
from hitl_middleware.review import is_final, step
from hitl_middleware.work import Work, unit


class _NotOurs(Exception):
    """The action is another one's, or no longer what it was; what this unit of work has prepared is rolled back."""

    def __init__(self, action: Action | None) -> None:
        super().__init__()
        self.action = action


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
        async with self._store.glance() as uow:
            return await uow.call(identity)

    async def denied(self, thread_id: str, tool: str) -> Sequence[Action]:
        """What was denied of one tool on one thread, newest first."""
        async with self._store.glance() as uow:
            return await uow.denied_actions(thread_id, tool)

    def unit(self) -> AbstractAsyncContextManager[Work]:
        """A unit of work on the ledger's store, for what is written through it together."""
        return unit(self._store, self._dispatcher)

    async def recall(self, identity: Identity) -> Action | None:
        """What is known of this call; ``None``: nothing."""
        async with self._store.glance() as uow:
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
            known = await uow.actions_at(identities)
        return [known[identity] for identity in identities if identity in known]

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
        try:
            async with unit(self._store, self._dispatcher) as work:
                if lease is not None and action.run_id not in {None, lease.run_id}:
                    heir = await work.uow.run(lease.run_id, lock=True)
                    await self._inherit(work, action, heir)
                version = await self._turn(work, action)
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
                    raise _NotOurs(current)  # nor do the cards show anything new
                await work.follow(claimed.request_id, version)
                await work.audit(
                    "action.claimed", self._holdings.owner, action=claimed, attempt=claimed.attempts
                )
        except _NotOurs as not_ours:
            current = not_ours.action
            if current is not None and current.status == "approved" and current.digest == action.digest:
                raise LeaseLost(run=action.run_id) from None
            return None
        failpoint("claim.after")
        return self._holdings.hold_claim(claimed, claim_id, asked_at, lease)

    async def _inherit(self, work: Work, action: Action, heir: Run | None) -> None:
        """The run in which it was approved has ended before it was performed: the thread's next run takes it over."""
        old = await work.uow.run(action.run_id or "")
        if (
            heir is None
            or heir.thread_id != action.identity.thread_id
            or (old and not is_final("run", old.status))
        ):
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
            try:
                settled = await self._settle_claimed(claim, outcome)
            except _NotOurs:
                settled = await self._settle_late(claim, outcome)
        finally:
            # Also where the database is away: a claim kept alive by a process that is done with it would be "executing" for ever.
            self._holdings.drop_claim(claim.claim_id)
        failpoint("settle.after")
        return settled

    async def _settle_claimed(self, claim: Claim, outcome: Outcome) -> Action:
        """The usual case. Whoever drives the run goes on by itself; where it is driven under no lease, ``advance`` is asked to look."""
        async with unit(self._store, self._dispatcher) as work:
            if claim.lease is None:
                await work.want(claim.action.run_id)
            version = await self._turn(work, claim.action)
            current = await work.uow.action(claim.action.id, lock=True)
            if current is None or current.claim_id != claim.claim_id or current.status != "executing":
                raise _NotOurs(current)
            settled = await self._settled(work, current, outcome, by=self._holdings.owner, shown=True)
            await work.follow(settled.request_id, version)
            return settled

    async def _settle_late(self, claim: Claim, outcome: Outcome) -> Action:
        async with unit(self._store, self._dispatcher) as work:
            current = await self._enter(work, claim.action.id)
            mine = current.claim_id == claim.claim_id and current.status in {"executing", "unknown"}
            if mine and current.status != outcome.status:
                return await self._settled(work, current, outcome, by=self._holdings.owner)
            await work.audit("action.late", self._holdings.owner, action=current, said=outcome.status)
            return current

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
        self,
        work: Work,
        action: Action,
        outcome: Outcome,
        *,
        by: str,
        via: str | None = None,
        shown: bool = False,
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
        if not shown:
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
        await work.follow(action.request_id, await self._turn(work, action))

    async def _turn(self, work: Work, action: Action) -> int | None:
        """The new version of its request, which is locked from now on; the cards come last."""
        return await work.uow.bump_request(action.request_id) if action.request_id is not None else None
