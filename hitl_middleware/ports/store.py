"""A database: units of work, and what is read and written in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeVar

from hitl_middleware.actions import Identity, Place
from hitl_middleware.analytics.rows import Asked, Period
from hitl_middleware.ports.running import Topic
from hitl_middleware.ports.searching import AuditSearch
from hitl_middleware.ports.sessions import Session
from hitl_middleware.records import (
    Action,
    AuditEvent,
    Card,
    ChainHead,
    Delivery,
    Driver,
    Lease,
    Mail,
    Notice,
    Page,
    ReviewRequest,
    Run,
    Submission,
    Tally,
    Undelivered,
)
from hitl_middleware.review import RequestStatus, RunStatus

T = TypeVar("T")


class UnitOfWork(Protocol):
    """One transaction. Everything read with ``lock`` stays as read until it ends; nothing is visible to others before.

    Locks are taken in the order run (older first) → request → action → card, so two units of work cannot wait for each other; a change
    locks, too. Who holds a run's lock is alone with its requests and actions and may take those in any order.
    A method that adds answers ``False`` (and changes nothing) where a unique key already stands.
    """

    async def now(self) -> dt.datetime:
        """The database's time. Every deadline, lease and expiry is judged by it, never by a worker's own clock."""

    # runs ------------------------------------------------------------------------------------------------------------

    async def add_run(self, run: Run) -> bool:
        """Insert. ``False``: the id exists, or the thread already has a running or suspended run and this one is not queued."""

    async def run(self, run_id: str, *, lock: bool = False) -> Run | None: ...

    async def active_run(self, thread_id: str, *, lock: bool = False) -> Run | None:
        """The thread's run that is running or suspended: at most one."""

    async def queued_runs(self, thread_id: str) -> Sequence[Run]:
        """The thread's waiting runs, oldest first."""

    async def set_run(
        self, run_id: str, status: RunStatus, *, error: str | None = None, driver: Driver | None = None
    ) -> bool:
        """Change the status and what ``error`` says (``None``: nothing), and the driver when given; never lease, fence, wanted or seen.

        ``False``, and nothing changed: there is no such run, or it would be the thread's second that is running or suspended.
        """

    async def label_run(self, run_id: str, labels: Mapping[str, str]) -> None:
        """Add labels to those that the run has; one that it has already gets the new value."""

    async def want_run(self, run_id: str) -> str | None:
        """``wanted = wanted + 1``: there is something for ``advance`` to look at. The run's graph; ``None``: no such run."""

    async def leave_run(
        self, lease: Lease, status: RunStatus, *, seen: int, error: str | None = None
    ) -> None:
        """What is written last under a lease, where it still is the run's: the status and ``error`` (``None``: nothing), ``seen`` raised to
        the ``wanted`` that was read before looking, and the lease given back. It is not asked whether the thread has another active run:
        one that is driven is that.
        """

    async def list_runs(self, *, cursor: str | None = None, limit: int = 50) -> Page[Run]:
        """Newest first."""

    # leases ----------------------------------------------------------------------------------------------------------

    async def acquire_lease(self, run_id: str, owner: str, seconds: float) -> Lease | None:
        """Take the run's lease if it is free or has run out by database time; the fence grows by one. One statement."""

    async def renew_lease(self, lease: Lease, seconds: float) -> bool:
        """``False``: owner or fence has changed, the lease is lost."""

    async def release_lease(self, lease: Lease) -> None:
        """Give it back, if it is still this one."""

    # requests --------------------------------------------------------------------------------------------------------

    async def add_request(self, request: ReviewRequest) -> bool:
        """Insert. ``False``: (thread, interrupt, position) exists, or the code is taken by a pending request."""

    async def request(self, request_id: str, *, lock: bool = False) -> ReviewRequest | None: ...

    async def requests_by_code(self, code: str) -> Sequence[ReviewRequest]:
        """Newest first; at most one of them is pending."""

    async def requests_of_thread(self, thread_id: str, *, lock: bool = False) -> Sequence[ReviewRequest]:
        """All of them, oldest first."""

    async def requests_of_run(self, run_id: str) -> Sequence[ReviewRequest]:
        """All of them, oldest first."""

    async def requests_at(self, place: Place) -> Sequence[ReviewRequest]:
        """What was asked at one place of a run, oldest first: mostly one, more where it was taken back and asked again."""

    async def save_request(self, request: ReviewRequest) -> None:
        """Write all that may change; the request was read with ``lock`` in this unit of work."""

    async def bump_request(self, request_id: str) -> int | None:
        """``version = version + 1``: its cards have something new to show. The new version; ``None``: there is no such request."""

    async def list_requests(
        self,
        *,
        status: RequestStatus | None = None,
        labels: Mapping[str, str] = {},
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[ReviewRequest]:
        """Newest first. ``labels``: those that have all of these."""

    async def list_waiting(
        self, *, among: Collection[str] | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[ReviewRequest]:
        """What is pending: the riskiest first (``review.precedence``), of equal ones the oldest. As dear as the page, not as the list.

        ``among``: only what is for these audiences; as dear as the page times their number.
        """

    async def list_audiences(self, *, cursor: str | None = None, limit: int = 50) -> Page[ReviewRequest]:
        """Of each audience for which something is pending, in their order, what stands first in line. As dear as the page."""

    async def list_asked(
        self, period: Period, *, graph: str | None = None, cursor: str | None = None, limit: int = 1_000
    ) -> Page[Asked]:
        """What was asked in a period, newest first, with the answers: for figures. As dear as the page, however much there is."""

    async def add_submission(self, submission: Submission) -> bool:
        """Insert. ``False``: what brought it (``source``) has brought an answer already."""

    async def submission_from(self, source: str) -> Submission | None:
        """What this source has brought."""

    async def submissions(self, request_id: str) -> Sequence[Submission]:
        """Oldest first."""

    async def submissions_of(self, request_ids: Collection[str]) -> Sequence[Submission]:
        """The same of several requests together."""

    # actions ---------------------------------------------------------------------------------------------------------

    async def add_action(self, action: Action) -> bool:
        """Insert. ``False``: the identity exists."""

    async def action(self, action_id: str, *, lock: bool = False) -> Action | None: ...

    async def action_by_identity(self, identity: Identity, *, lock: bool = False) -> Action | None: ...

    async def actions_at(
        self, identities: Collection[Identity], *, lock: bool = False
    ) -> Mapping[Identity, Action]:
        """Those of several calls of one thread that are known. One query."""

    async def call(self, identity: Identity) -> tuple[Action | None, str | None]:
        """A call's action (``None``: it is new here), and who asked for its run (of a new one: for the thread's active run). One query."""

    async def actions_of_run(self, run_id: str) -> Sequence[Action]:
        """Oldest first."""

    async def actions(self, action_ids: Collection[str]) -> Mapping[str, Action]:
        """Those that exist, by id."""

    async def denied_actions(self, thread_id: str, tool: str, *, limit: int = 500) -> Sequence[Action]:
        """What was denied of one tool on one thread, newest first."""

    async def save_action(self, action: Action) -> None:
        """Write all that may change; the action was read with ``lock`` in this unit of work."""

    async def claim_action(
        self, action_id: str, *, digest: str, claim_id: str, owner: str, seconds: float, lease: Lease | None
    ) -> Action | None:
        """The compare-and-set before every effect; one statement that changes one row or none.

        ``approved`` and ``digest`` unchanged → ``executing`` with this claim, ``attempts + 1``. With ``lease``: its run's fence must
        still be the lease's (and the action's run that run, where it has one). Without: no live lease may stand on the action's run.
        ``None``: not claimed.
        """

    async def renew_claims(self, claim_ids: Collection[str], owner: str, seconds: float) -> frozenset[str]:
        """Those that are still executing under ``owner``; one that another unit of work has locked may be left out this time."""

    async def dead_claims(self, *, grace: float, limit: int = 100) -> Sequence[Action]:
        """Executing actions whose claim ran out more than ``grace`` seconds ago by database time, longest dead first.

        In a unit of work that may write they are locked, and those that another one has locked are left out.
        """

    # cards, notices, deliveries --------------------------------------------------------------------------------------

    async def add_card(self, card: Card) -> bool:
        """Insert. ``False``: this request has a card in this place."""

    async def card(self, card_id: str) -> Card | None: ...

    async def cards_of(self, request_id: str) -> Sequence[Card]: ...

    async def card_at(self, channel: str, ref: str) -> Card | None:
        """The card that a channel's message shows; ``ref`` is the channel's own name of the message."""

    async def want_cards(self, request_id: str, version: int) -> Sequence[Card]:
        """Ask every card of the request to show at least ``version`` (due at once, given up no more); all of them, oldest first."""

    async def lease_card(self, card_id: str, owner: str, seconds: float) -> Card | None:
        """Take a card that is due and free (``shown < wanted``, not given up, ``next_attempt_at`` passed); one statement.

        ``attempts + 1``, here and not when it is saved: after a crash the next carrier must know that it is not the first.
        """

    async def save_card(self, card: Card) -> int | None:
        """Write ref, shown, attempts, next attempt, error and gave_up (not ``doubt``), and end the lease; the version wanted by now.

        ``None``: the lease was lost, nothing changed.

        ``card`` carries the ``lease_owner`` under which it was leased (``replace`` what ``lease_card`` gave); the row is written only
        while it still has that one. ``wanted`` is never lowered, and where it has grown meanwhile ``gave_up`` is false whatever
        ``card`` says.
        """

    async def doubt_card(self, card_id: str, version: int) -> None:
        """Say that there may be messages of the card that nobody knows of, until ``version`` is shown. Never lowered."""

    async def add_notice(self, notice: Notice) -> bool:
        """Insert. ``False``: the key exists."""

    async def lease_notice(self, notice_id: str, seconds: float) -> Notice | None:
        """Take a notice that is unsent, due and free, ``attempts + 1``; one statement."""

    async def save_notice(self, notice: Notice) -> bool:
        """Write sent_at, attempts, next attempt, error and gave_up, and end the lease. ``False``: the lease was lost, nothing changed.

        ``notice`` carries the ``lease_until`` under which it was leased (``replace`` what ``lease_notice`` gave).
        """

    async def add_delivery(self, delivery: Delivery) -> bool:
        """Insert. ``False``: (channel, key) exists – this delivery is known."""

    async def delivery(self, channel: str, key: str) -> Delivery | None: ...

    async def drop_delivery(self, channel: str, key: str) -> None:
        """Forget a delivery that could not be acted on, so that it may come again."""

    async def lease_delivery(self, delivery_id: str, seconds: float) -> Delivery | None:
        """Take a delivery that is unprocessed, due and free, ``attempts + 1``; one statement."""

    async def save_delivery(self, delivery: Delivery) -> bool:
        """Write processed_at, attempts, next attempt and error, and end the lease. ``False``: the lease was lost, nothing changed.

        ``delivery`` carries the ``lease_until`` under which it was leased (``replace`` what ``lease_delivery`` gave).
        """

    # sessions --------------------------------------------------------------------------------------------------------

    async def add_session(self, session: Session) -> None:
        """Insert, and forget those that have run out."""

    async def session(self, session_id: str) -> Session | None:
        """One that has neither ended nor run out, by the database's time."""

    async def end_session(self, session_id: str) -> Session | None:
        """Forget it. Of several who do so at once one is given it; ``None``: it had ended or run out."""

    # audit -----------------------------------------------------------------------------------------------------------

    async def append(self, event: AuditEvent) -> None: ...

    async def unsealed(self, limit: int) -> Sequence[AuditEvent]:
        """Oldest id first."""

    async def chain_head(self, *, lock: bool = False) -> ChainHead: ...

    async def seal(self, events: Sequence[AuditEvent], head: ChainHead) -> None:
        """Write ``seq`` and ``hash`` of the events, and the new head (read with ``lock`` in this unit of work)."""

    async def list_audit(
        self, *, after: int = 0, limit: int = 500, run_id: str | None = None, request_id: str | None = None
    ) -> Sequence[AuditEvent]:
        """Sealed events with ``seq > after``, in order."""

    async def find_audit(
        self, search: AuditSearch, *, cursor: int | None = None, newest_first: bool = False, limit: int = 100
    ) -> Sequence[AuditEvent]:
        """Sealed events that fit, in order, behind the one with number ``cursor``; ``newest_first``: in the other direction."""

    async def tally(self) -> Tally:
        """Count what waits and what went wrong."""

    # what is out of order, for the diagnosis: bounded pages of what is not finished ------------------------------------

    async def active_runs(self, *, after: str = "", limit: int = 100) -> Sequence[Run]:
        """Running and suspended runs in the order of their threads, behind the thread ``after``."""

    async def unasked_runs(
        self, *, among: Collection[str], after: str = "", limit: int = 100
    ) -> Sequence[Run]:
        """The same of graphs ``among``: suspended and at rest (lease free, nothing wanted), and no request of theirs is pending."""

    async def unknown_actions(self, *, after: str = "", limit: int = 100) -> Sequence[Action]:
        """Acts whose outcome is not known, oldest first, behind the id ``after``."""

    async def undelivered(self, topic: Mail, *, after: str = "", limit: int = 100) -> Sequence[Undelivered]:
        """What was given up, oldest first, behind the id ``after``."""

    async def deliver_again(self, topic: Mail, key: str) -> str | None:
        """Make it due at once, as after a first attempt: whoever carries it looks whether that one arrived.

        Its channel; ``None``: it was not given up.
        """

    async def beside(self, write: Callable[[Any], Awaitable[T]]) -> T:
        """Have something that is not ours (a job queue) write in this transaction: it is given the driver's own connection.

        Raises ``ConfigurationError`` where the database has none to lend.
        """

    # due work, for the sweep -----------------------------------------------------------------------------------------

    async def due(
        self, topic: Topic, limit: int = 100, *, among: Collection[str] | None = None
    ) -> Mapping[str, str]:
        """What ``topic``'s reconciler should look at now, oldest first: id → graph (run, request) or channel (card, notice, delivery).

        ``among``: only what these graphs or channels have to do with; for the rest this process could do nothing.

        run: not final, lease free, and (``wanted > seen``, or running and driven by us: its driver died); a queued run only when
        its thread has no active run and it is the thread's oldest queued one.
        request: pending, its ``due_at`` has passed.
        card / notice / delivery: unfinished, due, lease free.
        """


class Store(Protocol):
    """A database. Async once; it lives on one event loop."""

    def begin(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work that may write: commits when the block ends, rolls back when it raises."""

    def read(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work that only reads, one snapshot; does not wait for writers where the database allows it.

        A verb that writes, or reads with ``lock``, raises in it.
        """

    def glance(self) -> AbstractAsyncContextManager[UnitOfWork]:
        """``read`` for a single query: of two, each would see what is there at its own time."""

    async def prepare(self) -> None:
        """Create or upgrade the schema where that is ours to do; raises ``DatabaseUnreachable`` or ``MigrationNeeded``."""

    async def close(self) -> None: ...
