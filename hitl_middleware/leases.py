"""What this process holds: leases of runs and claims of actions, renewed together while they are used.

A holder that dies stops renewing; by database time its leases run out and its claims become ``unknown``. A holder that was only
paused finds out before it acts: a claim knows until when it was last renewed and is not spent after that.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from hitl_middleware.actions import same_args
from hitl_middleware.errors import AlreadyExecuted, ArgumentsChanged, HitlError, LeaseLost
from hitl_middleware.ports import Clock, Store
from hitl_middleware.records import Action, Lease


@dataclass(slots=True, eq=False)
class Claim:
    """The right to perform one action once. Spent in the tool's body, immediately before the effect.

    ``good_until`` is in this process's monotonic seconds: a process that slept through its lease must not act on it.
    """

    action: Action
    claim_id: str
    good_until: float
    monotonic: Callable[[], float]
    lease: Lease | None = None
    """Under which its run is driven, where it is driven under one."""
    ended: list[BaseException | None] = field(default_factory=list)
    """How the tool's body ended, attempt by attempt (``None``: normally), whatever a handler around it made of that."""
    refused: bool = False
    """Whether somebody tried to enter the body again."""
    _spent: bool = False
    _withdrawn: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def spend(self) -> None:
        """Use it up.

        Raises ``AlreadyExecuted`` the second time (unless the tool is idempotent) and ``LeaseLost`` when it was not renewed in time
        or was given back.
        """
        with self._lock:
            if self._withdrawn:
                raise LeaseLost(run=self.action.run_id)
            if self._spent and not self.action.idempotent:
                self.refused = True
                raise AlreadyExecuted(tool=self.action.tool)
            if not self._spent and self.monotonic() > self.good_until:
                raise LeaseLost(run=self.action.run_id)
            self._spent = True

    def withdraw(self) -> bool:
        """Take it back before it is spent; ``False``: the effect may have begun.

        A cancelled call may still have a thread on its way into the tool's body: what it holds must be worth nothing by then.
        """
        with self._lock:
            self._withdrawn = not self._spent
            return self._withdrawn

    def check(self, args: dict[str, object]) -> None:
        """Raise ``ArgumentsChanged`` unless these are the arguments that were approved."""
        if not same_args(self.action.args, args):
            raise ArgumentsChanged(tool=self.action.tool)


class Holdings:
    """Everything this process must keep alive. ``owner`` names the process; ``seconds`` is HITL_LEASE_SECONDS."""

    def __init__(self, store: Store, clock: Clock, *, owner: str, seconds: float) -> None:
        self._store = store
        self._clock = clock
        self.owner = owner
        self.seconds = seconds
        self._claims: dict[str, Claim] = {}
        self._leases: dict[str, Lease] = {}
        self._threads: dict[str, Lease] = {}
        self._renewed = clock.monotonic()
        self._keeper: asyncio.Task[None] | None = None
        self._lock = threading.Lock()

    def hold_claim(self, action: Action, claim_id: str, asked_at: float, lease: Lease | None = None) -> Claim:
        """Begin to renew a claim. ``asked_at``: monotonic time *before* the claim was asked for – the safe side.

        Called on the store's loop.
        """
        claim = Claim(action, claim_id, asked_at + self.seconds, self._clock.monotonic, lease)
        with self._lock:
            self._claims[claim_id] = claim
        if self._keeper is None or self._keeper.done():
            self._keeper = asyncio.get_running_loop().create_task(self._keep())
        return claim

    def drop_claim(self, claim_id: str) -> None:
        """Stop renewing."""
        with self._lock:
            self._claims.pop(claim_id, None)

    def hold_lease(self, lease: Lease, thread_id: str | None = None) -> None:
        """Begin to renew a lease; with ``thread_id`` the gate finds it for calls on that thread in this process."""
        with self._lock:
            self._leases[lease.run_id] = lease
            if thread_id is not None:
                self._threads[thread_id] = lease

    def drop_lease(self, lease: Lease) -> None:
        """Stop renewing."""
        with self._lock:
            if self._leases.get(lease.run_id) == lease:
                del self._leases[lease.run_id]
            for thread_id in [t for t, held in self._threads.items() if held == lease]:
                del self._threads[thread_id]

    def lease_on(self, thread_id: str) -> Lease | None:
        """The lease under which this process's own caller runs the thread."""
        return self._threads.get(thread_id)

    def holds(self, lease: Lease) -> bool:
        """Whether the lease was still ours at the last renewal."""
        return self._leases.get(lease.run_id) == lease

    async def _keep(self) -> None:
        """Renew claims where nobody else does: a graph may run in a process that does nothing by itself (an Agent Server's)."""
        while self._claims:
            await asyncio.sleep(self.seconds / 3)
            if self._claims and self._clock.monotonic() - self._renewed > self.seconds / 3:
                with suppress(HitlError):  # the database is away; a claim that is not renewed is not spent
                    await self.renew()

    async def renew(self) -> None:
        """One heartbeat; call it every third of a lease."""
        self._renewed = self._clock.monotonic()
        with self._lock:
            claims = dict(self._claims)
            leases = sorted(self._leases.values(), key=lambda lease: lease.run_id)
        # Two units, for runs are locked before actions; and runs in the order of their ids, as everywhere.
        if claims:
            asked_at = self._clock.monotonic()
            async with self._store.begin() as uow:
                alive = await uow.renew_claims(list(claims), self.owner, self.seconds)
            for claim_id in alive:
                claims[claim_id].good_until = asked_at + self.seconds
        if not leases:
            return
        async with self._store.begin() as uow:
            lost = [lease for lease in leases if not await uow.renew_lease(lease, self.seconds)]
        for lease in lost:
            self.drop_lease(lease)
