"""What is stored and what is read: frozen records, one per table, and where a thread stands. Pure values; a change is a new record.

Ids are UUIDv7 (text), times are aware UTC datetimes, identities of people are text (``slack:U…``, ``github:…``, ``local:…``, ``api``).
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from hitl_middleware.actions import Decision, Identity, Place
from hitl_middleware.policy import ReviewPlan
from hitl_middleware.review import ActionStatus, RequestKind, RequestStatus, RunStatus

T = TypeVar("T")

Driver = Literal["hitl", "caller"]
"""Who runs the graph: this library (it may continue a crashed run) or the user's own process (it may not)."""

OnNewInput = Literal["enqueue", "supersede", "refuse"]

Mail = Literal["card", "notice", "delivery"]
"""What is carried to people and from them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a graph on a thread, from its input to its end, over all its suspensions.

    ``wanted`` is raised by everything ``advance`` should look at and ``seen`` follows it, so a wake-up can be lost without harm.
    ``fence`` counts how often the run's lease was taken; ``input`` is JSON, ``None`` where the caller drives.
    ``labels`` are small facts for people and routing (conversation, repository, issue); ``note`` is what the cards of the run before
    it say of this one while it waits (“Customer wrote again”).
    """

    id: str
    thread_id: str
    graph: str
    status: RunStatus
    driver: Driver
    created_at: dt.datetime
    updated_at: dt.datetime
    input: Any = None
    requester: str | None = None
    started_by: str | None = None
    on_new_input: OnNewInput = "enqueue"
    labels: dict[str, str] = field(default_factory=dict)
    note: str | None = None
    error: str | None = None
    wanted: int = 1
    seen: int = 0
    fence: int = 0
    lease_owner: str | None = None
    lease_until: dt.datetime | None = None

    @property
    def is_untouched(self) -> bool:
        """Whether nobody has driven it before this lease, on a thread that was made for it: there is nothing there yet."""
        return self.driver == "hitl" and self.thread_id == self.id and self.fence <= 1


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to drive one run. ``fence`` grows with every owner, so a late one is recognised."""

    run_id: str
    owner: str
    fence: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    """What a step raised when it was answered. ``kept``: LangGraph stored the ``answer`` and gives it again on every re-run."""

    error: str
    kept: bool
    answer: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingInterrupt:
    """A question of LangGraph that waits for an answer by ``id``."""

    id: str
    value: Any
    response_schema: dict[str, Any] | None = None
    checkpoint_ns: str = ""
    raised: Raised | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Where a thread stands.

    ``started``: there is a checkpoint. ``finished``: no task is left (``state.tasks == ()``; ``next == ()`` does not mean that).
    ``breakpoint``: id of the checkpoint at which a static breakpoint holds it, where that is how it stopped.
    """

    started: bool
    finished: bool
    interrupts: tuple[PendingInterrupt, ...] = ()
    breakpoint: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewRequest:
    """One thing asked of people. ``version`` grows with everything a card must show.

    (``thread_id``, ``interrupt_id``, ``position``) is unique: one question of LangGraph is one request.
    ``code`` is 8 characters of lower-case Crockford base32, unique among pending requests. ``args`` are the call as it will run.
    ``response_schema`` is the JSON Schema of the answer: for a tool call that of its arguments (an edit must fit it), for a workflow
    step that of its form (``approve`` carries an ``answer`` that fits). ``step`` is a workflow step's name, ``round`` (from 1) how often
    it was asked until people were content; ``ordinal`` says where in its task a step or an ``ask`` stands (``place``).
    ``edited_from`` are the arguments before a reviewer's edit, where ``args`` are those after it. ``labels`` are the run's, as they were
    when it was asked. ``due_at``: when time does something to it next – a reminder, or its deadline; ``None``: never, or not any more.
    ``overdue``: its deadline has passed and the plan lets it wait on. ``audience``: who may decide it, as one value
    (``Directory.audience``); ``""``: not known, as of what an earlier version filed.
    """

    id: str
    code: str
    kind: RequestKind
    status: RequestStatus
    version: int
    run_id: str
    thread_id: str
    graph: str
    interrupt_id: str
    plan: ReviewPlan
    title: str
    created_at: dt.datetime
    updated_at: dt.datetime
    position: int = 0
    checkpoint_ns: str = ""
    description: str = ""
    tool: str | None = None
    args: dict[str, Any] | None = None
    digest: str = ""
    response_schema: dict[str, Any] | None = None
    action_id: str | None = None
    requester: str | None = None
    deadline_at: dt.datetime | None = None
    decision: Decision | None = None
    decided_by: str | None = None
    decided_by_name: str | None = None
    decided_at: dt.datetime | None = None
    decided_via: str | None = None
    notes: tuple[str, ...] = ()
    step: str | None = None
    round: int | None = None
    ordinal: int | None = None
    edited_from: dict[str, Any] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    due_at: dt.datetime | None = None
    overdue: bool = False
    audience: str = ""

    @property
    def place(self) -> Place | None:
        """Where in the run it is asked, for a workflow step or an ``ask``."""
        return None if self.ordinal is None else Place(self.thread_id, self.checkpoint_ns, self.ordinal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One person's answer, before it counts. ``vouched_by``: the token that named the person, where one did.

    ``source``: what brought it, where that could be read again (a comment's id); unique, so it counts once. ``counts_as``: one name for
    the person, whatever they answered as. ``fills``: those of the plan's roles (``required_from``) that they had when they answered.
    """

    id: str
    request_id: str
    person: str
    name: str | None
    via: str
    decision: Decision
    created_at: dt.datetime
    vouched_by: str | None = None
    source: str | None = None
    counts_as: str | None = None
    fills: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One act. The ledger is its only writer.

    ``proposed_digest`` is the call as the model made it, ``digest`` as it was shown and will run (they differ after an edit).
    ``result_type``/``result`` are the serializer's words for the whole tool answer; ``result_text`` is its preview for people.
    """

    id: str
    identity: Identity
    tool: str
    args: dict[str, Any]
    digest: str
    proposed_digest: str
    plan: ReviewPlan
    status: ActionStatus
    idempotency_key: str
    created_at: dt.datetime
    updated_at: dt.datetime
    run_id: str | None = None
    request_id: str | None = None
    edited: bool = False
    idempotent: bool = False
    decision: Decision | None = None
    decided_by: str | None = None
    claim_id: str | None = None
    claim_owner: str | None = None
    claim_until: dt.datetime | None = None
    attempts: int = 0
    result_type: str | None = None
    result: bytes | None = None
    result_text: str | None = None
    error: str | None = None
    settled_by: str | None = None
    settled_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A place where cards can be posted: ``channel`` is the adapter's name, ``address`` its own word for the place."""

    channel: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One living message about one request in one place. Due while ``shown`` is behind ``wanted`` (the request's version).

    ``ref`` is the channel's own name of the posted message, ``None`` until it is known to exist. ``attempts`` counts the
    times it was taken up since the last success. ``doubt`` is a version: until that one is shown, there may be messages of the
    card that nobody knows of.
    """

    id: str
    request_id: str
    target: Target
    created_at: dt.datetime
    wanted: int
    shown: int = 0
    doubt: int = 0
    ref: str | None = None
    attempts: int = 0
    next_attempt_at: dt.datetime | None = None
    error: str | None = None
    gave_up: bool = False
    lease_owner: str | None = None
    lease_until: dt.datetime | None = None

    @property
    def doubtful(self) -> bool:
        """Whether its messages have to be looked for before one is posted or changed: an earlier post may have got there unheard."""
        return self.shown < self.doubt or (self.ref is None and self.attempts > 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A one-off message that stays as history. Stored with the change it tells of, delivered once; ``key`` is unique.

    ``address`` and ``body`` are the channel's own (``body`` is JSON built from stored facts).
    """

    id: str
    key: str
    channel: str
    address: str
    body: dict[str, Any]
    created_at: dt.datetime
    sent_at: dt.datetime | None = None
    attempts: int = 0
    next_attempt_at: dt.datetime | None = None
    error: str | None = None
    gave_up: bool = False
    lease_until: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why a channel may leave a one-off message behind, and whom it concerns.

    ``decided``: the request has come to its end, expiry included. ``reminder``: its deadline comes near; ``to`` are those of its approvers
    who have not answered. ``overdue``: the deadline has passed and it waits on; ``to`` as before. ``escalated``: ``to`` are asked now, too.
    """

    kind: Literal["decided", "reminder", "overdue", "escalated"]
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeDraft:
    """A notice that a channel would leave behind; ``key`` is its own name among those of one occasion."""

    key: str
    address: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A verified webhook, stored before it is acted on. (``channel``, ``key``) is unique, so a repeated delivery is known."""

    id: str
    channel: str
    key: str
    body: bytes
    received_at: dt.datetime
    processed_at: dt.datetime | None = None
    attempts: int = 0
    next_attempt_at: dt.datetime | None = None
    error: str | None = None
    lease_until: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Undelivered:
    """Something that is not tried any more: a card or a notice that could not be posted, a webhook on which nobody could act.

    ``address`` is where it belongs: the channel's own word for the place, or a webhook's key. ``request_id`` is set for cards.
    """

    id: str
    topic: Mail
    channel: str
    address: str
    attempts: int
    error: str | None
    since: dt.datetime
    request_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """Who did what, when, from where. Appended with the change; ``seq`` and ``hash`` come from the sealer a moment later.

    ``data`` holds small facts (digest, decision type, reason), never bodies or secrets.
    """

    id: str
    at: dt.datetime
    kind: str
    actor: str
    via: str | None = None
    run_id: str | None = None
    request_id: str | None = None
    action_id: str | None = None
    thread_id: str | None = None
    data: dict[str, Any] = field(default_factory=dict)
    seq: int | None = None
    hash: str | None = None


@dataclass(frozen=True, slots=True)
class ChainHead:
    """The newest sealed event: its number and hash (``""`` before the first)."""

    seq: int
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What waits and what went wrong, counted ``at`` a moment of the database's time.

    ``unknown``: acts whose outcome a person has to settle. ``failed_deliveries``: cards and notices that were given up;
    ``failed_webhooks``: stored webhooks on which nobody could act.
    """

    at: dt.datetime
    pending: int
    oldest_pending_at: dt.datetime | None
    unknown: int
    failed_deliveries: int
    failed_webhooks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """All that a channel needs to draw one card, read in one go."""

    card: Card
    request: ReviewRequest
    action: Action | None
    submissions: tuple[Submission, ...]
    run: Run
    url: str | None
    """The request's page, where one is served."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; ``next`` is the cursor of the following one."""

    items: tuple[T, ...]
    next: str | None
