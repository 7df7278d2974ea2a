"""From records to what goes out: pure functions, for the API and for whatever else speaks JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hitl_middleware.quorum import Approvals
from hitl_middleware.records import Action, AuditEvent, Card, Page, ReviewRequest, Run
from hitl_middleware.redaction import hidden
from hitl_middleware.views import RunDetail
from hitl_middleware.wording import card_state
from hitl_server.shapes import (
    ActionBrief,
    ActionOut,
    ApprovalsOut,
    CardList,
    CardOut,
    ChangeOut,
    DecisionOut,
    EventOut,
    RequestList,
    RequestOut,
    RunDetailOut,
    RunList,
    RunOut,
    RunStarted,
)


def request_out(request: ReviewRequest, action: Action | None, approvals: Approvals) -> RequestOut:
    """A request as the API shows it."""
    return RequestOut(
        id=request.id,
        code=request.code,
        status=request.status,
        version=request.version,
        kind=request.kind,
        run_id=request.run_id,
        thread_id=request.thread_id,
        interrupt_id=request.interrupt_id,
        title=request.title,
        description=request.description,
        tool=request.tool,
        step=request.step,
        round=request.round,
        args=request.args,
        redacted=hidden(request.args, request.plan.redact),
        edited_from=request.edited_from,
        digest=request.digest,
        # What became of an act is not decided but settled, on a route of its own.
        allowed_decisions=() if request.kind == "outcome" else request.plan.allowed_decisions,
        response_schema=request.response_schema,
        approvers=request.plan.approvers or (),
        required_approvals=request.plan.required_approvals,
        approvals=ApprovalsOut(
            needed=approvals.needed,
            given_by=tuple(each.person for each in approvals.given),
            still_from=approvals.still_from,
        ),
        deadline_at=request.deadline_at,
        overdue=request.overdue,
        decision=None if request.decision is None else DecisionOut.model_validate(request.decision),
        decided_by=request.decided_by,
        labels=request.labels,
        notes=request.notes,
        action=None if action is None else _brief(action),
    )


def requests_out(
    page: Page[ReviewRequest], actions: Mapping[str, Action], approvals: Mapping[str, Approvals]
) -> RequestList:
    """A page of requests; their actions by id, and their approvals by request id."""
    items = tuple(
        request_out(request, actions.get(request.action_id or ""), approvals[request.id])
        for request in page.items
    )
    return RequestList(items=items, next=page.next)


def cards_out(cards: Iterable[Card]) -> CardList:
    """Where a request was posted."""
    return CardList(items=tuple(_card(card) for card in cards), next=None)


def _card(card: Card) -> CardOut:
    return CardOut(
        channel=card.target.channel,
        address=card.target.address,
        status=card_state(card),
        attempts=card.attempts,
        error=card.error,
    )


def _brief(action: Action) -> ActionBrief:
    return ActionBrief(id=action.id, status=action.status, result=action.result_text, error=action.error)


def action_out(action: Action) -> ActionOut:
    """An act as the API shows it."""
    return ActionOut(
        id=action.id,
        status=action.status,
        tool=action.tool,
        args=action.args,
        redacted=hidden(action.args, action.plan.redact),
        digest=action.digest,
        run_id=action.run_id,
        request_id=action.request_id,
        thread_id=action.identity.thread_id,
        idempotency_key=action.idempotency_key,
        attempts=action.attempts,
        decided_by=action.decided_by,
        settled_by=action.settled_by,
        settled_at=action.settled_at,
        created_at=action.created_at,
        result=action.result_text,
        error=action.error,
    )


def run_started(run: Run) -> RunStarted:
    """A new run as the API shows it."""
    return RunStarted.model_validate(run)


def run_out(run: Run) -> RunOut:
    """A run as lists show it."""
    return RunOut.model_validate(run)


def runs_out(page: Page[Run]) -> RunList:
    """A page of runs."""
    return RunList(items=tuple(run_out(run) for run in page.items), next=page.next)


def run_detail_out(detail: RunDetail) -> RunDetailOut:
    """A run with all that belongs to it."""
    actions = detail.action_of
    return RunDetailOut(
        id=detail.run.id,
        thread_id=detail.run.thread_id,
        graph=detail.run.graph,
        status=detail.run.status,
        requests=tuple(
            request_out(r, actions.get(r.action_id or ""), detail.approvals[r.id]) for r in detail.requests
        ),
        actions=tuple(action_out(action) for action in detail.actions),
        error=detail.run.error,
        labels=detail.run.labels,
    )


def change_out(event: AuditEvent) -> ChangeOut:
    """An event as it is told while it happens."""
    return ChangeOut.model_validate(event)


def event_out(event: AuditEvent) -> EventOut:
    """An event as the API shows it."""
    return EventOut.model_validate(event)
