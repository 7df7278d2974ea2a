"""What goes out (DESIGN §5)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict

from hitl_middleware.actions import DecisionType
from hitl_middleware.review import ActionStatus, RequestKind, RequestStatus, RunStatus
from hitl_middleware.wording import CardState
from hitl_server.jsontext import plain

Text = Annotated[str, BeforeValidator(plain)]
Data = Annotated[Any, BeforeValidator(plain)]
"""What a model, a person or a tool wrote: any JSON, and nothing that a reader may take for markup of ours."""
Object = Annotated[dict[str, Any], BeforeValidator(plain)]


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class FieldError(BaseModel):
    """One thing that does not fit."""

    field: str
    why: str


class ProblemOut(BaseModel):
    """RFC 9457. With 422 ``errors`` name every field that does not fit, ``field`` the first of them; ``decided_by`` and ``decided_at``
    with 409 where somebody was first.
    """

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str
    title: str
    status: int
    detail: str
    field: str | None = None
    errors: tuple[FieldError, ...] | None = None
    decided_by: str | None = None
    decided_at: dt.datetime | None = None


class EditedActionOut(_Out):
    """The call that a reviewer wanted instead."""

    name: Text
    args: Object


class DecisionOut(_Out):
    """An answer that counted."""

    type: DecisionType
    message: Text | None
    edited_action: EditedActionOut | None
    answer: Data


class ActionBrief(_Out):
    """Where a request's act stands."""

    id: str
    status: ActionStatus
    result: Text | None
    error: Text | None


class ApprovalsOut(_Out):
    """How many different people must approve (``needed``), who has – each person once, by the name they used first –, and which of the
    required roles nobody has filled yet (``still_from``). An edit is an approval.
    """

    needed: int
    given_by: tuple[Text, ...]
    still_from: tuple[Text, ...]


class RequestOut(BaseModel):
    """One thing asked of people. ``args`` are the call exactly as it will run; ``digest`` names them (``If-Match``).
    ``edited_from`` are the arguments before a reviewer's edit.

    Of arguments that the policy hides (``redacted``) a mark stands there; an edit that leaves them out, or sends the mark back, keeps them.
    Of a workflow step (kind ``step``) ``args`` are the data it shows, ``response_schema`` its form, ``round`` how often it was asked, and
    ``notes`` what was said in the rounds before. ``description`` is the whole text where ``title`` is not all of it.
    ``overdue``: pending though ``deadline_at`` has passed, as its policy wants it; it can still be decided.
    """

    id: str
    code: str
    status: RequestStatus
    version: int
    kind: RequestKind
    run_id: str
    thread_id: Text
    interrupt_id: str
    title: Text
    description: Text
    tool: Text | None
    step: Text | None
    round: int | None
    args: Object | None
    redacted: tuple[Text, ...]
    edited_from: Object | None
    digest: str
    allowed_decisions: tuple[DecisionType, ...]
    response_schema: Object | None
    approvers: tuple[Text, ...]
    required_approvals: int
    approvals: ApprovalsOut
    deadline_at: dt.datetime | None
    overdue: bool
    decision: DecisionOut | None
    decided_by: Text | None
    labels: dict[Text, Text]
    notes: tuple[Text, ...]
    action: ActionBrief | None


class ActionOut(_Out):
    """One act. ``idempotency_key`` is what the tool hands to services that recognise repetitions."""

    id: str
    status: ActionStatus
    tool: Text
    args: Object
    redacted: tuple[Text, ...]
    digest: str
    run_id: str | None
    request_id: str | None
    thread_id: Text
    idempotency_key: str
    attempts: int
    decided_by: Text | None
    settled_by: Text | None
    settled_at: dt.datetime | None
    created_at: dt.datetime
    result: Text | None
    error: Text | None


class RunStarted(_Out):
    """A run that was stored; it begins at once, or when its thread is free (``queued``)."""

    id: str
    thread_id: Text
    graph: str
    status: RunStatus


class RunOut(RunStarted):
    """A run. ``labels`` say what it is about: a conversation, a repository and an issue."""

    labels: dict[Text, Text]
    requester: Text | None
    error: Text | None
    created_at: dt.datetime
    updated_at: dt.datetime


class RunDetailOut(RunStarted):
    """A run with what it asked and did, oldest first."""

    requests: tuple[RequestOut, ...]
    actions: tuple[ActionOut, ...]
    error: Text | None
    labels: dict[Text, Text]


class EventOut(_Out):
    """Who did what, when, from where. ``hash`` covers the event and the hash of the one before."""

    seq: int | None
    id: str
    at: dt.datetime
    kind: str
    actor: Text
    via: str | None
    run_id: str | None
    request_id: str | None
    action_id: str | None
    thread_id: Text | None
    data: Object
    hash: str | None


class ChangeOut(_Out):
    """An event of the audit as it is told while it happens: what it is about, and nothing of what it says."""

    seq: int | None
    kind: str
    at: dt.datetime
    actor: Text
    via: str | None
    run_id: str | None
    request_id: str | None
    action_id: str | None


class RequestList(BaseModel):
    """A page of requests, newest first."""

    items: tuple[RequestOut, ...]
    next: str | None


class CardOut(_Out):
    """A message about a request in one place. ``shown``: it has the newest version; ``behind``: not yet; ``failed``: it was given up."""

    channel: str
    address: Text
    status: CardState
    attempts: int
    error: Text | None


class CardList(BaseModel):
    """Everywhere a request was posted, oldest first."""

    items: tuple[CardOut, ...]
    next: str | None


class RunList(BaseModel):
    """A page of runs, newest first."""

    items: tuple[RunOut, ...]
    next: str | None


class EventList(BaseModel):
    """A page of the audit. To follow it, oldest first, ask again with the last item's ``seq`` as cursor."""

    items: tuple[EventOut, ...]
    next: str | None


class VerificationOut(BaseModel):
    """What came of recomputing the chain up to number `checked`. `problem` says in words what is wrong; `ok`: nothing, so far."""

    ok: bool
    complete: bool
    checked: int
    unsealed: int
    problem: str | None


class Health(BaseModel):
    """How the server is."""

    status: Literal["ok", "ready"]
