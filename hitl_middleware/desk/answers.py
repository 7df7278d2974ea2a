"""What a run asks, and what it is answered with: interrupts as questions, decisions as resume values. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hitl_middleware import dialects
from hitl_middleware.actions import Decision
from hitl_middleware.dialects import Question
from hitl_middleware.ledger import is_settled
from hitl_middleware.ports import PendingInterrupt, Snapshot
from hitl_middleware.records import Action, ReviewRequest


def questions(snapshot: Snapshot) -> Sequence[tuple[PendingInterrupt, Question]]:
    """What a run stands at: its interrupts, or the breakpoint that holds it."""
    asked = [(item, dialects.read(item.value, item.response_schema)) for item in snapshot.interrupts]
    if snapshot.breakpoint is not None and not asked:
        item = PendingInterrupt(id=f"breakpoint:{snapshot.breakpoint}", value=None)
        asked.append((item, dialects.breakpoint_question()))
    return asked


def action_answer(question: Question, action: Action | None) -> Any:
    """The hint for a question of the gate's own; ``None``: not decided yet."""
    if action is None or action.status == "waiting":
        return None
    if question.kind == "outcome":
        # The run waits for the truth: an answer only when there is one (or the act was approved again).
        return dict(dialects.SETTLED_HINT) if is_settled(action) or action.status == "approved" else None
    return dialects.resume_value("tool_call", action.decision or Decision(type="approve"))


def request_answer(item: PendingInterrupt, question: Question, requests: Sequence[ReviewRequest]) -> Any:
    """The answer to anybody else's question; ``None``: not decided yet."""
    for request in requests:
        if request.interrupt_id == item.id and request.kind == question.kind and request.decision is not None:
            return dialects.resume_value(request.kind, request.decision)
    return None
