"""Calls about which nobody is asked, though their policy asks: they were rejected too often, or too many wait already.

A refusal is an action like any other, written by the ledger: denied by the policy. So a re-run finds it and keeps to it.
"""

from __future__ import annotations

from dataclasses import replace

from hitl_middleware.actions import ActionRequest, Decision
from hitl_middleware.errors import DatabaseUnreachable
from hitl_middleware.ids import new_id
from hitl_middleware.ledger import Ledger
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.records import Action
from hitl_middleware.repeats import reason, refusal, rejections
from hitl_middleware.work import Work


async def refuse(
    ledger: Ledger,
    work: Work,
    call: ActionRequest,
    plan: ReviewPlan,
    why: str,
    *,
    run_id: str | None,
    action: Action | None = None,
) -> Action:
    """Enter an action that nobody will be asked about. ``why`` is what the agent is told; ``action``: where it is entered and waits."""
    if action is None:
        mine = new_id()
        action = await ledger.propose(work, call, plan, action_id=mine, run_id=run_id, request_id=None)
        if action.id != mine:  # entered in this very moment by another process
            return action
    refused = replace(action, plan=plan, error=why, run_id=action.run_id or run_id)
    refused = await ledger.decide(work, refused, Decision(type="reject"), "policy")
    await work.audit(
        "action.refused", "policy", action=refused, tool=call.name, digest=refused.digest, reason=plan.reason
    )
    return refused


async def refuse_repeated(
    ledger: Ledger, call: ActionRequest, plan: ReviewPlan, *, most: int, run_id: str | None
) -> Action | None:
    """Refuse a call that people have rejected ``most`` times on its thread, to the letter; ``None``: it may be asked about.

    The refusal's verdict is ``refuse``: on no run does this call interrupt. Where the database is away, it may be asked about: the run
    parks, and nothing is lost.
    """
    try:
        denied = await ledger.denied(call.identity.thread_id, call.name)
    except DatabaseUnreachable:
        return None
    if len(rejected := rejections(denied, call.args)) < most:
        return None
    async with ledger.unit() as work:
        known = await work.uow.action_by_identity(call.identity, lock=True)
        if known is not None:
            return known
        refused = plan.model_copy(update={"verdict": "refuse", "reason": reason(rejected)})
        run = await work.uow.active_run(call.identity.thread_id) if run_id is None else None
        return await refuse(ledger, work, call, refused, refusal(rejected), run_id=run.id if run else run_id)
