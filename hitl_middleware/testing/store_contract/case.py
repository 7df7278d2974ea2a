"""What the parts of the contract share: a store's time, and records to store."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from hitl_middleware.actions import Decision, EditedAction, Identity
from hitl_middleware.ids import new_code, new_id
from hitl_middleware.policy import PlannedEscalation, ReviewPlan
from hitl_middleware.ports import Store
from hitl_middleware.records import (
    Action,
    AuditEvent,
    Card,
    Delivery,
    Notice,
    ReviewRequest,
    Run,
    Submission,
    Target,
)

BORN = dt.datetime(2026, 1, 1, 12, 0, 0, 123_456, tzinfo=dt.UTC)
"""When every example was made. Microseconds, because a store must keep them."""

PLAN = ReviewPlan(
    verdict="ask",
    allowed_decisions=("approve", "respond"),
    approvers=("slack:U1", "group:finance"),
    required_approvals=2,
    required_from=("group:finance",),
    stand_ins=(("group:finance", "github:meg"),),
    expires_in=3_600.5,
    on_expiry="escalate",
    remind=(600.0, 60.5),
    escalate_to=(
        PlannedEscalation(
            approvers=("github:meg",), expires_in=60.5, on_expiry="reject", stands_in_for=("group:finance",)
        ),
    ),
    risk="high",
    reason="refunds above 50 € are asked",
    policy_version="1-abc",
)
ODD = "zero-width \u200b, right-to-left \u202e, quotes '\"`, emoji 🦜, percent %s, NUL in JSON \\u0000"
"""Text that people and models do write."""


class StoreCase:
    """A part of the contract."""

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass for the database."""
        msg = f"{type(self).__name__} must say how time passes for its store"
        raise NotImplementedError(msg)

    async def added_run(self, store: Store, **facts: Any) -> Run:
        """A stored run."""
        run = a_run(**facts)
        async with store.begin() as uow:
            assert await uow.add_run(run)
        return run

    async def added_request(self, store: Store, **facts: Any) -> ReviewRequest:
        """A stored request, with a run of its own unless one is named."""
        run_id = facts.pop("run_id", None) or (await self.added_run(store)).id
        request = a_request(run_id, **facts)
        async with store.begin() as uow:
            assert await uow.add_request(request)
        return request

    async def added_action(self, store: Store, **facts: Any) -> Action:
        """A stored action."""
        action = an_action(**facts)
        async with store.begin() as uow:
            assert await uow.add_action(action)
        return action

    async def added_card(self, store: Store, **facts: Any) -> Card:
        """A stored card, with a request of its own unless one is named."""
        request_id = facts.pop("request_id", None) or (await self.added_request(store)).id
        card = a_card(request_id, **facts)
        async with store.begin() as uow:
            assert await uow.add_card(card)
        return card


def a_run(**facts: Any) -> Run:
    """A running run on a thread of its own."""
    run_id = new_id()
    run = Run(
        id=run_id,
        thread_id=f"thread-of-{run_id}",
        graph="support",
        status="running",
        driver="hitl",
        created_at=BORN,
        updated_at=BORN,
    )
    return replace(run, **facts)


def a_request(run_id: str, **facts: Any) -> ReviewRequest:
    """A pending request."""
    request_id = new_id()
    request = ReviewRequest(
        id=request_id,
        code=new_code(),
        kind="tool_call",
        status="pending",
        version=1,
        run_id=run_id,
        thread_id=f"thread-of-{run_id}",
        graph="support",
        interrupt_id=f"interrupt-of-{request_id}",
        plan=PLAN,
        title="Refund A-1001",
        created_at=BORN,
        updated_at=BORN,
    )
    return replace(request, **facts)


def decided(request: ReviewRequest) -> ReviewRequest:
    """The request with everything set that can be."""
    return replace(
        request,
        status="approved",
        version=3,
        interrupt_id=f"{request.interrupt_id}-again",
        checkpoint_ns="tools:1|sub:2",
        title=ODD,
        description=ODD,
        tool="process_refund",
        args={"amount_cents": 12_000, "reason": ODD, "deep": [None, 1.5, {"ok": True}]},
        digest="d" * 64,
        response_schema={"type": "object"},
        action_id=new_id(),
        requester="slack:U9",
        deadline_at=BORN + dt.timedelta(days=1),
        due_at=BORN + dt.timedelta(hours=23),
        overdue=True,
        decision=an_edit(),
        decided_by="slack:U1",
        decided_by_name=ODD,
        decided_at=BORN + dt.timedelta(microseconds=1),
        decided_via="slack",
        notes=("asked twice", ODD),
        step="plan-review",
        round=2,
        ordinal=3,
        edited_from={"amount_cents": 13_000, "reason": ODD},
        labels={"conversation": ODD},
        audience="a" * 64,
        updated_at=BORN + dt.timedelta(seconds=1),
    )


def an_edit() -> Decision:
    """An approval with other arguments."""
    return Decision(
        type="edit", message=ODD, edited_action=EditedAction(name="process_refund", args={"n": [1]})
    )


def a_submission(request_id: str, **facts: Any) -> Submission:
    """One person's answer."""
    submission = Submission(
        id=new_id(),
        request_id=request_id,
        person="slack:U1",
        name="Kim",
        via="slack",
        decision=an_edit(),
        created_at=BORN,
        vouched_by="api",
        counts_as="slack:U1",
        fills=("group:finance",),
    )
    return replace(submission, **facts)


def an_action(**facts: Any) -> Action:
    """An approved action with an identity of its own."""
    action_id = new_id()
    action = Action(
        id=action_id,
        identity=Identity("thread-1", "tools:1", f"call-of-{action_id}"),
        tool="process_refund",
        args={"amount_cents": 12_000, "reason": ODD},
        digest="digest",
        proposed_digest="digest",
        plan=PLAN,
        status="approved",
        idempotency_key=action_id,
        created_at=BORN,
        updated_at=BORN,
    )
    return replace(action, **facts)


def a_card(request_id: str, **facts: Any) -> Card:
    """A card that was never posted."""
    card = Card(
        id=new_id(),
        request_id=request_id,
        target=Target(channel="slack", address="C1"),
        created_at=BORN,
        wanted=1,
    )
    return replace(card, **facts)


def a_notice(**facts: Any) -> Notice:
    """A notice with a key of its own."""
    notice_id = new_id()
    notice = Notice(
        id=notice_id,
        key=f"reminder:{notice_id}",
        channel="slack",
        address="C1",
        body={"text": ODD},
        created_at=BORN,
    )
    return replace(notice, **facts)


def a_delivery(**facts: Any) -> Delivery:
    """A delivery with a key of its own."""
    delivery_id = new_id()
    delivery = Delivery(
        id=delivery_id,
        channel="front",
        key=f"event:{delivery_id}",
        body=b"\x00\xff{}",
        received_at=BORN,
    )
    return replace(delivery, **facts)


def an_event(**facts: Any) -> AuditEvent:
    """An event that is not sealed yet."""
    event = AuditEvent(
        id=new_id(),
        at=BORN,
        kind="request.approved",
        actor="slack:U1",
        via="slack",
        run_id="run-1",
        request_id="request-1",
        action_id="action-1",
        thread_id="thread-1",
        data={"reason": ODD, "attempt": 2},
    )
    return replace(event, **facts)
